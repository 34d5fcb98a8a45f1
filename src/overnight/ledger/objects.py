"""The repository's object store: loose objects written and synced by us, anything read through libgit2.

No git configuration is read, so a repository of another owner or with a broken configuration works the same.
"""

import hashlib
import os
import secrets
import stat
import zlib
from pathlib import Path

import pygit2

from overnight.ledger.disk import read_file, sync_folder, write_new

COMMIT, TREE = 1, 2
_REOPEN = 4000
_WINDOW = 1024**2
_MAPPED = 8 * 1024**2


class MissingObjectError(Exception):
    """The object is not in the store, or its bytes do not match its id; `str` says which."""


class Objects:
    """`folder` is the `objects` folder of a repository with SHA-1 ids."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = str(folder)

    def path(self, oid: str) -> Path:
        """Where `oid` lies if it is loose."""
        return Path(self._file(oid))

    def loose_bytes(self, oid: str) -> int:
        """Size of the loose object `oid` on disk, -1 when it is not loose."""
        try:
            return os.stat(self._file(oid)).st_size  # noqa: PTH116 - text, as in `write`
        except FileNotFoundError:
            return -1

    def _file(self, oid: str) -> str:
        return f"{self._root}/{oid[:2]}/{oid[2:]}"

    def write(self, kind: str, data: bytes) -> str:
        """Store one loose object and return its id; its bytes are synced before it gets its name.

        Raises:
            OSError: it could not be written; nothing of it stays.
        """
        whole = f"{kind} {len(data)}\0".encode() + data
        oid = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        path = self._file(oid)
        if os.path.exists(path):  # noqa: PTH110 - text: three objects and more for every experiment
            return oid
        folder = f"{self._root}/{oid[:2]}"
        if not os.path.isdir(folder):  # noqa: PTH112 - same
            self._make_room(Path(folder))
        spare = f"{folder}/tmp_obj_{secrets.token_hex(6)}"  # noqa: S108 - in the store, not in /tmp
        write_new(spare, zlib.compress(whole, 1), 0o444)
        os.replace(spare, path)  # noqa: PTH105 - same
        return oid

    def _make_room(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        shared = stat.S_IMODE(self.folder.stat().st_mode)
        if shared & stat.S_IWGRP:
            folder.chmod(shared)
        sync_folder(self.folder)

    def sync_name(self, oid: str) -> bool:
        """Return once the name of loose object `oid` is on the disk; False if it is not loose."""
        if not os.path.exists(self._file(oid)):  # noqa: PTH110 - text, as in `write`
            return False
        sync_folder(f"{self._root}/{oid[:2]}")
        return True

    def is_loose_commit(self, oid: str) -> bool:
        """Whether `oid` is a loose object and a commit; says nothing about packs."""
        try:
            with open(self._file(oid), "rb") as file:  # noqa: PTH123 - text, as in `write`
                return zlib.decompressobj().decompress(file.read(64), 7) == b"commit "
        except (OSError, zlib.error):
            return False

    def read_loose(self, oid: str) -> bytes | None:
        """The content of loose object `oid`, or None if it is not loose (or is damaged)."""
        try:
            whole = zlib.decompress(read_file(self._file(oid)))
        except (FileNotFoundError, zlib.error):
            return None
        return whole[whole.index(b"\0") + 1 :]

    def reader(self) -> "Reader":
        """A fresh view of the store, for one pass over it."""
        return Reader(self.folder)


class Reader:
    """Reads objects, loose or packed, and verifies their ids.

    The store is opened anew every few thousand objects: libgit2 keeps whatever it has read.
    """

    def __init__(self, folder: Path) -> None:
        # What libgit2 has mapped of a pack stays in memory as long as anybody in this process has the pack open.
        pygit2.settings.mwindow_size = _WINDOW
        pygit2.settings.mwindow_mapped_limit = _MAPPED
        self._folder = str(folder)
        self._odb = pygit2.Odb(self._folder)
        self._left = _REOPEN

    def commit(self, oid: str) -> bytes:
        """The raw bytes of commit `oid`.

        Raises:
            MissingObjectError: it is missing or damaged, or is no commit.
        """
        kind, data = self.object(oid)
        if kind != COMMIT:
            raise MissingObjectError(f"object {oid} is not a commit")
        return data

    def object(self, oid: str) -> tuple[int, bytes]:
        """The kind (git's number) and the bytes of `oid`.

        Raises:
            MissingObjectError: it is missing or damaged.
        """
        self._left -= 1
        if not self._left:
            self._odb = pygit2.Odb(self._folder)
            self._left = _REOPEN
        try:
            kind, data = self._odb.read(oid)
        except KeyError:
            raise MissingObjectError(f"object {oid} is missing") from None
        except (pygit2.GitError, ValueError) as error:
            raise MissingObjectError(f"object {oid} is damaged ({error})") from error
        return kind, data

    def has(self, oid: str) -> bool:
        """Whether the store holds `oid`."""
        return self._odb.exists(oid)
