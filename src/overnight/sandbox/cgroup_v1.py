"""Control groups of version 1: a folder in each controller's own hierarchy, below the one that we are in ourselves.

Only the hierarchies that hold what nothing else holds: cores stay as pinned because the filter denies widening, and
the namespace's init takes everything with it. Each further hierarchy costs every box about 0.3 ms.
"""

import itertools
import os
import signal
from collections.abc import Iterable
from contextlib import suppress

from overnight.errors import MachineError
from overnight.sandbox.cgroups import (
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
from overnight.sandbox.processes import counter, read
from overnight.sandbox.refused import NotHereError

NEEDED = ("memory", "pids", "cpuacct")
KILLING_ROUNDS = 100


class HierarchyV1:
    """`places` maps each controller that we may use to the folder in which our groups are made.

    `below` names a group of ours in each, to be used in its place.

    Raises:
        NotHereError: this user may not make groups here.
    """

    def __init__(self, below: str = "") -> None:
        self.places: dict[str, str] = {}
        for controller in NEEDED:
            folder = folder_of(controller)
            folder = folder and f"{folder}{below and '/'}{below}"
            if folder is None or not os.access(folder, os.W_OK | os.X_OK):
                at = f" ({folder})" if folder else ""
                raise NotHereError(
                    f"this user may not make control groups of {controller}{at}",
                    "start the machine with systemd.unified_cgroup_hierarchy=1, where systemd delegates them, or run "
                    "overnight in a control group that belongs to this user",
                )
            self.places[controller] = folder
        self._serials = itertools.count()

    def identity(self) -> tuple[str, ...]:
        """Version, controllers and the folders that they are in, our own name left out."""
        return ("cgroup v1", *(f"{name} {place}" for name, place in sorted(self.places.items())))

    def warm(self) -> None:
        """A move that moves nothing makes the kernel wait for all cores; the moves after it need not."""
        with suppress(MachineError):
            write(self.places["pids"], "cgroup.procs", str(os.getpid()))

    def make(self, caps: Caps) -> "GroupV1":
        """A new group with these limits.

        Raises:
            MachineError: it cannot be made.
        """
        name = new_name(next(self._serials))
        folders = {controller: f"{place}/{name}" for controller, place in self.places.items()}
        for place in self.places.values():
            guard(place)
        try:
            for folder in dict.fromkeys(folders.values()):
                os.mkdir(folder)  # noqa: PTH102 - strings are enough
            _limit(folders, caps)
            return GroupV1(folders, caps)
        except (OSError, MachineError) as error:
            for folder in dict.fromkeys(folders.values()):
                with suppress(OSError):
                    os.rmdir(folder)  # noqa: PTH106 - strings are enough
            if isinstance(error, OSError):
                raise MachineError(f"no control group can be made for a box: {error}") from error
            raise

    def sweep(self) -> int:
        """Remove what overnight processes that are gone left behind."""
        found = 0
        for place in dict.fromkeys(self.places.values()):
            for folder in left_behind(place):
                _kill_all(folder)
                found += remove(folder)
        return found


class GroupV1:
    """One group: the same name in every hierarchy. `folders` by controller."""

    def __init__(self, folders: dict[str, str], caps: Caps) -> None:
        self._folders = folders
        memory, pids = folders["memory"], folders["pids"]
        self._limits = [(File(pids, "pids.max"), caps.tasks)]
        self._limits.append((File(memory, "memory.limit_in_bytes"), caps.memory))
        self._cpu = File(folders["cpuacct"], "cpuacct.usage")
        self._usage = File(memory, "memory.usage_in_bytes")
        self._stat = File(memory, "memory.stat")
        self._killed = File(memory, "memory.oom_control")
        self._refused = File(pids, "pids.events")
        self._most = File(memory, "memory.max_usage_in_bytes")
        self._largest = 0
        self._cached = 0
        self._admitted: list[int] = []

    def admit(self, pid: int) -> None:
        """Into every hierarchy."""
        for folder in dict.fromkeys(self._folders.values()):
            write(folder, "cgroup.procs", str(pid))
        self._admitted.append(pid)

    def account(self) -> Account:
        """What it has used, once its limits were seen to be as set."""
        for file, limit in self._limits:
            if limit is not None and file.number() != _rounded(file.name, limit):
                raise GoneError("has been given other limits")
        table = self._stat.read()
        cached = max(0, counter(table, b"cache") - counter(table, b"shmem"))
        held = max(0, self._usage.number() - cached)
        self._cached = max(self._cached, cached)
        self._largest = max(self._largest, held)
        killed, refused = counter(self._killed.read(), b"oom_kill"), counter(self._refused.read(), b"max")
        return Account(self._cpu.number() / 1e9, held, killed, refused)

    def peak(self) -> int:
        """The kernel's own maximum less the most that was file cache; never less than what was seen."""
        return max(self._largest, self._most.number() - self._cached)

    def outside(self, pids: Iterable[int]) -> int:
        """A living process that is in the memory or pids hierarchy elsewhere."""
        # A list of processes that is kept open is not read anew by the kernel.
        inside = [set(members(self._folders[controller])) for controller in ("memory", "pids")]
        for pid in (*self._admitted, *pids):
            if not all(pid in here for here in inside) and self._is_elsewhere(pid):
                return pid
        return 0

    def kill(self) -> None:
        """What the end of the namespace's init did not take along; over the limit nobody can fork for long."""
        for _ in range(KILLING_ROUNDS):
            if not members(self._folders["pids"]):
                return
            _kill_all(self._folders["pids"])

    def remove(self) -> None:
        """Every folder, and our descriptors."""
        files = (self._cpu, self._usage, self._stat, self._killed, self._refused, self._most)
        for file in (*files, *(file for file, _ in self._limits)):
            file.close()
        for folder in dict.fromkeys(self._folders.values()):
            remove(folder, self.kill)

    def _is_elsewhere(self, pid: int) -> bool:
        """Whether `pid` lives and is in another group; asked of it, because lists are read one after the other."""
        name = self._folders["pids"].rpartition("/")[2].encode()
        lines = [line.split(b":", 2) for line in read(f"/proc/{pid}/cgroup").splitlines()]
        groups = {controller: path for _, controllers, path in lines for controller in controllers.split(b",")}
        elsewhere = any(not groups.get(controller, name).endswith(name) for controller in (b"memory", b"pids"))
        return elsewhere and not is_exiting(pid)


def _limit(folders: dict[str, str], caps: Caps) -> None:
    """Set the limits of a new group, swap included where the kernel counts it."""
    memory = folders["memory"]
    if caps.memory is not None:
        write(memory, "memory.limit_in_bytes", str(caps.memory))
        if os.path.exists(f"{memory}/memory.memsw.limit_in_bytes"):  # noqa: PTH110 - strings are enough
            write(memory, "memory.memsw.limit_in_bytes", str(caps.memory))
        else:
            write(memory, "memory.swappiness", "0")
    if caps.tasks is not None:
        write(folders["pids"], "pids.max", str(caps.tasks))


def _rounded(name: str, limit: int) -> int:
    """What the kernel answers when `limit` was written: memory in whole pages."""
    page = os.sysconf("SC_PAGE_SIZE")
    return limit // page * page if name.startswith("memory") else limit


def _kill_all(folder: str) -> None:
    for pid in members(folder):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
