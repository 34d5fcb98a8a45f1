"""Files that survive: atomic writes, synced folders, exclusive locks, and errors a person can act on.

Does not know: git.
"""

import errno
import fcntl
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from overnight.errors import MachineError, OvernightError, RepositoryError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_PART = 65_536


def explain(error: OSError, doing: str, place: Path) -> OvernightError:
    """The error that a person sees when `doing` (a verb phrase) failed in `place`."""
    cause = error.strerror or str(error)
    if error.errno in _FULL:
        return MachineError(
            f"cannot {doing} in {place}: the disk or its quota is full ({cause}); nothing that was finished is lost: "
            "free some space and run again"
        )
    if error.errno in _FORBIDDEN:
        return RepositoryError(
            f"cannot {doing} in {place}: {cause}; overnight keeps its history inside the git repository, so make it "
            "writable for this user (or work on a clone) and run again"
        )
    return MachineError(f"cannot {doing} in {place}: {cause}")


@contextmanager
def explained(doing: str, place: Path) -> Iterator[None]:
    """Turn an OSError of the body into what `explain` says."""
    try:
        yield
    except OSError as error:
        raise explain(error, doing, place) from error


def sync_folder(folder: Path | str) -> None:
    """Return once the names in `folder` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path) -> None:
    """Make `folder` and its parents; every one that is new is on the disk when this returns."""
    missing = []
    while not os.path.isdir(folder):  # noqa: PTH112 - every append asks
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(parents=True, exist_ok=True)
        sync_folder(new.parent)


def write_new(path: Path | str, data: bytes, mode: int = 0o666, *, sync: bool = True) -> None:
    """Write a file that must not exist; with `sync` its bytes, though not its name, are on the disk afterwards."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        _write_all(descriptor, data)
        if sync:
            os.fsync(descriptor)
    except BaseException:  # whatever interrupts the write, half a file must not stay
        Path(path).unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def append_to(path: Path | str, data: bytes) -> bool:
    """Write at the end of a file, not synced; False if there is no such file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        _write_all(descriptor, data)
    finally:
        os.close(descriptor)
    return True


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def read_file(path: Path | str) -> bytes:
    """The content of a small file, with as few system calls as there can be: every append reads several."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, _PART):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def sync_data(descriptor: int) -> None:
    """Return once all that was written to an open file can be read back after a power cut."""
    getattr(os, "fdatasync", os.fsync)(descriptor)


def sync_file(path: Path | str) -> None:
    """Return once the bytes and the name of the file `path` are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(os.path.dirname(path))  # noqa: PTH120 - text or path


@functools.cache
def boot() -> str:
    """What tells this start of the machine from every other one, "" where the system does not say."""
    try:
        return read_file("/proc/sys/kernel/random/boot_id").decode().strip()
    except OSError:
        return ""


def replace_file(path: Path, data: bytes) -> None:
    """Write `path` whole or not at all; not synced: a power cut may leave the old, the new or an empty file."""
    spare = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        spare.write_bytes(data)
        spare.replace(path)
    except BaseException:  # whatever interrupts the write, half a file must not stay
        with suppress(OSError):
            spare.unlink(missing_ok=True)
        raise


@contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a kernel lock on the file `path`, which stays; yields whether it was had.

    The kernel frees it when its holder dies. Threads of one process exclude each other too.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
