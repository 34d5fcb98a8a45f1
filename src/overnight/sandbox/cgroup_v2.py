"""Control groups of version 2: one folder a box, in a place that is ours to divide.

The kernel lets a group be divided only while no process is in it (the root excepted). So the place is, in this order:
the root itself; our own group, when nobody but us lives in it, from which we first move into a part of it; a scope
that systemd gives us for the asking; and for root, a group above our own that is divided already.
"""

import itertools
import os
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress

from overnight.errors import MachineError
from overnight.sandbox.cgroups import (
    PAUSE,
    Account,
    Caps,
    File,
    GoneError,
    folder_of,
    guard,
    is_exiting,
    left_behind,
    members,
    new_name,
    remove,
    write,
)
from overnight.sandbox.processes import counter, read, tree
from overnight.sandbox.refused import NotHereError

NEEDED = ("memory", "pids")
WANTED = ("cpu", "cpuset")
PERIOD = 100_000
OURS = "overnight-itself"
SYSTEMD_SECONDS = 5.0
UNIT = "org.freedesktop.systemd1"


class HierarchyV2:
    """`place` is the folder in which our groups are made.

    Making it may move this process and its descendants into a scope or group of their own, once.

    Raises:
        NotHereError: nothing here is ours to divide; with the reason and the fix.
    """

    def __init__(self) -> None:
        own = folder_of("")
        if own is None:
            raise NotHereError(
                "no control groups are mounted here", "mount them: mount -t cgroup2 none /sys/fs/cgroup (as root)"
            )
        self.place, self.controllers = _divided(own)
        self._serials = itertools.count()

    def identity(self) -> tuple[str, ...]:
        """Version, controllers and what kind of place it is; a scope's number changes from start to start."""
        return ("cgroup v2", *self.controllers, os.path.dirname(self.place))  # noqa: PTH120 - strings are enough

    def warm(self) -> None:
        """A move that moves nothing makes the kernel wait for all cores; the moves after it need not."""
        own = folder_of("")
        with suppress(MachineError):
            write(own or self.place, "cgroup.procs", str(os.getpid()))

    def make(self, caps: Caps) -> "GroupV2":
        """A new group with these limits.

        Raises:
            MachineError: it cannot be made.
        """
        folder = f"{self.place}/{new_name(next(self._serials))}"
        guard(self.place)
        try:
            os.mkdir(folder)  # noqa: PTH102 - strings are enough
        except OSError as error:
            raise MachineError(f"no control group can be made for a box: {error}") from error
        try:
            _limit(folder, caps, self.controllers)
            return GroupV2(folder, caps)
        except MachineError:
            with suppress(OSError):
                os.rmdir(folder)  # noqa: PTH106 - strings are enough
            raise

    def sweep(self) -> int:
        """Remove what overnight processes that are gone left behind."""
        found = 0
        for folder in left_behind(self.place):
            with suppress(MachineError):
                write(folder, "cgroup.kill", "1")
            found += remove(folder)
        return found


class GroupV2:
    """One group in `folder`."""

    def __init__(self, folder: str, caps: Caps) -> None:
        self._folder = folder
        self._limits = [(File(folder, "pids.max"), caps.tasks), (File(folder, "memory.max"), _pages(caps.memory))]
        self._cpu = File(folder, "cpu.stat")
        self._usage = File(folder, "memory.current")
        self._stat = File(folder, "memory.stat")
        self._killed = File(folder, "memory.events")
        self._refused = File(folder, "pids.events")
        self._procs = File(folder, "cgroup.procs")
        # The kernel keeps a maximum since 5.19; before that what was seen must do.
        self._most = File(folder, "memory.peak") if os.path.exists(f"{folder}/memory.peak") else None  # noqa: PTH110 - strings are enough
        self._largest = 0
        self._cached = 0
        self._admitted: list[int] = []

    def admit(self, pid: int) -> None:
        """One move."""
        write(self._folder, "cgroup.procs", str(pid))
        self._admitted.append(pid)

    def account(self) -> Account:
        """What it has used, once its limits were seen to be as set."""
        for file, limit in self._limits:
            if limit is not None and file.number() != limit:
                raise GoneError("has been given other limits")
        table = self._stat.read()
        cached = max(0, counter(table, b"file") - counter(table, b"shmem"))
        held = max(0, self._usage.number() - cached)
        self._cached = max(self._cached, cached)
        self._largest = max(self._largest, held)
        killed, refused = counter(self._killed.read(), b"oom_kill"), counter(self._refused.read(), b"max")
        return Account(counter(self._cpu.read(), b"usage_usec") / 1e6, held, killed, refused)

    def peak(self) -> int:
        """The kernel's own maximum less the most that was file cache; never less than what was seen."""
        return max(self._largest, self._most.number() - self._cached if self._most else 0)

    def outside(self, pids: Iterable[int]) -> int:
        """A living process that is in another group."""
        inside = set(map(int, self._procs.read().split()))
        name = self._folder.rpartition("/")[2].encode()
        for pid in (*self._admitted, *pids):
            if pid not in inside:
                group = [line for line in read(f"/proc/{pid}/cgroup").splitlines() if line.startswith(b"0::")]
                if group and not group[0].endswith(name) and not is_exiting(pid):
                    return pid
        return 0

    def kill(self) -> None:
        """The kernel's own way since 5.14; without it the box's namespace alone kills."""
        with suppress(MachineError):
            write(self._folder, "cgroup.kill", "1")

    def remove(self) -> None:
        """The folder, and our descriptors."""
        files = [self._cpu, self._usage, self._stat, self._killed, self._refused, self._procs]
        for file in (*files, *(file for file, _ in self._limits), *([self._most] if self._most else [])):
            file.close()
        remove(self._folder, self.kill)


def _limit(folder: str, caps: Caps, controllers: tuple[str, ...]) -> None:
    """Set the limits of a new group; memory may not move to swap, and one kill for want of it ends all."""
    if caps.memory is not None:
        write(folder, "memory.max", str(caps.memory))
        if os.path.exists(f"{folder}/memory.swap.max"):  # noqa: PTH110 - strings are enough
            write(folder, "memory.swap.max", "0")
    write(folder, "memory.oom.group", "1")
    if caps.tasks is not None:
        write(folder, "pids.max", str(caps.tasks))
    if "cpuset" in controllers and caps.cores:
        write(folder, "cpuset.cpus", ",".join(map(str, sorted(caps.cores))))
    if "cpu" in controllers and caps.cpus is not None:
        write(folder, "cpu.max", f"{PERIOD * caps.cpus} {PERIOD}")


def _pages(limit: int | None) -> int | None:
    """What the kernel answers when `limit` bytes were written: whole pages."""
    page = os.sysconf("SC_PAGE_SIZE")
    return None if limit is None else limit // page * page


def _divided(own: str) -> tuple[str, tuple[str, ...]]:
    """A folder that may hold groups with memory and pids limits, and which controllers they have."""
    refusals = []
    for way in (_already, _by_moving, _by_systemd, _above):
        try:
            place = way(own)
            if place:
                return place, _enable(place)
        except (MachineError, OSError) as error:
            refusals.append(str(error))
    named = f" ({'; '.join(dict.fromkeys(refusals))})" if refusals else ""
    raise NotHereError(
        f"no control group here is ours to divide{named}",
        "start overnight in a scope of its own: systemd-run --user --scope -p Delegate=yes overnight ...",
    )


def _already(own: str) -> str:
    """The root of all groups, or the parent of the part that we moved into before."""
    parent, _, name = own.rpartition("/")
    if name == OURS and os.access(parent, os.W_OK):
        return parent
    is_root = not os.path.exists(f"{own}/cgroup.type")  # noqa: PTH110 - strings are enough
    return own if is_root and os.access(own, os.W_OK) else ""


def _by_moving(own: str) -> str:
    """Our own group, once we and our descendants have moved into a part of it; only when nobody else lives there."""
    if not os.access(own, os.W_OK) or not os.access(f"{own}/cgroup.procs", os.W_OK):
        return ""
    family = {process.pid for process in tree([os.getpid()])}
    if not family.issuperset(members(own)):
        return ""
    part = f"{own}/{OURS}"
    os.makedirs(part, exist_ok=True)  # noqa: PTH103 - strings are enough
    for pid in members(own):
        write(part, "cgroup.procs", str(pid))
    return own


def _by_systemd(own: str) -> str:
    """A delegated scope for this process from systemd: the user's, or for root the machine's.

    StartTransientUnit of org.freedesktop.systemd1(5), spelled as busctl(1) wants it: name, mode, three properties with
    their types, no further units. The answer names a job, which may still be running.
    """
    whose = [] if os.getuid() == 0 else ["--user"]
    line = ["busctl", *whose, "call", UNIT, f"/{UNIT.replace('.', '/')}", f"{UNIT}.Manager"]
    line += ["StartTransientUnit", "ssa(sv)a(sa(sv))", f"overnight-{os.getpid()}.scope", "fail", "3"]
    line += ["Description", "s", "overnight", "Delegate", "b", "true", "PIDs", "au", "1", str(os.getpid()), "0"]
    try:
        answer = subprocess.run(line, capture_output=True, text=True, timeout=SYSTEMD_SECONDS, check=False)
    except FileNotFoundError:
        raise MachineError("systemd cannot be asked for a scope, busctl is not installed") from None
    except subprocess.TimeoutExpired:
        raise MachineError(f"systemd did not answer within {SYSTEMD_SECONDS:.0f} s") from None
    if answer.returncode != 0:
        raise MachineError(f"systemd gives no scope: {answer.stderr.strip() or f'code {answer.returncode}'}")
    deadline = time.monotonic() + SYSTEMD_SECONDS
    while (scope := folder_of("")) in {own, None}:
        if time.monotonic() > deadline:
            raise MachineError(f"systemd did not move this process into a scope within {SYSTEMD_SECONDS:.0f} s")
        time.sleep(PAUSE)  # a process is not told that it was moved
    return _by_moving(scope or own)


def _above(own: str) -> str:
    """For root: the nearest group above our own that is divided already, so that what limits it limits us too."""
    place = own
    while os.getuid() == 0 and os.path.exists(f"{place}/cgroup.type"):  # noqa: PTH110 - strings are enough
        place = place.rpartition("/")[0]
        if set(NEEDED) <= set(read(f"{place}/cgroup.subtree_control").decode().split()):
            return place if os.access(place, os.W_OK) else ""
    return ""


def _enable(place: str) -> tuple[str, ...]:
    """Give the groups in `place` their controllers; which they have.

    Raises:
        MachineError: memory or pids cannot be had.
    """
    offered = read(f"{place}/cgroup.controllers").decode().split()
    for controller in (*NEEDED, *WANTED):
        if controller in offered and controller not in _enabled(place):
            with suppress(MachineError):
                write(place, "cgroup.subtree_control", f"+{controller}")
    missing = [name for name in NEEDED if name not in _enabled(place)]
    if missing:
        raise MachineError(f"{place} does not hand on the control of {' and '.join(missing)}")
    return tuple(sorted(_enabled(place)))


def _enabled(place: str) -> list[str]:
    return read(f"{place}/cgroup.subtree_control").decode().split()
