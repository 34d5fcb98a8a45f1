"""Adds up what a process tree consumes: memory, CPU time, bytes on disk. Does not stop anything."""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache

from overnight.errors import MachineError
from overnight.sandbox.processes import Process, lives, proportional

INODE_BYTES = 256
DISK_PERIOD = 0.1
FILES_PERIOD = 0.1
CLOSED = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)


class MemoryMeter:
    """Memory held by the whole tree at its worst moment, in bytes: of its processes, and of its files in memory.

    The resident sizes of forked processes count their shared pages again and again. They are an upper bound, so
    they clear a tree cheaply; proportional sizes, which walk the page tables, are read only when that bound would
    convict the tree or set a new peak, and never for more than a small part of the time. What was shared at one
    moment says nothing about the next: between two such readings only what one process holds can be a new peak.

    `files` counts the bytes of files that the tree holds in memory, asked every 0.1 s, less often when it is expensive.
    A page of such a file that a process has mapped is in its size already, and counts once.
    """

    def __init__(self, limit: int | None, files: Callable[[Sequence[Process]], int] = lambda _: 0) -> None:
        self.peak = 0
        self._limit = limit
        self._shared = 1.0
        self._not_before = 0.0
        self._files = files
        self._in_files = 0
        self._files_not_before = 0.0

    def observe(self, processes: Sequence[Process], now: float) -> bool:
        """Take one reading at monotonic time `now`; True when the tree certainly holds more than the limit."""
        self._count_files(processes, now)
        resident = sum(process.resident for process in processes)
        over = self._limit is not None and resident + self._in_files > self._limit
        if len(processes) < 2 and not self._in_files:
            self.peak = max(self.peak, resident)
            return over
        if now < self._not_before or not (over or resident * self._shared + self._in_files > self.peak * 1.05):
            self.peak = max([self.peak, *(process.resident for process in processes)])
            return False
        begun = time.monotonic()
        held, mapped = held_together(processes)
        held = resident if len(processes) == 1 else held
        self._shared = min(1.0, held / max(resident, 1))
        self._in_files = self._files(processes)
        held += max(0, self._in_files - mapped)
        self._not_before = now + (5 if over else 30) * (time.monotonic() - begun)
        self.peak = max(self.peak, held)
        return self._limit is not None and held > self._limit

    def _count_files(self, processes: Sequence[Process], now: float) -> None:
        if now >= self._files_not_before:
            begun = time.monotonic()
            self._in_files = self._files(processes)
            self._files_not_before = now + max(FILES_PERIOD, 100 * (time.monotonic() - begun))


def held_together(processes: Sequence[Process]) -> tuple[int, int]:
    """Bytes that `processes` hold together, pages that they share counted once, and how much of it are mapped files in
    memory; at most what it was at one moment.

    Whoever dies while the sizes are read leaves what it shared to the others, whose sizes grow with it: only those
    that live on when all were read are counted.
    """
    sizes = [proportional(process) for process in processes]
    alive = [size for size, process in zip(sizes, processes, strict=True) if size.held and lives(process)]
    return sum(size.held for size in alive), sum(size.files for size in alive)


class CpuMeter:
    """CPU seconds of every process that was ever seen, dead ones included.

    Children that nobody waits for (SIGCHLD ignored) vanish from the kernel's sums; short ones between two looks
    vanish from ours. Each sum is a lower bound, so the larger one is reported.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._seen: dict[tuple[int, float], float] = {}

    def observe(self, processes: Iterable[Process]) -> None:
        """Take one reading of the processes that live now."""
        waited = 0.0
        for process in processes:
            self._seen[process.pid, process.started] = process.own_seconds
            waited += process.own_seconds + process.waited_seconds
        self.seconds = max(self.seconds, waited, sum(self._seen.values()))


class DiskMeter:
    """Bytes held by folders, temporary file systems and deleted files that are still open.

    Looked at every 0.1 s, less often when a look is expensive (2 % of the time at most), and once after the end.
    """

    def __init__(self, limit: int | None, folders: Sequence[str], temporary: Callable[[], int]) -> None:
        self._limit = limit
        self._folders = tuple(folders)
        self._temporary = temporary
        self._not_before = 0.0

    def observe(self, processes: Sequence[Process], now: float, *, last: bool = False) -> bool:
        """True when the limit is reached or what is held cannot be counted; False when it is not yet time to look."""
        if self._limit is None or (now < self._not_before and not last):
            return False
        begun = time.monotonic()
        held = self._temporary()
        for folder in self._folders:
            held += folder_bytes(folder, self._limit)
        held += nameless_bytes(processes)
        self._not_before = now + max(DISK_PERIOD, 50 * (time.monotonic() - begun))
        return held >= self._limit


def folder_bytes(folder: str, enough: int) -> int:
    """Bytes that `folder` or a file holds on disk, every name costing at least its inode; links are not followed.

    Ends early above `enough`. A folder that was closed to us or is nested beyond the longest path counts as `enough`.

    Raises:
        MachineError: our own machine cannot count (too many open files, a broken disk): nobody's fault in the box.
    """
    held = 0
    linked: set[tuple[int, int]] = set()
    pending = [folder]
    for place in pending:
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    info = entry.stat(follow_symlinks=False)
                    held += INODE_BYTES
                    if stat.S_ISDIR(info.st_mode):
                        pending.append(entry.path)
                    if info.st_nlink == 1 or stat.S_ISDIR(info.st_mode) or (info.st_dev, info.st_ino) not in linked:
                        held += info.st_blocks * 512
                    if info.st_nlink > 1:
                        linked.add((info.st_dev, info.st_ino))
                    if held > enough:
                        return held
        except FileNotFoundError:
            continue
        except NotADirectoryError:
            held += _blocks(place)
        except OSError as error:
            _require_closed(place, error)
            return enough
    return held


def _require_closed(place: str, error: OSError) -> None:
    if error.errno not in CLOSED:
        raise MachineError(f"what a box holds on disk cannot be counted in {place}: {error.strerror}") from error


def _blocks(place: str) -> int:
    """Bytes that a file holds; 0 when what was there a moment ago is gone."""
    with suppress(OSError):
        return os.lstat(place).st_blocks * 512
    return 0


def nameless_bytes(processes: Iterable[Process], device: int | None = None) -> int:
    """Bytes of deleted files and memory files that `processes` hold open, each counted once; of `device` alone."""
    held: dict[tuple[int, int], int] = {}
    for process in processes:
        folder = f"/proc/{process.pid}/fd"
        try:
            names = os.listdir(folder)  # noqa: PTH208 - descriptors by the thousand, strings are enough
        except OSError:
            continue
        for name in names:
            try:
                info = os.stat(f"{folder}/{name}")  # noqa: PTH116 - same
            except OSError:
                continue
            if info.st_nlink == 0 and stat.S_ISREG(info.st_mode) and device in (None, info.st_dev):
                held[info.st_dev, info.st_ino] = info.st_blocks * 512
    return sum(held.values())


@lru_cache(maxsize=1)
def memory_device() -> int | None:
    """The device on which files lie that have no name but a descriptor (memfd_create); None where there are none."""
    if not hasattr(os, "memfd_create"):
        return None
    descriptor = os.memfd_create("device", os.MFD_CLOEXEC)
    try:
        return os.fstat(descriptor).st_dev
    finally:
        os.close(descriptor)


def tmpfs_bytes(pid: int, paths: Iterable[str], elsewhere: frozenset[int]) -> int:
    """Bytes in the temporary file systems at `paths`, as the process `pid` sees them; 0 where it sees none.

    A box's first process has the host's root until its own is made, and its number may be a stranger's when it is
    dead: a folder on one of the devices `elsewhere`, which are the host's own at `paths`, is not charged to the box.
    """
    held = 0
    for path in paths:
        with suppress(OSError):
            inside = f"/proc/{pid}/root{path}"
            if os.stat(inside).st_dev not in elsewhere:  # noqa: PTH116 - a path of /proc
                space = os.statvfs(inside)
                held += (space.f_blocks - space.f_bfree) * space.f_frsize
    return held


def devices(paths: Iterable[str]) -> frozenset[int]:
    """Device numbers of those of `paths` that exist on the host."""
    found = set()
    for path in paths:
        with suppress(OSError):
            found.add(os.stat(path).st_dev)  # noqa: PTH116 - strings are enough
    return frozenset(found)
