"""One running overnight a study: a kernel lock that is free again the moment its holder dies."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from overnight.errors import StudyBusyError
from overnight.ledger.disk import explained, make_folders

_ATTEMPTS = 10
_PAUSE = 0.02


class _Holder(NamedTuple):
    """Who holds a study: process id, and since when in seconds since 1970; 0 where it is not known."""

    pid: int
    since: float


class StudyLock:
    """Holds the study whose lock file is `path` for the length of a `with` block. Not reentrant.

    The file stays when the lock is free; only the kernel's lock on it means anything. Processes that are started
    inside the block do not inherit it.

    Raises:
        StudyBusyError: another process (or another StudyLock of this one) holds it.
        RepositoryError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> Self:
        with explained("take the study's lock", self._path):
            make_folders(self._path.parent)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            self._take(descriptor)
            with explained("take the study's lock", self._path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()} {time.time():.3f}\n".encode(), 0)
        except BaseException:  # whatever happened, the lock is not held
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def holder(self) -> int | None:
        """The process id of whoever holds the lock now (0 = unknown), None when it is free; disturbs nobody."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(self._path).pid
        finally:
            os.close(descriptor)
        return None

    def _take(self, descriptor: int) -> None:
        for _ in range(_ATTEMPTS):
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(_PAUSE)  # `holder` of another process may be looking
        raise StudyBusyError(_busy(_read(self._path), self._path))

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


def _read(path: Path) -> _Holder:
    words = path.read_text(errors="replace").split()
    try:
        return _Holder(int(words[0]), float(words[1]))
    except (ValueError, IndexError):
        return _Holder(0, 0.0)


def _busy(who: _Holder, path: Path) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(who.since))
    name = f"process {who.pid}, since {since}" if who.pid else "another process"
    return (
        f"this study is already running ({name}; lock file {path}): look at it with `overnight status`, "
        "or end it with `overnight stop` and run again"
    )
