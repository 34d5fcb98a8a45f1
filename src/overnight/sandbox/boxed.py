"""One started bwrap as a process tree: how it is started, held, killed and read. Knows nothing about its mounts."""

import contextlib
import itertools
import os
import re
import resource
import select
import signal
import subprocess
import time
from collections.abc import Sequence

from overnight.errors import MachineError
from overnight.model.box import Box, Limits
from overnight.sandbox.cgroups import Group
from overnight.sandbox.guardian import guarded
from overnight.sandbox.kernel import NO_CORE_DUMP, filter_path, refusal
from overnight.sandbox.meters import devices, tmpfs_bytes
from overnight.sandbox.processes import Process, children, executed_seconds, innermost_pid, tree
from overnight.sandbox.taskclock import TaskClock
from overnight.sandbox.watch import Holder, Used, Watched

SETUP_SECONDS = 30.0
DEATH_SECONDS = 60.0
CHILD = re.compile(rb'"child-pid": (\d+)\D')
EXIT_CODE = re.compile(rb'"exit-code": (\d+)')


def _memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("box", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def spawn(
    program: str, box: Box, words: Sequence[str], temporary: tuple[str, ...], group: Group | None
) -> tuple["Boxed", dict[str, int]]:
    """Start bwrap with the arguments `words`; it waits for `release` before it builds the box.

    Also gives back our ends of the pipes of "stdout" and "stderr", for what the box does not place itself.

    What dies with us only once the box stands, our guardian ends should we die before that.
    """
    ours: list[int] = []
    theirs: list[int] = []

    def pipe(*, read: bool = True) -> tuple[int, int]:
        """Our end, their end."""
        ends = os.pipe()
        mine, yours = ends if read else ends[::-1]
        ours.append(mine)
        theirs.append(yours)
        return mine, yours

    try:
        status, status_theirs = pipe()
        block, block_theirs = pipe(read=False)
        outputs: dict[str, int] = {}
        streams = {} if box.stdout is None else {"stdout": box.stdout}
        for name in {"stdout", "stderr"} - streams.keys():
            outputs[name], streams[name] = pipe()
        arguments = _memory_file(os.fsencode("\0".join((*words, ""))))
        theirs.append(arguments)
        filter_fd = os.open(filter_path(), os.O_RDONLY | os.O_CLOEXEC)
        theirs.append(filter_fd)
        told = {
            "--json-status-fd": status_theirs,
            "--block-fd": block_theirs,
            "--seccomp": filter_fd,
            "--args": arguments,
        }
        line = [program, *itertools.chain.from_iterable((name, str(fd)) for name, fd in told.items())]
        try:
            process = subprocess.Popen(
                [*line, "--", *box.command],
                stdin=subprocess.DEVNULL if box.stdin is None else box.stdin,
                stdout=streams["stdout"],
                stderr=streams["stderr"],
                env=guarded(),
                pass_fds=(*told.values(), *box.fds),
                process_group=0,  # a Ctrl-C at the terminal is for us to answer, not for the box to die of
            )
        except OSError as error:
            raise MachineError(f"bubblewrap could not be started ({program}): {error}") from error
    except BaseException:  # whatever interrupts it, our ends must not stay
        _close(ours)
        raise
    finally:
        _close(theirs)
    return Boxed(process, (status, block), temporary, group), outputs


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class Boxed:
    """The process tree of one bwrap: bwrap itself outside, an init inside, the command below it.

    With a `group` the init and all below it live in that control group, which is removed in the end.
    """

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        pipes: tuple[int, int],
        temporary: tuple[str, ...],
        group: Group | None,
    ) -> None:
        self._process = process
        self._group = group
        self._before = 0.0
        self._clock: TaskClock | None = None
        self._status, self._block = pipes
        self._told = b""
        self._temporary = temporary
        self._host_devices = devices(temporary)
        self._init = 0
        self._init_fd: int | None = None
        self._killed = False
        self.exit_fd: int | None = os.pidfd_open(process.pid)

    def release(self, limits: Limits, cores: set[int] | None) -> None:
        """Put the limits that the kernel enforces on the box's init, from where all inherit them, and let it go on."""
        pid = self._read_init()
        if pid == 0:
            return
        with contextlib.suppress(ProcessLookupError, BrokenPipeError):
            self._init_fd = os.pidfd_open(pid)
            if pid not in children(self._process.pid, 1):
                # Either bwrap has just failed, or the number belongs to a stranger by now: never touch it.
                os.close(self._init_fd)
                self._init_fd = None
                self._signal_all()
                return
            self._init = pid
            resource.prlimit(pid, resource.RLIMIT_CORE, NO_CORE_DUMP)
            if limits.disk is not None:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (limits.disk, limits.disk))
            if cores is not None:
                os.sched_setaffinity(pid, cores)
            self._before = executed_seconds(pid)
            if self._group is not None:
                self._group.admit(pid)
            else:
                self._clock = TaskClock(pid)
            os.write(self._block, b"1")

    def _read_init(self) -> int:
        """The init's process number from the status pipe, where the JSON may come in pieces; 0 = bwrap gave up."""
        poller = select.poll()
        poller.register(self._status, select.POLLIN)
        deadline = time.monotonic() + SETUP_SECONDS
        while poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            piece = os.read(self._status, 4096)
            self._told += piece
            if found := CHILD.search(self._told):
                return int(found[1])
            if not piece:
                return 0
        raise MachineError(f"bubblewrap did not set up its box within {SETUP_SECONDS:.0f} s")

    def ended(self) -> bool:
        """Never asked: `exit_fd` tells."""
        return False

    def processes(self, at_most: int | None) -> list[Process]:
        """All that live in the box, its init left out."""
        return tree(children(self._init, 1), at_most) if self._init else []

    def temporary_bytes(self) -> int:
        """Bytes in every tmpfs of the box, looked at through its init; 0 once that is dead."""
        return tmpfs_bytes(self._init, self._temporary, self._host_devices)

    def clocked(self) -> float:
        """By the task clock; in a control group the group's account says it."""
        return self._clock.seconds() if self._clock is not None else 0.0

    def terminate(self) -> None:
        """SIGTERM for the command, which is the second process of its namespace."""
        for pid in children(self._init):
            if innermost_pid(pid) == 2:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL for bwrap and for the init, whose death the kernel extends to its whole namespace."""
        if self._process.returncode is not None:
            return
        self._killed = True
        self._signal_all()
        if self._group is not None:
            self._group.kill()

    def reap(self) -> Used:
        """Everything in the namespace is dead before its init is, so that one death is waited for."""
        self._signal_all()
        for descriptor in (self._init_fd, self.exit_fd):
            if descriptor is not None and not _readable(descriptor, DEATH_SECONDS):
                raise MachineError(f"a boxed process cannot be killed: it hangs in the kernel (pid {self._init})")
        _, status, _ = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if not self._init:
            return Used(0.0, 0)
        own = executed_seconds(self._init)
        self._temporary = ()  # from here on its number may be a stranger's
        try:
            _, _, usage = os.wait4(self._init, 0)
        except ChildProcessError:
            return Used(0.0, 0)
        since = max(0.0, own - self._before)
        spent = max(usage.ru_utime + usage.ru_stime - own, self.clocked() - since, 0.0)
        return Used(spent, usage.ru_maxrss * 1024, since)

    def code(self, stderr: bytes) -> int:
        """The exit code that bwrap wrote down; without one the command never ran, and `stderr` is bwrap's own."""
        os.set_blocking(self._status, False)
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._status, 4096):
                self._told += piece
        found = EXIT_CODE.search(self._told)
        if found is not None:
            code = int(found[1])
            return 128 - code if 128 < code < 128 + signal.NSIG else code
        if self._killed:
            return -signal.SIGKILL
        said = stderr.decode(errors="replace").strip()
        if "bwrap: execvp " in said:
            return 127 if said.endswith("No such file or directory") else 126
        raise refusal(said)

    def network(self) -> int | None:
        """A new descriptor of the namespace that the command's sockets live in; None once the box is dead."""
        if not self._init or self._init_fd is None:
            return None
        try:
            namespace = os.open(f"/proc/{self._init}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        if _readable(self._init_fd, 0):  # dead by now: the number may already be a stranger's
            os.close(namespace)
            return None
        return namespace

    def close(self) -> None:
        """Give back every descriptor, and the control group."""
        if self._group is not None:
            self._group.remove()
        if self._clock is not None:
            self._clock.close()
        for descriptor in (self.exit_fd, self._init_fd, self._status, self._block):
            if descriptor is not None:
                os.close(descriptor)
        self.exit_fd = self._init_fd = None

    def _signal_all(self) -> None:
        for descriptor in (self.exit_fd, self._init_fd):
            if descriptor is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)


class BoxedRun(Watched):
    """A `Networked` run."""

    def __init__(self, boxed: Boxed, limits: Limits, outputs: dict[str, int], holder: Holder) -> None:
        self._boxed = boxed
        super().__init__(boxed, limits, outputs, holder)

    def network(self) -> int | None:
        """The box's network namespace, as `Networked` says."""
        return self._boxed.network()


def _readable(descriptor: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
