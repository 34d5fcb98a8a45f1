"""A container of podman or docker around one command (tier `container`), chosen only by name.

Covers: files (only the mounts exist, over an empty image with a read-only root), network (none, or the machine's),
processes (the whole tree dies with the command; a leash removes the container when overnight dies), capabilities (all
dropped, none to be gained), system calls (the engine's default filter), memory (a hard limit of the kernel).
Does not cover: descriptors handed on (a judge that drives a candidate over pipes needs another box), a loopback that
we can enter, exact CPU time (read every 20 ms), hard limits on processes below four times the allowed number. Whoever
may use docker's daemon is root on the machine, and so is a bug in it. Starting takes the engine a third of a second,
which is not in the wall time of the record, but is spent.
"""

import contextlib
import itertools
import os
import secrets
import select
import shutil
import signal
import subprocess
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from overnight.errors import MachineError
from overnight.model.box import Box, Completed, Coverage, Limits
from overnight.model.contract import Tier
from overnight.ports import Running
from overnight.sandbox.cgroups import own_paths
from overnight.sandbox.creation import SHARED_MEMORY, TEMPORARY, arguments, variables
from overnight.sandbox.engines import Engine, find, prepare
from overnight.sandbox.holding import Watchdog
from overnight.sandbox.kernel import pick_cores
from overnight.sandbox.meters import devices, tmpfs_bytes
from overnight.sandbox.processes import Process, children, counter, read, tree
from overnight.sandbox.refused import NotHereError
from overnight.sandbox.watch import Stopped, Totals, Used, Watched

START_SECONDS = 30.0
POLL_MILLISECONDS = 5
OWN = (TEMPORARY, SHARED_MEMORY)
STATE = "|".join(f"{{{{.State.{word}}}}}" for word in ("ExitCode", "OOMKilled", "Running", "StartedAt", "FinishedAt"))
# Ends quietly when told, and removes the container when the pipe ends because its writer is gone.
LEASH = 'read -r line && exit 0; "$1" rm --force "$2" >/dev/null 2>&1; rm -rf "$3"'
COVERS = (
    "files: only what is mounted exists, read-only unless said otherwise",
    "network: none, or the machine's when the box asks for it",
    "processes: the whole tree dies with the command, and with overnight",
    "environment: only the variables that the box names",
    "memory: held by the kernel; no capabilities, none to be gained",
)
LACKS = (
    "descriptors: `drive` over pipes cannot be judged in it",
    "hard limits on CPU time, processes and disk: looked at every 20 ms",
    "exact CPU time: what is used between the last look and the end is not counted",
    "a small start: the engine needs a third of a second for each run",
    "/dev: a command of root may write up to 64 MB into the box's own, which ends with it",
)


class Container:
    """A `Sandbox` of tier container. `engine` is "podman" or "docker"; "" takes the first of them that answers."""

    def __init__(self, engine: str = "") -> None:
        self._wanted = (engine,) if engine else ("podman", "docker")
        self._engine: Engine | None = None
        self._turns = itertools.count()
        self._lock = threading.Lock()

    def covers(self) -> Coverage:
        """Tier container, soft limits but for memory, no descriptors."""
        return Coverage(
            tier=Tier.container, name="container", limits="soft", descriptors=False, covers=COVERS, lacks=LACKS
        )

    def identity(self) -> tuple[str, ...]:
        """The engine and its program's size and time.

        Raises:
            NotHereError: neither podman nor docker answers.
        """
        engine = self._ready(prepared=False)
        info = Path(engine.program).stat()
        return engine.program, str(info.st_size), str(info.st_mtime_ns), engine.user

    def start(self, box: Box) -> Running:
        """Create a container, start the command in it, and return once it runs.

        Raises:
            NotHereError: no engine answers, or the box hands on descriptors, which no container takes.
            MachineError: a mount's source does not exist, or the engine refuses.
        """
        if box.fds:
            raise NotHereError(
                "a container takes no descriptors, and a judge that talks to the candidate over pipes needs two",
                "choose another box, as with --isolation contained, or let the judge and candidate talk over a port",
            )
        engine = self._ready(prepared=True)
        for mount in box.mounts:
            if mount.kind != "tmpfs" and not Path(mount.source).exists():
                raise MachineError(f"the box needs {mount.source} (as {mount.target}), which does not exist")
        name = f"overnight-{secrets.token_hex(8)}"
        cores = pick_cores(box.limits.cpus, next(self._turns)) if engine.cores else None
        leash = _leash(engine, name)
        try:
            Path(engine.room(name)).mkdir(mode=0o700)
            with variables(box) as environment:
                words = arguments(engine, box, name, environment=environment, cores=cores)
                engine.ask(*words, passed=(environment,))
            return _attach(engine, box, name, leash)
        except BaseException:  # whatever interrupts the start, the leash removes what there is
            _let_go(leash, done=False)
            raise

    def _ready(self, *, prepared: bool) -> Engine:
        with self._lock:
            engine = self._engine or find(self._wanted)
            if prepared and self._engine is None:
                prepare(engine)
                self._engine = engine
            return engine


class _Leash(NamedTuple):
    process: "subprocess.Popen[bytes]"
    pipe: int


def _leash(engine: Engine, name: str) -> _Leash:
    """A shell of a session of its own that removes the container when we are gone."""
    end, ours = os.pipe()
    try:
        nowhere = subprocess.DEVNULL
        words = ["/bin/sh", "-c", LEASH, "overnight-leash", engine.program, name, engine.room(name)]
        return _Leash(subprocess.Popen(words, stdin=end, stdout=nowhere, stderr=nowhere, start_new_session=True), ours)
    finally:
        os.close(end)


def _let_go(leash: _Leash, *, done: bool) -> None:
    """End the leash; unless `done` it removes the container first."""
    with contextlib.suppress(BrokenPipeError):
        if done:
            os.write(leash.pipe, b"done\n")
    os.close(leash.pipe)
    leash.process.wait()


def _attach(engine: Engine, box: Box, name: str, leash: _Leash) -> Running:
    """Start the created container with our pipes as its streams; returns once it runs or has already ended."""
    words = ["start", "--attach", *([] if box.stdin is None else ["--interactive"])]
    words += [*(["--sig-proxy=false"] if engine.podman else []), name]
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
        outputs: dict[str, int] = {}
        streams = {} if box.stdout is None else {"stdout": box.stdout}
        for stream in {"stdout", "stderr"} - streams.keys():
            outputs[stream], streams[stream] = os.pipe()
            ours.callback(os.close, outputs[stream])
            theirs.callback(os.close, streams[stream])
        client = subprocess.Popen(
            [engine.program, *words],
            stdin=subprocess.DEVNULL if box.stdin is None else box.stdin,
            stdout=streams["stdout"],
            stderr=streams["stderr"],
            cwd=engine.room(name),
            process_group=0,
        )
        ours.callback(client.wait)
        ours.callback(client.kill)
        watched = os.pidfd_open(client.pid)
        ours.callback(os.close, watched)
        boxed = Contained(engine, name, client, leash, (watched, _running(engine, name, watched)))
        ours.pop_all()
    folders = tuple(mount.source for mount in box.mounts if mount.kind == "write")
    return ContainerRun(boxed, box.limits, outputs, _Watchdog(boxed, box.limits, folders))


def _running(engine: Engine, name: str, client: int) -> int:
    """The number of the container's first process, once it runs; 0 when it has ended before we saw it.

    Raises:
        MachineError: it does not start.
    """
    deadline = time.monotonic() + START_SECONDS
    ended = select.poll()
    ended.register(client, select.POLLIN)
    while not ended.poll(POLL_MILLISECONDS):  # an engine tells nobody when it has started
        told = engine.first(name)
        if told:
            return told
        if time.monotonic() > deadline:
            raise MachineError(f"{engine.program} did not start a container within {START_SECONDS:.0f} s")
    return 0


class Contained:
    """The process tree of one container, as the engine and /proc show it."""

    def __init__(
        self, engine: Engine, name: str, client: "subprocess.Popen[bytes]", leash: _Leash, told: tuple[int, int]
    ) -> None:
        self._engine = engine
        self._name = name
        self._client = client
        self._leash: _Leash | None = leash
        self.exit_fd: int | None = None
        self.exit_fd, self._first = told
        self._host_devices = devices(OWN)
        # What the engine needs to set the container up is in the group's account too.
        self._before = self._spent = group_seconds(self._first)
        self._orders: list[subprocess.Popen[bytes]] = []
        self._killed = False
        self._code = 0
        self._started = False
        self.out_of_memory = False
        self.seconds = 0.0

    def ended(self) -> bool:
        """Never asked: `exit_fd` tells."""
        return False

    def processes(self, at_most: int | None) -> list[Process]:
        """All below the container's first process."""
        return tree(children(self._first, 1), at_most) if self._first else []

    def temporary_bytes(self) -> int:
        """Bytes in the container's temporary folders, as far as we may look into it."""
        return tmpfs_bytes(self._first, OWN, self._host_devices)

    def killed_for_memory(self) -> bool:
        """Whether the kernel has killed somebody of this container because its memory was used up."""
        for line in read(f"/proc/{self._first}/cgroup").decode(errors="replace").splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0" and counter(read(f"/sys/fs/cgroup{path}/memory.events"), b"oom_kill"):
                return True
            if "memory" in controllers.split(","):
                return counter(read(f"/sys/fs/cgroup/memory{path}/memory.oom_control"), b"oom_kill") > 0
        return False

    def clocked(self) -> float:
        """By the account of the container's control group, which is gone with its first process: the last one seen."""
        self._spent = max(self._spent, group_seconds(self._first))
        return self._spent - self._before

    def terminate(self) -> None:
        """SIGTERM for the first process, which hands it on to the command."""
        self._orders.append(self._engine.tell("kill", "--signal", "TERM", self._name))

    def kill(self) -> None:
        """SIGKILL for the first process, whose death the kernel extends to all."""
        if not self._killed and self._leash is not None:
            self._killed = True
            self._orders.append(self._engine.tell("kill", "--signal", "KILL", self._name))

    def reap(self) -> Used:
        """Wait for the container's end, note how it ended, remove it."""
        if self._leash is None:
            return Used(0.0, 0)
        for order in self._orders:
            order.wait()
        state = self._state()
        if state[2] == "true":
            with contextlib.suppress(MachineError):  # it may end by itself meanwhile
                self._engine.ask("kill", "--signal", "KILL", self._name)
            self._engine.ask("wait", self._name)
            state = self._state()
        self._client.wait()
        self._code, self.out_of_memory = int(state[0]), state[1] == "true"
        begun, over = (_moment(text) for text in state[3:5])
        self._started = begun > 0
        self.seconds = max(0.0, over - begun) if self._started else 0.0
        self._engine.ask("rm", "--force", self._name)
        shutil.rmtree(self._engine.room(self._name), ignore_errors=True)
        leash, self._leash = self._leash, None
        _let_go(leash, done=True)
        return Used(self.clocked(), 0)

    def _state(self) -> list[str]:
        return self._engine.ask("inspect", "--format", STATE, self._name).split("|")

    def code(self, stderr: bytes) -> int:
        """The first process's exit code, which is the command's."""
        if not self._started:
            said = stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
            raise MachineError(f"{self._engine.program} could not start a container: {said[-1]}")
        return 128 - self._code if 128 < self._code < 128 + signal.NSIG else self._code

    def close(self) -> None:
        """Give back what is left."""
        if self.exit_fd is not None:
            os.close(self.exit_fd)
            self.exit_fd = None
        if self._leash is not None:
            leash, self._leash = self._leash, None
            _let_go(leash, done=False)


def group_seconds(first: int) -> float:
    """CPU seconds of all that ever lived in the control group of the process `first`; 0 when it is ours, or unknown."""
    ours = own_paths()
    for line in read(f"/proc/{first}/cgroup").decode(errors="replace").splitlines():
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",")
        if path == "/" or ours.get(names[0]) == path:
            continue
        if "cpuacct" in names:
            return int(read(f"/sys/fs/cgroup/cpuacct{path}/cpuacct.usage") or 0) / 1e9
        if names == [""]:
            spent = counter(read(f"/sys/fs/cgroup{path}/cpu.stat"), b"usage_usec") / 1e6
            if spent:
                return spent
    return 0.0


class _Watchdog(Watchdog):
    """A watchdog that also hears from the engine of a kill for want of memory."""

    def __init__(self, boxed: Contained, limits: Limits, folders: tuple[str, ...]) -> None:
        self._boxed = boxed
        super().__init__(boxed, limits, folders)

    def look(self, now: float) -> Stopped:
        """One look at the control group, then at every process."""
        self._boxed.clocked()
        return "memory" if self._boxed.killed_for_memory() else super().look(now)

    def conclude(self, used: Used, code: int, now: float) -> Totals:
        """What was seen, and the engine's word on memory."""
        totals = super().conclude(used, code, now)
        return totals._replace(stopped="memory") if self._boxed.out_of_memory else totals


class ContainerRun:
    """A `Running` whose wall time is the container's own, without the engine's."""

    def __init__(self, boxed: Contained, limits: Limits, outputs: dict[str, int], watchdog: Watchdog) -> None:
        self._boxed = boxed
        self._watched = Watched(boxed, limits, outputs, watchdog)

    def wait(self) -> Completed:
        """As `Watched.wait`."""
        completed = self._watched.wait()
        return replace(completed, wall_seconds=self._boxed.seconds)

    def printed(self) -> bytes:
        """As `Watched.printed`."""
        return self._watched.printed()

    def kill(self) -> None:
        """As `Watched.kill`."""
        self._watched.kill()


def _moment(text: str) -> float:
    """Seconds since 1970 of an engine's time, in either engine's spelling, to the microsecond."""
    words = text.replace("T", " ").removesuffix("Z").split()
    day, clock = words[0], words[1]
    whole, _, fraction = clock.partition(".")
    offset = words[2] if len(words) > 2 and words[2][0] in "+-" else "+0000"
    return datetime.strptime(f"{day} {whole}.{fraction[:6] or '0'} {offset}", "%Y-%m-%d %H:%M:%S.%f %z").timestamp()
