"""No box at all: the command runs as the person, where the person's files are (tier `none`).

Covers: limits on time, memory, processes, disk and output, softly; the descendants that can be found are killed,
at the end and after a SIGKILL of overnight. Does not cover: files, network, environment of other processes, and a
descendant that hides well enough (a session of its own, its marker wiped, born and orphaned between two looks).
Mounts cannot be had: the command runs at real paths.
"""

import contextlib
import ctypes
import errno
import itertools
import os
import resource
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from overnight.errors import MachineError
from overnight.model.box import Box, Completed, Coverage, Limits
from overnight.model.contract import Tier
from overnight.ports import Running
from overnight.sandbox.guardian import NAME, guarded
from overnight.sandbox.holding import Watchdog
from overnight.sandbox.kernel import NO_CORE_DUMP, PR_SET_PDEATHSIG, adopt_orphans, pick_cores
from overnight.sandbox.processes import Process, children, look, read, tree
from overnight.sandbox.watch import Used, Watched

DEATH_SECONDS = 5.0
PAUSE = 0.002
NOT_A_COMMAND = (errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP, errno.EISDIR)
LINUX = sys.platform == "linux"


class Unboxed:
    """A `Sandbox` of tier none: `Box.cwd` and every path in `Box.env` must be real paths of this machine.

    `start` must be called from a thread that outlives the command, as with every sandbox here.
    """

    def __init__(self) -> None:
        self._turns = itertools.count()

    def covers(self) -> Coverage:
        """Tier none, soft limits, no mounts."""
        return Coverage(
            tier=Tier.none,
            name="none",
            limits="soft",
            mounts=False,
            covers=("limits of time, memory, processes, disk and output, looked at every 20 ms",),
            lacks=(
                "files: everything that you may read or write, the command may too",
                "network: the machine's",
                "processes: a descendant that hides can outlive the command, and overnight",
            ),
        )

    def identity(self) -> tuple[str, ...]:
        """Nothing is claimed, so nothing needs a proof."""
        return ()

    def start(self, box: Box) -> Running:
        """Start the command in a session of its own.

        Raises:
            MachineError: `cwd` does not exist or no process can be started.
        """
        if not Path(box.cwd).is_dir():
            raise MachineError(f"the folder {box.cwd}, in which a command was to run, does not exist")
        if LINUX:
            adopt_orphans()
        mark = {NAME: f"{guarded()[NAME] if LINUX else ''}.{secrets.token_hex(4)}"}
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            outputs: dict[str, int] = {}
            streams = {} if box.stdout is None else {"stdout": box.stdout}
            for name in {"stdout", "stderr"} - streams.keys():
                outputs[name], streams[name] = os.pipe()
                ours.callback(os.close, outputs[name])
                theirs.callback(os.close, streams[name])
            try:
                process = subprocess.Popen(
                    box.command,
                    cwd=box.cwd,
                    env={**dict(box.env), **mark},
                    stdin=subprocess.DEVNULL if box.stdin is None else box.stdin,
                    stdout=streams["stdout"],
                    stderr=streams["stderr"],
                    pass_fds=box.fds,
                    start_new_session=True,
                    preexec_fn=_preparation(box.limits, next(self._turns)),  # noqa: PLW1509  it only makes system calls
                )
            except OSError as error:
                if error.errno not in NOT_A_COMMAND:
                    raise MachineError(f"{box.command[0]} could not be started: {error}") from error
                return _NeverRan(box.command[0], error)
            ours.pop_all()
        folders = tuple(mount.source for mount in box.mounts if mount.kind == "write")
        family = _Family(process, mark[NAME])
        return Watched(family, box.limits, outputs, Watchdog(family, box.limits, folders))


def _preparation(limits: Limits, turn: int) -> Callable[[], None]:
    """What the child does between fork and exec; everything that needs Python's locks is done here, before."""
    cores = pick_cores(limits.cpus, turn) if LINUX else None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, NO_CORE_DUMP)
        if limits.disk is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limits.disk, limits.disk))
        if cores is not None:
            os.sched_setaffinity(0, cores)
        if LINUX:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


class _NeverRan:
    """A command that is not there or cannot be executed: its failure, with the code that a shell would give."""

    def __init__(self, name: str, error: OSError) -> None:
        code = 127 if error.errno == errno.ENOENT else 126
        self._completed = Completed(code=code, stderr=f"{name}: {error.strerror}\n".encode())

    def wait(self) -> Completed:
        """At once."""
        return self._completed

    def kill(self) -> None:
        """Nothing runs."""


class _Family:
    """A command and those descendants that can be found: by parent, by session, by having been seen, by marker."""

    def __init__(self, process: "subprocess.Popen[bytes]", mark: str) -> None:
        self._process = process
        self._marker = f"{NAME}={mark}".encode()
        self._seen: set[tuple[int, float]] = set()
        self._strangers: set[tuple[int, float]] = set()
        self._lock = threading.Lock()
        self._code = 0
        self.exit_fd: int | None = os.pidfd_open(process.pid) if LINUX else None

    def ended(self) -> bool:
        """Whether the command is a zombie or gone."""
        process = look(self._process.pid)
        return process is None or process.state == "Z"

    def processes(self, at_most: int | None) -> list[Process]:
        """The command's tree and every orphan of it that is now ours."""
        with self._lock:
            found = tree((self._process.pid, *self._orphans()), at_most)
            self._seen.update((process.pid, process.started) for process in found)
            return found

    def _orphans(self) -> list[int]:
        """Children of this very process that came from the command."""
        ours = []
        for pid in children(os.getpid()):
            process = look(pid) if pid != self._process.pid else None
            if process is None or (process.pid, process.started) in self._strangers:
                continue
            name = (process.pid, process.started)
            if (
                name in self._seen
                or process.session == self._process.pid
                or self._marker in read(f"/proc/{pid}/environ").split(b"\0")
            ):
                ours.append(pid)
            elif process.state != "Z":
                self._strangers.add(name)
        return ours

    def temporary_bytes(self) -> int:
        """There are no temporary file systems of our own."""
        return 0

    def clocked(self) -> float:
        """Without a box the clock would begin too late."""
        return 0.0

    def terminate(self) -> None:
        """SIGTERM for the command."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """One SIGKILL for the command's process group and for everybody else who can be found now."""
        self._kill_all(self.processes(None))

    def reap(self) -> Used:
        """Kill in rounds until nobody is found any more, taking in orphans on the way."""
        deadline = time.monotonic() + DEATH_SECONDS
        spent = 0.0
        while alive := [process for process in self.processes(None) if process.pid != self._process.pid]:
            self._kill_all(alive)
            spent += sum(_bury(process.pid) for process in alive if process.state == "Z")
            if time.monotonic() > deadline:
                raise MachineError(f"{len(alive)} processes of a command that runs without a box do not die")
            time.sleep(PAUSE)  # orphans have no descriptor to wait on
        self._kill_all(self.processes(None))
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = self._code = os.waitstatus_to_exitcode(status)
        # The largest size that the kernel noted may be ours, from before the exec: it is not believed.
        return Used(usage.ru_utime + usage.ru_stime + spent, 0)

    def _kill_all(self, processes: Sequence[Process]) -> None:
        """SIGKILL by group, which no fork can outrun; every group below the command's session is its own."""
        groups = set()
        for process in processes:
            if process.state != "Z":
                with contextlib.suppress(ProcessLookupError):
                    groups.add(os.getpgid(process.pid))
        for group in groups - {os.getpgrp()}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)

    def code(self, stderr: bytes) -> int:  # noqa: ARG002  the command speaks for itself here
        """The exit status."""
        return self._code

    def close(self) -> None:
        """Give back the descriptor."""
        if self.exit_fd is not None:
            os.close(self.exit_fd)
            self.exit_fd = None


def _bury(pid: int) -> float:
    """Wait for a dead orphan that is our child; the CPU seconds of it and of those it had waited for."""
    with contextlib.suppress(ChildProcessError):
        _, _, usage = os.wait4(pid, os.WNOHANG)
        return usage.ru_utime + usage.ru_stime
    return 0.0
