"""A real repository, real boxes, and the judge that runs in them."""

import os
import subprocess
from pathlib import Path

from overnight.judge.runner import CommandJudge
from overnight.judge.seal import Seal
from overnight.model.contract import Budget, Contract, Objective
from overnight.model.experiment import Failure, Measurement
from overnight.model.value import lookup
from overnight.ports import Sandbox
from overnight.sandbox.bubblewrap import Bubblewrap
from overnight.sandbox.toolchain import resolve
from overnight.workspace import Repository, Trees

PYTHON = "/usr/bin/python3"
SECONDS = 20.0


class JudgeRoom:
    """`files` are tracked; `train.sh` may be edited. What is written to `root` afterwards is only on disk."""

    def __init__(self, top: Path, files: dict[str, str]) -> None:
        self.home = top / "home"
        self.root = self.home / "repository"
        self.scratch = top / "scratch"
        self.stubs = top / "stubs"
        self._index = top / "index"
        self.root.mkdir(parents=True)
        self._git("init", "-q")
        self.write({"train.sh": "true\n", **files})
        self._git("add", "-A")
        self._git("-c", "user.name=P", "-c", "user.email=p@example.org", "commit", "-q", "-m", "start")
        self.repository = Repository.discover(self.root)
        self.base = self.repository.head()[1]

    def _git(self, *words: str, **env: str) -> str:
        quiet = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        env = {**os.environ, **quiet, **env}
        return subprocess.run(["git", *words], cwd=self.root, env=env, check=True, capture_output=True).stdout.decode()

    def write(self, files: dict[str, str]) -> None:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def candidate(self, files: dict[str, str]) -> str:
        """The tree of the base with `files` in it."""
        self._git("read-tree", self.base, GIT_INDEX_FILE=str(self._index))
        for name, content in files.items():
            blob = subprocess.run(
                ["git", "hash-object", "-w", "--stdin"],
                cwd=self.root, input=content.encode(), check=True, capture_output=True,
            )  # fmt: skip
            info = f"100644,{blob.stdout.decode().strip()},{name}"
            self._git("update-index", "--add", "--cacheinfo", info, GIT_INDEX_FILE=str(self._index))
        return self._git("write-tree", GIT_INDEX_FILE=str(self._index)).strip()

    def contract(self, **keys: object) -> Contract:
        known = {"objective": Objective(metric="loss"), "edit": ("train.sh",), "budget": Budget(wall=SECONDS, grace=0)}
        return Contract(title="t", prose="", **{**known, **keys})

    def judge(
        self, contract: Contract, sandbox: Sandbox | None = None, environment: dict[str, str] | None = None
    ) -> CommandJudge:
        toolchain = resolve(
            (contract.run, contract.score),
            environment={"HOME": str(self.home), "PATH": "/usr/bin:/bin"},
            cwd=self.root,
            read=(),
            interpreter=PYTHON,
            stubs=self.stubs,
        )
        return CommandJudge(
            contract,
            root=self.root,
            base_tree=self.base,
            workspace=Trees(self.repository),
            sandbox=sandbox or Bubblewrap(),
            toolchain=toolchain,
            seal=Seal.of(contract, self.root, self.home),
            scratch=self.scratch,
            environment=environment or {},
            interpreter=PYTHON,
            host="here",
        )

    def measure(self, train: str = "true\n", *, split: str = "", seed: int = 7, **keys: object) -> Measurement:
        """One run of a candidate whose `train.sh` is `train`, under a contract of `keys`."""
        measurement = self.judge(self.contract(**keys)).measure(self.candidate({"train.sh": train}), seed, split)
        assert not list(self.scratch.iterdir()), "scratch must be empty after a run"
        return measurement

    def failure(self, train: str = "true\n", **keys: object) -> Failure:
        measurement = self.measure(train, **keys)
        assert measurement.failure is not None, measurement.values
        assert measurement.values == ()
        return measurement.failure

    def loss(self, train: str = "true\n", **keys: object) -> float | None:
        measurement = self.measure(train, **keys)
        assert measurement.failure is None, measurement.failure
        return lookup(measurement.values, "loss")
