"""What one study works with, put together by `overnight.wiring`."""

import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from overnight.engine.conduct import Conductor
from overnight.engine.recorder import Recorder
from overnight.engine.stop import Stopping
from overnight.model.contract import Contract, Stop
from overnight.model.value import Pairs
from overnight.ports import Agent, Judge, Surgeon, Workspace


class Progress(Protocol):
    """Told what is going on now, for whoever watches."""

    def __call__(self, phase: str, number: int, limit: float | None = None) -> None:
        """Phase `phase` of experiment `number` begins; it may take `limit` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Laboratory:
    """The rooms of one study. `counts` gives loc and diff_lines of a tree; `rested` runs after each experiment.

    `empty` is the baseline's tree with every editable file emptied, "" where there is nothing to empty; `despite` are
    the refusals that the person overrules by name. Without a `surgeon` nothing is taken out of a candidate.
    """

    contract: Contract
    recorder: Recorder
    workspace: Workspace
    judge: Judge
    agent: Agent
    conductor: Conductor
    agent_name: str
    scratch: Path
    counts: Callable[[str], Pairs]
    stop: Stop
    progress: Progress
    monotonic: Callable[[], float]
    rested: Callable[[], object]
    stopping: Stopping = field(default_factory=Stopping)
    empty: str = ""
    surgeon: Surgeon | None = None
    despite: tuple[str, ...] = ()

    def fresh(self, name: str) -> Path:
        """An empty folder `name` in the scratch, whatever was there before."""
        folder = self.scratch / name
        remove(folder)
        folder.mkdir(parents=True)
        return folder


def remove(folder: Path) -> None:
    """Delete a folder that a stranger may have filled: unreadable folders are opened, links are never followed."""

    def unlock(function: Callable[..., object], path: str, _error: object) -> None:
        parent = Path(path).parent
        parent.chmod(stat.S_IRWXU)
        if not Path(path).is_symlink() and Path(path).is_dir():
            Path(path).chmod(stat.S_IRWXU)
        function(path)

    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder, onerror=unlock)
