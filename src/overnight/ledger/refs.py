"""One git ref, read and moved as git itself does it, with a lock that outlives no crash.

git's protocol: whoever creates `<ref>.lock` may replace `<ref>`. A process that is killed in between leaves the
lock behind for ever. Ours is a hard link to a spare file that only the holder of a kernel lock makes, so that the
next holder recognises a dead one's lock and removes it; the lock of a living git process is waited for.
"""

import os
import re
import time
from pathlib import Path

from overnight.errors import ConflictError, RepositoryError
from overnight.ledger.disk import make_folders, read_file, sync_folder, write_new

_OID = re.compile(rb"[0-9a-f]{40}\s*")
_PATIENCE = 5.0
_PAUSE = 0.01


class BrokenRefError(Exception):
    """The ref exists and does not hold an object id; `str` says what it holds."""


class Ref:
    """`common` is the repository's common folder, `name` the full name, `spare` a file of ours beside the lock."""

    def __init__(self, common: Path, name: str, spare: Path) -> None:
        self.name = name
        self.path = common / name
        self._packed = common / "packed-refs"
        self._lock = common / f"{name}.lock"
        self._spare = spare

    def read(self) -> str:
        """The commit id that the ref names, "" if there is no such ref.

        Raises:
            BrokenRefError: it holds something else.
        """
        return self._read_loose() or self._read_packed() or self._read_loose()

    def _read_loose(self) -> str:
        try:
            content = read_file(self.path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return ""
        if not _OID.fullmatch(content):
            raise BrokenRefError("is an empty file" if not content.strip() else f"holds {content[:60]!r}")
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

        The new content is on the disk before it gets its name, so that a power cut leaves the old or the new.

        Raises:
            ConflictError: the ref is not at `old`; it is unchanged.
            RepositoryError: another git process holds the ref's lock and does not let go.
        """
        self._clear_dead_lock()
        write_new(self._spare, new.encode() + b"\n")
        try:
            self._acquire()
            try:
                self._require(old)
                self._lock.replace(self.path)
            except BaseException:  # whatever interrupts it, our lock must not stay
                self._lock.unlink(missing_ok=True)
                raise
        finally:
            self._spare.unlink(missing_ok=True)

    def _require(self, old: str) -> None:
        if self.read() != old:
            raise ConflictError(f"{self.name} has moved since it was read")

    def sync_name(self) -> None:
        """Return once the present file of the ref is on the disk."""
        sync_folder(self.path.parent)

    def _acquire(self) -> None:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                os.link(self._spare, self._lock)
            except FileNotFoundError:
                make_folders(self._lock.parent)
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
        try:
            dead = self._lock.samefile(self._spare)
        except FileNotFoundError:
            dead = False
        if dead:
            self._lock.unlink()
        self._spare.unlink(missing_ok=True)
