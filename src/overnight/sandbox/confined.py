"""Landlock and a system-call filter around one command, without namespaces (tier `confined`).

For machines that forbid namespaces: inside a default Docker container, Ubuntu without a profile for bwrap. Works the
same for root and for an ordinary person. Nothing is mounted: the command runs at the real paths of the machine.

Covers: contents of files (only what the box names can be read, only its writable mounts changed), network and local
sockets, signals, processes (the whole tree dies with the command and with overnight), environment, System V memory.
Does not cover: names (a path that cannot be opened can still be asked whether it exists, and `ps` shows what runs),
private temporary folders (there are none: /tmp and /dev/shm cannot be written), hard limits, a port on localhost,
side channels, bugs of the kernel.
"""

import contextlib
import itertools
import os
import select
import signal
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import msgspec

from overnight.errors import MachineError
from overnight.model.box import Box, Coverage
from overnight.model.contract import Tier
from overnight.ports import Running
from overnight.sandbox import confinement, landlock
from overnight.sandbox.calls import calls
from overnight.sandbox.guardian import guarded
from overnight.sandbox.holding import Watchdog
from overnight.sandbox.kernel import ARCHITECTURES, NO_CORE_DUMP, adopt_orphans, filter_path, pick_cores
from overnight.sandbox.processes import Process, children, executed_seconds, tree
from overnight.sandbox.refused import NotHereError
from overnight.sandbox.taskclock import TaskClock
from overnight.sandbox.watch import Used, Watched

DEATH_SECONDS = 60.0
# Where a box shows a file of ours in the place of one of these, the machine's own must do.
STAND_INS = ("/etc/passwd", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf")
COVERS = (
    "file contents: only what the box names can be read, only its writable folders changed",
    "network: no sockets but pairs of one's own, or the machine's network when the box asks for it",
    "signals and processes: none outside can be reached, the whole tree dies with the command, and with overnight",
    "environment: only the variables that the box names",
    "shared memory of System V, message queues, system calls that could open the box",
)
LACKS = (
    "names: whether a file exists, and the command lines of other processes, can be seen",
    "temporary folders of its own: /tmp and /dev/shm cannot be written, TMPDIR can",
    "hard limits: memory, CPU, processes and disk are looked at every 20 ms",
    "memory of the kernel's own: what pipes, sockets and detached segments hold is not counted",
    "CPU time of children that nobody waits for, where kernel.perf_event_paranoid is above 2",
    "other places: nothing is mounted, commands run at real paths",
    "a port on localhost: no sockets can be made at all",
)


class Confined:
    """A `Sandbox` of tier confined: `Box.cwd` and every path in `Box.env` must be real paths of this machine.

    A mount's source can be read (or written) at its own place; a tmpfs only hides what lies there. `start` must be
    called from a thread that outlives the box, as with every sandbox here.
    """

    def __init__(self) -> None:
        self._turns = itertools.count()

    def covers(self) -> Coverage:
        """Tier confined, soft limits, no mounts."""
        return Coverage(tier=Tier.confined, name="landlock", limits="soft", mounts=False, covers=COVERS, lacks=LACKS)

    def identity(self) -> tuple[str, ...]:
        """The kernel's Landlock, the interpreter that guards, and our filters.

        Raises:
            NotHereError: this kernel cannot confine.
        """
        spoken = landlock.version()
        if spoken < landlock.OLDEST:
            raise NotHereError(
                f"this kernel's Landlock is version {spoken}, and signals stay inside from version {landlock.OLDEST} on"
                if spoken
                else "this kernel has no Landlock, or has it switched off",
                "use Linux 6.12 or newer, with landlock among the security modules (lsm=landlock,... at boot)",
            )
        ours = (filter_path(), Path(confinement.__file__))
        return str(spoken), sys.executable, *(sha256(file.read_bytes()).hexdigest() for file in ours)

    def start(self, box: Box) -> Running:
        """Start the command in a session of its own, below a guard.

        Raises:
            NotHereError: this kernel cannot confine.
            MachineError: `cwd` or a mount's source does not exist, or no process can be started.
        """
        self.identity()
        for place in (box.cwd, *(mount.source for mount in box.mounts if mount.kind != "tmpfs")):
            if not Path(place).exists():
                raise MachineError(f"the box needs {place}, which does not exist")
        adopt_orphans()
        plan = msgspec.json.encode(_plan(box, pick_cores(box.limits.cpus, next(self._turns))))
        guarded_tree, outputs = _spawn(box, plan)
        folders = tuple(mount.source for mount in box.mounts if mount.kind == "write")
        return Watched(guarded_tree, box.limits, outputs, Watchdog(guarded_tree, box.limits, folders))


def _plan(box: Box, cores: set[int] | None) -> dict[str, object]:
    """Everything that the guard needs, as plain data; its keys are what `confinement` reads."""
    readable = [mount.source for mount in box.mounts if mount.kind == "read"]
    readable += [mount.target for mount in box.mounts if mount.target in STAND_INS and mount.kind == "read"]
    writable = [os.path.realpath(mount.source) for mount in box.mounts if mount.kind == "write"]
    holes = [mount.target for mount in box.mounts if mount.kind == "tmpfs"]
    asking = calls(network=box.network)
    return {
        "command": box.command,
        "cwd": box.cwd,
        "env": {**dict(box.env), **guarded()},
        "inherited": box.fds,
        "machine": ARCHITECTURES[os.uname().machine.lower()],
        "core": NO_CORE_DUMP,
        "largest_file": box.limits.disk,
        "cores": None if cores is None else sorted(cores),
        "network": box.network,
        "handled": landlock.EVERYTHING,
        "rules": landlock.rules(readable, writable, holes),
        "writable": writable,
        "asking": asking.program.hex(),
        "asked": asking.asked,
        "filter": filter_path().read_bytes().hex(),
    }


def _spawn(box: Box, plan: bytes) -> tuple["GuardedTree", dict[str, int]]:
    """Start the guard with `plan`, and our ends of the pipes of what the box does not place itself."""
    with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:

        def pipe(*, read: bool = True) -> tuple[int, int]:
            """Our end, their end."""
            ends = os.pipe()
            mine, yours = ends if read else ends[::-1]
            ours.callback(os.close, mine)
            theirs.callback(os.close, yours)
            return mine, yours

        control, control_theirs = pipe(read=False)
        status, status_theirs = pipe()
        told = os.memfd_create("plan", os.MFD_CLOEXEC)
        theirs.callback(os.close, told)
        os.write(told, plan)
        os.lseek(told, 0, os.SEEK_SET)
        outputs: dict[str, int] = {}
        streams = {} if box.stdout is None else {"stdout": box.stdout}
        for name in {"stdout", "stderr"} - streams.keys():
            outputs[name], streams[name] = pipe()
        given = (told, control_theirs, status_theirs)
        words = [sys.executable, "-I", "-S", "-B", confinement.__file__, *(str(number) for number in given)]
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL if box.stdin is None else box.stdin,
                stdout=streams["stdout"],
                stderr=streams["stderr"],
                env={},
                pass_fds=(*given, *box.fds),
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"the guard of a box could not be started ({sys.executable}): {error}") from error
        ours.pop_all()
    return GuardedTree(process, control, status), outputs


class GuardedTree:
    """The process tree below one guard, which kills it when told to or when we are gone."""

    def __init__(self, process: "subprocess.Popen[bytes]", control: int, status: int) -> None:
        self._process = process
        self._control: int | None = control
        self._lock = threading.Lock()
        self._told: dict[str, object] = {}
        self._killed = False
        # The guard starts the command some milliseconds from now, and its own time is told apart by `reap`.
        self._before = executed_seconds(process.pid)
        self._clock = TaskClock(process.pid)
        self.exit_fd: int | None = status

    def ended(self) -> bool:
        """Never asked: `exit_fd` tells."""
        return False

    def processes(self, at_most: int | None) -> list[Process]:
        """All below the guard, itself left out."""
        return tree(children(self._process.pid), at_most)

    def temporary_bytes(self) -> int:
        """There are no temporary file systems of our own."""
        return 0

    def clocked(self) -> float:
        """By the task clock of the guard."""
        return self._clock.seconds()

    def terminate(self) -> None:
        """SIGTERM for the command, the guard's oldest child."""
        for pid in children(self._process.pid)[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """The guard kills everybody once its pipe is closed."""
        self._killed = True
        self._let_go()

    def _let_go(self) -> None:
        """Close the guard's pipe, once: whoever kills and whoever waits may come at the same time."""
        with self._lock:
            control, self._control = self._control, None
            if control is not None:
                os.close(control)

    def reap(self) -> Used:
        """The guard ends when it has waited for all."""
        self._let_go()
        watched = os.pidfd_open(self._process.pid)
        poller = select.poll()
        poller.register(watched, select.POLLIN)
        dead = poller.poll(DEATH_SECONDS * 1000)
        os.close(watched)
        if not dead:
            raise MachineError(
                f"a confined process cannot be killed: it hangs in the kernel (guard {self._process.pid})"
            )
        own = executed_seconds(self._process.pid) - self._before
        if self._process.wait() != 0:
            raise MachineError(f"the guard of a box ended with code {self._process.returncode} before its processes")
        for line in self._said().splitlines():
            self._told |= msgspec.json.decode(line, type=dict[str, object])
        spent = max(float(str(self._told.get("cpu", 0.0))), self.clocked() - own)
        return Used(spent, int(str(self._told.get("largest", 0))))

    def _said(self) -> bytes:
        said = b""
        while self.exit_fd is not None and (piece := os.read(self.exit_fd, 4096)):
            said += piece
        return said

    def code(self, stderr: bytes) -> int:  # noqa: ARG002 - the guard speaks on a pipe of its own
        """The exit status that the guard wrote down."""
        refused = self._told.get("refused")
        if refused is not None:
            raise MachineError(f"a confined box could not be set up: {refused}")
        return int(str(self._told.get("code", -signal.SIGKILL)))

    def close(self) -> None:
        """Give back both pipes."""
        self._let_go()
        self._clock.close()
        if self.exit_fd is not None:
            os.close(self.exit_fd)
        self.exit_fd = None
