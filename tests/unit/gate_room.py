"""A real repository, a checkout for an agent to wreck, and the gate that reads it."""

import os
import subprocess
from pathlib import Path

from overnight.model.contract import Contract, Objective
from overnight.model.experiment import Change
from overnight.workspace import Repository, Trees

FILES = {
    "program.md": "# Lower it\n",
    "train.py": "rate = 0.1\ndepth = 4\n",
    "prepare.py": "print('judge')\n",
    "src/model.py": "size = 1\n",
    "src/deep/layer.py": "width = 2\n",
    "tool.sh": "#!/bin/sh\n",
    ".gitignore": "*.log\nbuild/\n",
}


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Person", "-c", "user.email=person@example.org", "-c", "init.defaultBranch=main"]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    done = subprocess.run(["git", *identity, *words], cwd=folder, env=env, check=True, capture_output=True)
    return os.fsdecode(done.stdout).strip()


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def make_repository(folder: Path, files: dict[str, str | bytes] | None = None) -> Repository:
    folder.mkdir(parents=True)
    git(folder, "init")
    write(folder, FILES if files is None else files)
    if (folder / "tool.sh").exists():
        (folder / "tool.sh").chmod(0o755)
    git(folder, "add", "-A", "--force")
    git(folder, "commit", "--allow-empty", "-m", "start")
    return Repository.discover(folder)


def a_contract(*edit: str, folder: str = "", **keys: object) -> Contract:
    return Contract(title="t", prose="", folder=folder, objective=Objective(metric="x"), edit=edit, run="x", **keys)


class Room:
    """`work` is a checkout of HEAD; `gate()` reads it."""

    def __init__(self, base: Path, *edit: str, files: dict[str, str | bytes] | None = None, **keys: object) -> None:
        self.repository = make_repository(base / "repo", files)
        self.trees = Trees(self.repository)
        self.commit, self.tree = self.repository.head()
        self.contract = a_contract(*(edit or ("train.py", "src/**")), **keys)
        self.work = base / "work"
        self.trees.checkout(self.tree, self.work)

    def gate(self, summary: str = "a try") -> Change:
        return self.trees.gate(self.work, self.commit, self.contract, summary)

    def refusal(self) -> tuple[str, str]:
        """(path, rule) of the only breach; the candidate must then be the parent."""
        change = self.gate()
        assert (change.tree, change.commit) == (self.tree, self.commit)
        assert len(change.breaches) == 1, change.breaches
        return change.breaches[0].path, change.breaches[0].rule

    def content(self, change: Change, path: str) -> bytes | None:
        return self.repository.read(change.tree, path)


def picture(folder: Path) -> dict[str, object]:
    """Every path below `folder` with its type, execute bit and content."""
    seen: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            seen[name] = ("link", str(path.readlink()))
        elif path.is_file():
            seen[name] = (bool(path.stat().st_mode & 0o100), path.read_bytes())
    return seen
