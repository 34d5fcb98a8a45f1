"""One git ref, read and moved as git itself does it, with a lock that outlives no crash.

git's protocol: whoever creates `<ref>.lock` may replace `<ref>`. A process that is killed in between leaves the
lock behind for ever. Ours is a hard link to a spare file that only the holder of a kernel lock makes, so that the
next holder recognises a dead one's lock and removes it; the lock of a living git process is waited for.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from overnight.errors import ConflictError, RepositoryError
from overnight.ledger.disk import make_folders, read_file, sync_file, write_new

_OID = re.compile(rb"[0-9a-f]{40}\s*")
_PATIENCE = 5.0
_PAUSE = 0.01


class BrokenRefError(Exception):
    """The ref exists and does not hold an object id; `str` says what it holds.

    `torn`: it is what a power cut leaves of a file that was not synced, and not the work of a person or program.
    """

    def __init__(self, content: bytes) -> None:
        self.torn = not content.strip(b"\0")
        super().__init__(f"holds {content[:60]!r}" if content.strip() else "is an empty file")


class Ref:
    """`common` is the repository's common folder, `name` the full name, `spare` a file of ours beside the lock."""

    def __init__(self, common: Path, name: str, spare: Path) -> None:
        self.name = name
        self._packed = common / "packed-refs"
        self._file = str(common / name)
        self._lock = f"{self._file}.lock"
        self._spare = str(spare)

    def read(self) -> str:
        """The commit id that the ref names, "" if there is no such ref.

        Raises:
            BrokenRefError: it holds something else.
        """
        return self._read_loose() or self._read_packed() or self._read_loose()

    def _read_loose(self) -> str:
        try:
            content = read_file(self._file)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return ""
        if not _OID.fullmatch(content):
            raise BrokenRefError(content)
        return content.strip().decode()

    def _read_packed(self) -> str:
        try:
            content = self._packed.read_bytes()
        except FileNotFoundError:
            return ""
        found = re.search(rb"^([0-9a-f]{40}) " + re.escape(self.name.encode()) + rb"$", content, re.MULTILINE)
        return found[1].decode() if found else ""

    def swap(self, old: str, new: str) -> None:
        """Move the ref from `old` ("" = does not exist) to `new`; the caller holds the study's kernel lock.

        Not synced: a power cut may leave the old, the new or an empty file.

        Raises:
            ConflictError: the ref is not at `old`; it is unchanged.
            RepositoryError: another git process holds the ref's lock and does not let go.
        """
        with self._locked(new):
            if self.read() != old:
                raise ConflictError(f"{self.name} has moved since it was read")
            self._take_place()

    def put(self, new: str) -> None:
        """Make the ref name `new`, whatever it holds, on the disk when this returns; otherwise as `swap`."""
        with self._locked(new):
            self._take_place()
        self.sync()

    def sync(self) -> None:
        """Return once the present value of the ref is on the disk, where it has a file of its own."""
        with suppress(FileNotFoundError):
            sync_file(self._file)

    @contextmanager
    def _locked(self, new: str) -> Iterator[None]:
        """Hold git's lock of the ref, whose file is `new` already."""
        line = new.encode() + b"\n"
        try:
            write_new(self._spare, line, sync=False)
        except FileExistsError:
            self._clear_dead_lock()
            write_new(self._spare, line, sync=False)
        try:
            self._acquire()
            try:
                yield
            except BaseException:  # whatever interrupts it, our lock must not stay
                with suppress(FileNotFoundError):
                    os.unlink(self._lock)  # noqa: PTH108 - text, as everywhere in here: every append moves the ref
                raise
        finally:
            with suppress(FileNotFoundError):
                os.unlink(self._spare)  # noqa: PTH108 - same

    def _take_place(self) -> None:
        os.replace(self._lock, self._file)  # noqa: PTH105 - same

    def _acquire(self) -> None:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                os.link(self._spare, self._lock)
            except FileNotFoundError:
                make_folders(Path(self._lock).parent)
            except FileExistsError:
                if time.monotonic() > give_up:
                    raise RepositoryError(
                        f"another git process holds {self._lock} for more than {_PATIENCE:.0f} seconds; "
                        f"if no git is running, remove it with `rm {self._lock}` and run again"
                    ) from None
                time.sleep(_PAUSE)  # git offers nothing to wait on but the lock file itself
            else:
                return

    def _clear_dead_lock(self) -> None:
        lock, spare = Path(self._lock), Path(self._spare)
        with suppress(FileNotFoundError):
            if lock.samefile(spare):
                lock.unlink()
        spare.unlink(missing_ok=True)
