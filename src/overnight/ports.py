"""The Protocols between the rooms: each of one to three methods, no base class to inherit from.

Public, for third parties: Agent, Sandbox (with Running), Policy, Executor, Sink.
Internal, so that the rooms need not know each other: Decision, Workspace, Surgeon, Judge, Ledger.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from random import Random
from typing import Protocol, TypeVar, runtime_checkable

from overnight.model.box import Box, Completed, Coverage
from overnight.model.brief import AgentBudget, Brief
from overnight.model.contract import Contract
from overnight.model.event import Event
from overnight.model.experiment import Ask, Change, Curve, Measurement, Proposal, Verdict
from overnight.model.state import State
from overnight.model.step import Again, Publish, Read

Result = TypeVar("Result")


class Agent(Protocol):
    """Anything that edits files."""

    def propose(self, brief: Brief, workdir: Path, budget: AgentBudget) -> Proposal:
        """Edit files below `workdir` and say what was done; only the files will be believed.

        `workdir` is the folder of program.md inside a private checkout that the agent may wreck. Must return
        within `budget.wall` seconds (plus a little) and leave no process behind. Does not raise for a failing
        agent: the Proposal's `note` or `unavailable` says so.
        """
        ...


class Running(Protocol):
    """A boxed command that has been started."""

    def wait(self) -> Completed:
        """Block until every process of the box is dead; idempotent."""
        ...

    def kill(self) -> None:
        """End every process of the box now; `wait` then reports `cancelled`."""
        ...


@runtime_checkable
class Networked(Protocol):
    """A `Running` whose box may have a network of its own; optional, see `Coverage.private_network`."""

    def network(self) -> int | None:
        """A new descriptor of the box's network namespace, the caller's to close.

        None when the box is dead or has the machine's network.
        """
        ...


@runtime_checkable
class Overheard(Protocol):
    """A `Running` whose output can be read while it runs; optional: without it no run is ended early."""

    def printed(self) -> bytes:
        """Everything on its standard output so far, at most `limits.output` bytes; from any thread."""
        ...

    def kill(self) -> None:
        """As `Running.kill`."""
        ...


class Sandbox(Protocol):
    """Runs one command with limits on its whole process tree."""

    def covers(self) -> Coverage:
        """What this sandbox isolates and what it does not, honestly."""
        ...

    def start(self, box: Box) -> Running:
        """Start `box.command`; the limits run from now.

        Raises:
            MachineError: the box itself could not be set up (never for a failing command).
        """
        ...


class Policy(Protocol):
    """A search strategy without memory of its own: the state holds everything."""

    def ask(self, state: State, rng: Random) -> Ask | Again:
        """Where to look next, or which candidate to read again first.

        Pure: the same state and rng give the same answer. Called when nothing is pending; `state.frontier` holds the
        candidates that may be built on.
        """
        ...


class Decision(Protocol):
    """When a candidate is the best, and how often it is read until that is known."""

    def weigh(self, state: State, number: int) -> Verdict | Read:
        """The verdict on experiment `number`, which was read at least once, or the reading that it needs first."""
        ...

    def publish(self, state: State) -> Publish | None:
        """The experiment, judged before, that is the best by now; None = the best so far stays."""
        ...

    def closing(self, state: State) -> Read | None:
        """A reading that helps to choose the final best, once no more proposals are asked for."""
        ...


class Executor(Protocol):
    """Runs tasks somewhere."""

    def submit(self, task: Callable[[], Result]) -> "Future[Result]":
        """Start `task`; its exception, if any, is the future's."""
        ...


class Sink(Protocol):
    """A consumer of events: console, mirror, webhook. A failing sink is noted and never stops a study."""

    def emit(self, event: Event, state: State) -> None:
        """`event` is in the ledger; `state` includes it."""
        ...


class Workspace(Protocol):
    """Trees in and out of the person's repository, which is never checked out, staged or reset."""

    def checkout(self, tree: str, into: Path) -> None:
        """Write every file of git tree `tree` below the empty or new folder `into`."""
        ...

    def gate(self, directory: Path, parent: str, contract: Contract, summary: str) -> Change:
        """Read a hostile checkout of commit `parent` as bytes and say what changed.

        Without breaches the result's tree and commit exist in the repository; with breaches they are the
        parent's. Runs no git in `directory`, follows no link, opens no device.
        """
        ...


class Surgeon(Protocol):
    """Takes changes out of trees, in memory; the same arguments always give the same tree."""

    def without(self, number: int, removed: tuple[int, ...], state: State) -> str | None:
        """The tree of experiment `number` without changes `removed` of its lineage; None where others stand on them."""
        ...

    def commit(self, tree: str, number: int, removed: tuple[int, ...], state: State) -> str:
        """A commit of that tree, for a ledger to keep."""
        ...


class Judge(Protocol):
    """Measures a candidate where the candidate cannot touch the number."""

    def measure(
        self, tree: str, seed: int, split: str = "", *, ask: Callable[[Curve], str] | None = None
    ) -> Measurement:
        """One run on candidate `tree`; a failing candidate is a Measurement with a failure.

        With `ask` the progress that the judge prints is in the result, and `ask` hears it on the way, in any thread;
        its answer "" lets the run go on, a sentence ends it as `hopeless`.

        Raises:
            MachineError: our own machine failed; nothing may be concluded about the candidate.
        """
        ...


class Ledger(Protocol):
    """The append-only history of a study."""

    def read(self, after: str = "") -> Iterator[tuple[str, tuple[Event, ...]]]:
        """(entry id, its events) in order, from the start or after entry `after`.

        Raises:
            LedgerError: the history was deleted, forked or does not decode.
        """
        ...

    def append(self, events: Sequence[Event], *, head: str, candidate: str = "", durable: bool = False) -> str:
        """Write `events` atomically after entry `head` ("" = an empty ledger) and return the new entry's id.

        `candidate` is a commit to keep reachable for ever. With `durable` the entry and everything that it
        reaches survive a power cut once this returns.

        Raises:
            ConflictError: somebody appended after `head`; nothing was written.
        """
        ...
