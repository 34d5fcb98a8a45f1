"""What every Agent must do, as tests that a third party inherits.

    class TestMine(AgentContract):
        deterministic = True
        def agent(self, folder): return MyAgent(...)

The methods that begin with `test_` need pytest's `tmp_path` and nothing else. Does not see a process that has left both
our family and the workdir.
"""

import hashlib
import os
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import psutil

from overnight.model.brief import AgentBudget, Brief
from overnight.model.contract import Objective
from overnight.model.experiment import Outcome, Proposal
from overnight.model.state import Experiment
from overnight.ports import Agent


def _require(condition: bool, rule: str) -> None:  # noqa: FBT001 - reads like an assert
    if not condition:
        raise AssertionError(rule)


def brief_for_test(
    number: int = 1, *, edit: tuple[str, ...] = ("train.py",), seed: int = 7, attempts: tuple[Experiment, ...] = ()
) -> Brief:
    """A small brief for experiment `number` on a baseline of value 1.0, to be minimized."""
    baseline = Experiment(number=0, parent=0, outcome=Outcome.baseline, value=1.0)
    return Brief(
        study="conformance",
        number=number,
        text="# Lower `loss`\n\nYou may edit train.py.\n",
        objective=Objective(metric="loss"),
        edit=edit,
        parent=baseline,
        best=baseline,
        attempts=(baseline, *attempts),
        seed=seed,
    )


class AgentContract(ABC):
    """Inherit, implement `agent`, and let pytest collect the subclass.

    `files` is what a checkout holds; train.py may be edited. `deterministic` says that the agent promises the same
    files and words for the same brief. `wall` and `grace` are seconds: the limit given, and what a box may need
    beside it.
    """

    files: ClassVar[Mapping[str, str]] = {"train.py": "DEPTH = 8\nRATE = 0.1\n"}
    deterministic: ClassVar[bool] = False
    wall: ClassVar[float] = 20.0
    grace: ClassVar[float] = 10.0

    @abstractmethod
    def agent(self, folder: Path) -> Agent:
        """A new agent; whatever it keeps for itself goes below `folder`, which no check looks at."""

    def test_it_edits_only_below_its_workdir(self, tmp_path: Path) -> None:
        """Nothing beside the workdir changes, although links in it point there."""
        workdir = self._checkout(tmp_path / "checkout", self.files)
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "precious.py").write_text("PRECIOUS = 8\n")
        (workdir / "linked.py").symlink_to(outside / "precious.py")
        (workdir / "linked").symlink_to(outside, target_is_directory=True)
        own = tmp_path / "own"
        before = fingerprint(tmp_path, without=(workdir, own))
        self._propose(own, brief_for_test(edit=("train.py", "linked.py", "linked/**")), workdir)
        after = fingerprint(tmp_path, without=(workdir, own))
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        _require(not [path for path in changed if path != "own"], f"changed outside the workdir: {changed}")

    def test_it_leaves_no_process(self, tmp_path: Path) -> None:
        """When `propose` returns, nothing that it started is alive."""
        workdir = self._checkout(tmp_path / "checkout", self.files)
        before = _processes(workdir)
        self._propose(tmp_path / "own", brief_for_test(), workdir)
        left = {pid: name for pid, name in _processes(workdir).items() if pid not in before}
        _require(not left, f"the agent left processes behind: {left}")

    def test_it_returns_in_time(self, tmp_path: Path) -> None:
        """`propose` returns within a short wall limit, and a little."""
        workdir = self._checkout(tmp_path / "checkout", self.files)
        began = time.monotonic()
        self._propose(tmp_path / "own", brief_for_test(), workdir, wall=1.0)
        took = time.monotonic() - began
        _require(took <= 1.0 + self.grace, f"the agent took {took:.1f} s with a limit of 1 s")

    def test_it_answers_in_an_empty_folder(self, tmp_path: Path) -> None:
        """An empty workdir is answered with a Proposal, not with an exception."""
        self._propose(tmp_path / "own", brief_for_test(), self._checkout(tmp_path / "checkout", {}))

    def test_the_same_brief_gives_the_same_files_if_it_says_so(self, tmp_path: Path) -> None:
        """Two fresh agents make the same files and say the same."""
        if not self.deterministic:
            return
        results = []
        for turn in ("first", "second"):
            workdir = self._checkout(tmp_path / "checkout", self.files)
            proposal = self._propose(tmp_path / turn, brief_for_test(), workdir)
            results.append((fingerprint(workdir), proposal.summary, proposal.parameters, proposal.unavailable))
            workdir.rename(tmp_path / f"{turn}-checkout")
        _require(results[0] == results[1], f"two runs on one brief differ: {results[0][1:]} and {results[1][1:]}")

    def _propose(self, own: Path, brief: Brief, workdir: Path, wall: float | None = None) -> Proposal:
        own.mkdir(exist_ok=True)
        try:
            proposal = self.agent(own).propose(brief, workdir, AgentBudget(wall=self.wall if wall is None else wall))
        except Exception as error:  # the promise under test is that nothing is raised, whatever it may be
            raise AssertionError(f"the agent raised {type(error).__name__}: {error}") from error
        _require(isinstance(proposal, Proposal), f"the agent returned {type(proposal).__name__}, not a Proposal")
        return proposal

    @staticmethod
    def _checkout(folder: Path, files: Mapping[str, str]) -> Path:
        folder.mkdir(parents=True)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder


def fingerprint(folder: Path, without: tuple[Path, ...] = ()) -> dict[str, str]:
    """Path (relative to `folder`) to type, permission bits and a digest of the content, of everything below."""
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in without]
        for name in (*folders, *names):
            path = Path(place, name)
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            content = os.fsencode(path.readlink()) if stat.S_ISLNK(status.st_mode) else content
            found[str(path.relative_to(folder))] = f"{status.st_mode:o} {hashlib.sha256(content).hexdigest()}"
    return found


def _processes(workdir: Path) -> dict[int, str]:
    """Living processes below this one or with their current folder in `workdir`, by id.

    The sandbox's guardian is left out: it belongs to the process that uses boxes and ends with it.
    """
    ours = {child.pid for child in psutil.Process().children(recursive=True)}
    found = {}
    for process in psutil.process_iter():
        try:
            inside = process.pid in ours or Path(process.cwd()).is_relative_to(workdir)
            if inside and process.status() != psutil.STATUS_ZOMBIE and "overnight-guardian" not in process.cmdline():
                found[process.pid] = process.name()
        except (psutil.Error, OSError):
            continue
    return found
