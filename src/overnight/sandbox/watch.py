"""Watches one started process tree: reads its output, holds it to its limits, reports its end.

Every tree gets a small thread of its own, so that two boxes which talk to each other are both held to their
limits while somebody waits for only one of them. Wall time and output are held here; what else is limited, and how
hard, is the `Holder`'s part, which is asked every so often.
"""

import contextlib
import math
import os
import select
import threading
import time
from typing import Literal, NamedTuple, Protocol

from overnight.errors import MachineError, OvernightError
from overnight.model.box import Completed, Limits
from overnight.sandbox.processes import Process

SHARE = 20  # a look at a tree of thousands may cost one part in twenty of a core, no more
SUSPENDED = 0.1

Stopped = Literal["", "wall", "cpu", "memory", "pids", "disk", "output", "cancelled"]


class Used(NamedTuple):
    """What a dead tree has used by the kernel's own account: CPU seconds, bytes of its largest process; 0 = unknown.

    `own` are CPU seconds of the box itself, which are in neither.
    """

    cpu_seconds: float
    largest: int
    own: float = 0.0


class Totals(NamedTuple):
    """What a dead tree has used, and which limit it turned out to have passed."""

    stopped: Stopped
    cpu_seconds: float
    peak_memory: int


class Tree(Protocol):
    """A started process tree, as a kind of sandbox knows it."""

    exit_fd: int | None

    def ended(self) -> bool:
        """Whether the command itself has ended; asked when there is no `exit_fd` to wait on."""
        ...

    def processes(self, at_most: int | None) -> list[Process]:
        """Every living process of the command; may stop counting above `at_most` tasks."""
        ...

    def temporary_bytes(self) -> int:
        """Bytes in the tree's temporary file systems."""
        ...

    def clocked(self) -> float:
        """CPU seconds of all that has lived in the tree so far, by a clock of the kernel's; 0 where there is none."""
        ...

    def terminate(self) -> None:
        """Ask the command, and only it, to end (SIGTERM)."""
        ...

    def kill(self) -> None:
        """SIGKILL for every process; returns at once. Harmless after the end."""
        ...

    def reap(self) -> Used:
        """Kill what is left and return once everything is dead.

        Raises:
            MachineError: a process cannot be killed.
        """
        ...

    def code(self, stderr: bytes) -> int:
        """Exit status of the reaped command, negative = signal; `stderr` is all that was printed there.

        Raises:
            MachineError: the box failed rather than the command.
        """
        ...

    def close(self) -> None:
        """Give back descriptors; called once, last."""
        ...


class Holder(Protocol):
    """Holds a tree to its limits on memory, processes, CPU time and disk.

    It wants to look after `first` seconds, and then every `period` seconds.
    """

    first: float
    period: float

    def look(self, now: float) -> Stopped:
        """The limit that the tree is over at monotonic time `now`, or "".

        Raises:
            MachineError: the limits no longer hold.
        """
        ...

    def conclude(self, used: Used, code: int, now: float) -> Totals:
        """What the dead tree has used; it ended with `code`.

        Raises:
            MachineError: the limits did not hold to the end.
        """
        ...


class Watched:
    """A `Running` for any `Tree`. `outputs` maps "stdout" and "stderr" to the reading ends of our pipes."""

    def __init__(self, tree: Tree, limits: Limits, outputs: dict[str, int], holder: Holder) -> None:
        self._tree = tree
        self._limits = limits
        self._holder = holder
        self._outputs = outputs
        self._captured = {"stdout": bytearray(), "stderr": bytearray()}
        self._flooded = False
        self._stopped: Stopped = ""
        self._kill_at: float | None = None
        self._started = time.monotonic()
        self._suspended = _suspended_seconds()
        self._lock = threading.Lock()
        self._over = False
        self._finished = threading.Event()
        self._completed: Completed | None = None
        self._used: Used | None = None
        self._error: OvernightError | None = None
        threading.Thread(target=self._watch, name="overnight-watch", daemon=True).start()

    def wait(self) -> Completed:
        """Block until every process is dead; idempotent.

        Raises:
            MachineError: the box failed rather than the command.
        """
        self._finished.wait()
        if self._completed is None:
            raise self._error or MachineError("the watcher of a box ended without a result")
        return self._completed

    def printed(self) -> bytes:
        """What stands on standard output so far, as `Overheard` says; empty where that goes elsewhere."""
        return bytes(self._captured["stdout"])

    def kill(self) -> None:
        """End every process now; `wait` then reports `cancelled`, unless it had ended or was being stopped."""
        with self._lock:
            if not self._over:
                self._stopped = self._stopped or "cancelled"
                self._tree.kill()

    def _watch(self) -> None:
        try:
            ended_at = self._attend()
            self._completed = self._conclude(ended_at)
        except OvernightError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001  a thread's error must reach the one who waits, whatever it is
            self._error = MachineError(f"the watcher of a box failed: {type(error).__name__}: {error}")
        finally:
            try:
                self._tidy_up()
            finally:
                self._finished.set()  # whatever went wrong: nobody may wait for ever

    def _tidy_up(self) -> None:
        """Everything dead, every descriptor given back."""
        with contextlib.suppress(OvernightError, OSError):  # the first error is the one to tell
            self._reap()
        with self._lock:
            self._over = True
            self._tree.kill()
            self._tree.close()
        for descriptor in self._outputs.values():
            os.close(descriptor)

    def _attend(self) -> float:
        """Serve output and limits until the command has ended; the monotonic time of the end."""
        poller = select.poll()
        names: dict[int, str] = {}
        for name, descriptor in self._outputs.items():
            os.set_blocking(descriptor, False)
            poller.register(descriptor, select.POLLIN)
            names[descriptor] = name
        if self._tree.exit_fd is not None:
            poller.register(self._tree.exit_fd, select.POLLIN)
        next_look = self._started + self._holder.first
        while True:
            due = min(next_look, self._kill_at or self._started + self._limits.wall)
            ready = poller.poll(math.ceil(1000 * max(0.0, due - time.monotonic())))
            now = time.monotonic()
            for descriptor, _ in ready:
                if descriptor not in names:
                    return now
                if not self._read(names[descriptor]):
                    poller.unregister(descriptor)
            if self._tree.exit_fd is None and self._tree.ended():
                return now
            self._hold_to_wall(now)
            if now >= next_look:
                over = self._holder.look(now)
                if over:
                    self._stop(over, polite=over == "cpu")
                done = time.monotonic()
                next_look = max(now + self._holder.period, done + SHARE * (done - now))

    def _read(self, name: str) -> bool:
        """Take what a pipe holds now; False when nothing more can come. More than the limit ends the command."""
        data = os.read(self._outputs[name], 65536)
        captured = self._captured[name]
        room = self._limits.output - len(captured)
        captured += data[:room]
        if len(data) > room:
            self._flooded = True
            self._stop("output")
        return bool(data)

    def _drain(self, name: str) -> None:
        """Take the rest of a pipe whose writers are dead, or were inherited by somebody who is not ours to wait for."""
        try:
            while self._read(name):
                pass
        except BlockingIOError:
            return

    def _hold_to_wall(self, now: float) -> None:
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = float("inf")
            self._tree.kill()
        elif self._kill_at is None and now - self._started >= self._limits.wall:
            self._stop("wall", polite=True)

    def _stop(self, reason: Stopped, *, polite: bool = False) -> None:
        """End the command for `reason`; the first reason stays. Only time limits are worth a polite word first."""
        first = not self._stopped
        self._stopped = self._stopped or reason
        if polite and self._limits.grace > 0:
            if first:
                self._kill_at = time.monotonic() + self._limits.grace
                self._tree.terminate()
        else:
            self._kill_at = float("inf")
            self._tree.kill()

    def _reap(self) -> Used:
        """Everything dead; done once."""
        if self._used is None:
            self._used = self._tree.reap()
        return self._used

    def _conclude(self, ended_at: float) -> Completed:
        """Everything dead first, then the rest of the output, then the verdict on the limits."""
        used = self._reap()
        for name in self._outputs:
            self._drain(name)
        code = self._tree.code(bytes(self._captured["stderr"]))
        wall = ended_at - self._started
        totals = self._holder.conclude(used, code, ended_at)
        self._stopped = self._stopped or totals.stopped
        if wall > self._limits.wall:
            self._stopped = self._stopped or "wall"
        return Completed(
            code=code,
            stopped=self._stopped,
            stdout=bytes(self._captured["stdout"]),
            stderr=bytes(self._captured["stderr"]),
            flooded=self._flooded,
            wall_seconds=wall,
            cpu_seconds=totals.cpu_seconds,
            peak_memory=totals.peak_memory,
            slept=_suspended_seconds() - self._suspended > SUSPENDED,
        )


def _suspended_seconds() -> float:
    """Seconds this machine has spent suspended since it booted; 0 where the system does not tell."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    if boottime is None:
        return 0.0
    return time.clock_gettime(boottime) - time.clock_gettime(time.CLOCK_MONOTONIC)
