"""Control groups: the kernel's own limits and account of a process tree. What versions 1 and 2 have in common.

A group's name says which process of ours made it, so that what a killed overnight left behind is recognised. Does
not know what a box is.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from overnight.errors import MachineError
from overnight.sandbox.guardian import remove_when_gone
from overnight.sandbox.processes import look, read

PREFIX = "overnight"
REMOVAL_SECONDS = 2.0
PAUSE = 0.002
PF_EXITING = 0x4


class GoneError(MachineError):
    """The control group of a running box is no longer what we made: nothing that it says counts any more."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the control group of a running box {what}, so its limits no longer hold and the reading is not judged; "
            "find out what manages control groups on this machine besides overnight, then start again"
        )


class Caps(NamedTuple):
    """What a group is allowed: bytes with swap, tasks, the cores and how much time of a core a second; None = all."""

    memory: int | None = None
    tasks: int | None = None
    cores: frozenset[int] | None = None
    cpus: int | None = None


class Account(NamedTuple):
    """What a group has used so far: CPU seconds of all that ever lived in it; bytes that it holds and cannot give back.

    `killed` counts processes killed for want of memory, `refused` forks over the limit.
    """

    cpu_seconds: float
    held: int
    killed: int
    refused: int


class Group(Protocol):
    """A control group of ours, for one box."""

    def admit(self, pid: int) -> None:
        """Put a process in, before it has children.

        Raises:
            MachineError: it cannot be put in.
        """
        ...

    def account(self) -> Account:
        """What it has used.

        Raises:
            GoneError: the group or its limits are no longer as made.
        """
        ...

    def peak(self) -> int:
        """Bytes at the worst moment, what the kernel can take back left out as far as it can be told; 0 = unknown."""
        ...

    def outside(self, pids: Iterable[int]) -> int:
        """One of the living `pids`, or of those that were admitted, that is not in the group; 0 = none.

        Raises:
            GoneError: the group does not exist.
        """
        ...

    def kill(self) -> None:
        """SIGKILL for everything in it."""
        ...

    def remove(self) -> None:
        """Remove it once everything in it is dead; what cannot be removed now is left for `sweep`."""
        ...


class Hierarchy(Protocol):
    """Where we may make groups."""

    def identity(self) -> tuple[str, ...]:
        """What a proof of its groups depends on: version, place, controllers."""
        ...

    def warm(self) -> None:
        """Make the next `admit` fast; may take some 15 ms itself, so call it beside something else."""
        ...

    def make(self, caps: Caps) -> Group:
        """A new group with these limits.

        Raises:
            MachineError: it cannot be made although it could before.
        """
        ...

    def sweep(self) -> int:
        """Remove the groups of overnight processes that are gone, with all that lives in them; how many there were."""
        ...


class File:
    """A file of a group, kept open: reading it tells when the group has been removed."""

    def __init__(self, folder: str, name: str) -> None:
        self.name = name
        try:
            self._descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise MachineError(f"the control group {folder} has no {name}: {error.strerror}") from error

    def read(self) -> bytes:
        """Its content now.

        Raises:
            GoneError: the group was removed, or the controller taken away.
        """
        try:
            return os.pread(self._descriptor, 65536, 0)
        except OSError:
            raise GoneError("is gone") from None

    def number(self) -> int:
        """Its content as a number; -1 for "max"."""
        word = self.read().strip()
        return -1 if word == b"max" else int(word)

    def close(self) -> None:
        """Give back the descriptor."""
        os.close(self._descriptor)


def write(folder: str, name: str, value: str) -> None:
    """Write one file of a group.

    Raises:
        MachineError: the kernel refuses.
    """
    try:
        descriptor = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise MachineError(f"{value} cannot be written to {folder}/{name}: {error.strerror}") from error


def new_name(serial: int) -> str:
    """A name that says who made the group: PID namespace, process, when that process began, which of its groups."""
    return f"{_prefix_of(os.getpid())}-{serial}"


def guard(place: str) -> None:
    """Have our groups in the folder `place` removed should we be killed."""
    remove_when_gone(f"{place}/{_prefix_of(os.getpid())}-")


@lru_cache(maxsize=2)
def _prefix_of(pid: int) -> str:
    """How the names of all groups begin that we make as process `pid`; a fork of us is another."""
    us = look(pid)
    began = round(us.started * 1000) if us else 0
    return f"{PREFIX}-{_namespace()}-{pid}-{began}"


def left_behind(place: str) -> Iterator[str]:
    """Folders below `place` that a process of our PID namespace made which is gone."""
    for folder in Path(place).glob(f"{PREFIX}-*-*-*-*"):
        words = folder.name.split("-")[1:]
        if not all(word.isdigit() for word in words) or words[0] != str(_namespace()):
            continue
        maker = look(int(words[1]))
        if maker is None or maker.state == "Z" or round(maker.started * 1000) != int(words[2]):
            yield str(folder)


def remove(folder: str, kill: Callable[[], None] = lambda: None) -> bool:
    """Remove a group, with `kill` for what lives in it, waiting a little for its dead to leave; whether it is gone."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        try:
            os.rmdir(folder)  # noqa: PTH106 - strings are enough
        except FileNotFoundError:
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
            kill()
            time.sleep(PAUSE)  # a group does not tell when it has become empty
        else:
            return True


def members(folder: str) -> list[int]:
    """Processes in the group now; none when it is gone."""
    return [int(word) for word in read(f"{folder}/cgroup.procs").split()]


def is_exiting(pid: int) -> bool:
    """Whether a process is gone or on its way out, when the kernel no longer tells its group."""
    fields = read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    return len(fields) < 7 or fields[0] in b"ZX" or bool(int(fields[6]) & PF_EXITING)


def own_paths() -> dict[str, str]:
    """Our own group by controller, "" for version 2."""
    found = {}
    for line in read("/proc/self/cgroup").decode(errors="surrogateescape").splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            found[name] = path
    return found


def mounted(controller: str) -> tuple[str, str] | None:
    """(root, mount point) of the hierarchy of a version 1 controller, or of version 2 for ""; None = not mounted."""
    for line in read_all("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        wanted = kind == "cgroup2" if controller == "" else kind == "cgroup" and controller in _words(options)
        if wanted:
            fields = left.split()
            return fields[3], fields[4]
    return None


def folder_of(controller: str) -> str | None:
    """The folder of our own group in the hierarchy of `controller`; None where we cannot see it."""
    place, path = mounted(controller), own_paths().get(controller)
    if place is None or path is None:
        return None
    root, point = place
    relative = path if root == "/" else path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else None
    if relative is None:
        return None
    folder = point + relative.rstrip("/")
    return folder if os.path.isdir(folder) else None  # noqa: PTH112 - strings are enough


def read_all(path: str) -> str:
    """The whole of a /proc file."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - a /proc path
        return file.read()
    return ""


def _words(options: str) -> list[str]:
    return options.rpartition(" ")[2].split(",")


def _namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - a /proc path
