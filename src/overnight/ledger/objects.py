"""The repository's object store: loose objects written by us, anything read through libgit2.

No git configuration is read, so a repository of another owner or with a broken configuration works the same.
"""

import hashlib
import os
import stat
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import pygit2

from overnight.ledger.disk import read_file, sync_file, sync_folder, write_new

COMMIT, TREE = 1, 2
_KINDS = {b"commit": COMMIT, b"tree": TREE, b"blob": 3, b"tag": 4}
_REOPEN = 4000
_WINDOW = 1024**2
_MAPPED = 8 * 1024**2
_REMEMBERED = 32
_SMALL = 65_536


class MissingObjectError(Exception):
    """The object is not in the store, or its bytes do not match its id; `str` says which."""


class Objects:
    """`folder` is the `objects` folder of a repository with SHA-1 ids.

    `spare` holds loose files by id that readers fall back on where the store's own are missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spare: Mapping[str, bytes] = MappingProxyType({})
        self._root = str(folder)
        self._recent: dict[str, bytes] = {}

    def path(self, oid: str) -> Path:
        """Where `oid` lies if it is loose."""
        return Path(self._file(oid))

    def loose_bytes(self, oid: str) -> int:
        """Size of the loose object `oid` on disk, -1 when it is not loose."""
        if oid in self._recent:
            return len(self._recent[oid])
        try:
            return os.stat(self._file(oid)).st_size  # noqa: PTH116 - text, as in `write`
        except FileNotFoundError:
            return -1

    def _file(self, oid: str) -> str:
        return f"{self._root}/{oid[:2]}/{oid[2:]}"

    def write(self, kind: str, data: bytes) -> str:
        """Store one loose object whole or not at all, and return its id; not synced.

        Raises:
            OSError: it could not be written; nothing of it stays.
        """
        whole = f"{kind} {len(data)}\0".encode() + data
        oid = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        if not os.path.exists(self._file(oid)):  # noqa: PTH110 - text: three objects and more for every experiment
            file = zlib.compress(whole, 1)
            self._place(oid, file, sync=False)
            self._remember(oid, file)
        return oid

    def remove(self, oid: str) -> None:
        """Delete the loose file of `oid`, if there is one."""
        self._recent.pop(oid, None)
        with suppress(FileNotFoundError):
            os.unlink(self._file(oid))  # noqa: PTH108 - text, as in `write`

    def _remember(self, oid: str, file: bytes) -> None:
        """What was written or read now is asked for again when the next durable entry is logged."""
        if len(file) <= _SMALL:
            if len(self._recent) >= _REMEMBERED:
                self._recent.clear()
            self._recent[oid] = file

    def restore(self, oid: str, file: bytes) -> None:
        """Put the loose file of `oid` in place, whatever is there; on the disk when this returns."""
        self._place(oid, file, sync=True)
        self.sync(oid)

    def sync(self, oid: str) -> None:
        """Return once loose object `oid` is on the disk, with its name."""
        sync_file(self._file(oid))
        sync_folder(self._root)

    def _place(self, oid: str, file: bytes, *, sync: bool) -> None:
        folder = f"{self._root}/{oid[:2]}"
        spare = f"{folder}/tmp_obj_{os.urandom(6).hex()}"  # noqa: S108 - in the store, not in /tmp
        try:
            write_new(spare, file, 0o444, sync=sync)
        except FileNotFoundError:
            self._make_room(Path(folder))
            write_new(spare, file, 0o444, sync=sync)
        os.replace(spare, self._file(oid))  # noqa: PTH105 - text, as in `write`

    def _make_room(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        shared = stat.S_IMODE(self.folder.stat().st_mode)
        if shared & stat.S_IWGRP:
            folder.chmod(shared)

    def loose_file(self, oid: str) -> bytes | None:
        """The file of loose object `oid`, or None if it is not loose."""
        if oid in self._recent:
            return self._recent[oid]
        try:
            file = read_file(self._file(oid))
        except FileNotFoundError:
            return None
        self._remember(oid, file)
        return file

    def read_loose(self, oid: str) -> bytes | None:
        """The content of loose object `oid`, or None if it is not loose (or is damaged)."""
        file = self.loose_file(oid)
        try:
            return None if file is None else content_of(file)
        except zlib.error:
            return None

    def object(self, oid: str) -> tuple[int, bytes]:
        """The kind (git's number) and the content of `oid`, loose or packed.

        Raises:
            MissingObjectError: it is missing or damaged.
        """
        file = self.loose_file(oid)
        try:
            return self.reader().object(oid) if file is None else _parse(file)
        except zlib.error:
            return self.reader().object(oid)

    def commit(self, oid: str) -> bytes:
        """The raw bytes of commit `oid`, loose or packed.

        Raises:
            MissingObjectError: it is missing or damaged, or is no commit.
        """
        return _commit(oid, *self.object(oid))

    def damaged_since(self, when: float) -> Iterator[Path]:
        """Loose objects of the last `when` seconds since 1970 on whose bytes do not match their name."""
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for path in folder.glob("?" * 38):
                if _written(path) >= when and not _sound(path):
                    yield path

    def reader(self) -> "Reader":
        """A fresh view of the store, for one pass over it."""
        return Reader(self.folder, self.spare)


def content_of(file: bytes) -> bytes:
    """The content of the object whose loose file is `file`.

    Raises:
        zlib.error: it is damaged.
    """
    return _parse(file)[1]


def _commit(oid: str, kind: int, data: bytes) -> bytes:
    if kind != COMMIT:
        raise MissingObjectError(f"object {oid} is not a commit")
    return data


def _parse(file: bytes) -> tuple[int, bytes]:
    """The kind (git's number) and the content of a loose file."""
    return _split(zlib.decompress(file))


def _split(whole: bytes) -> tuple[int, bytes]:
    header, _, content = whole.partition(b"\0")
    return _KINDS[header.partition(b" ")[0]], content


def _verified(oid: str, file: bytes) -> tuple[int, bytes]:
    whole = zlib.decompress(file)
    if hashlib.sha1(whole, usedforsecurity=False).hexdigest() != oid:
        raise zlib.error("its bytes do not match its id")
    return _split(whole)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # packed by somebody's git in this moment
        return 0.0


def _sound(path: Path) -> bool:
    try:
        _verified(path.parent.name + path.name, path.read_bytes())
    except zlib.error:
        return False
    except FileNotFoundError:  # same
        pass
    return True


class Reader:
    """Reads objects, loose or packed, and verifies their ids.

    The store is opened anew every few thousand objects: libgit2 keeps whatever it has read. `spare` holds loose files
    for what is missing or damaged there.
    """

    def __init__(self, folder: Path, spare: Mapping[str, bytes]) -> None:
        # What libgit2 has mapped of a pack stays in memory as long as anybody in this process has the pack open.
        pygit2.settings.mwindow_size = _WINDOW
        pygit2.settings.mwindow_mapped_limit = _MAPPED
        self._folder = str(folder)
        self._odb = pygit2.Odb(self._folder)
        self._left = _REOPEN
        self._spare = spare

    def commit(self, oid: str) -> bytes:
        """The raw bytes of commit `oid`.

        Raises:
            MissingObjectError: it is missing or damaged, or is no commit.
        """
        return _commit(oid, *self.object(oid))

    def object(self, oid: str) -> tuple[int, bytes]:
        """The kind (git's number) and the bytes of `oid`.

        Raises:
            MissingObjectError: it is missing or damaged.
        """
        try:
            return _verified(oid, read_file(f"{self._folder}/{oid[:2]}/{oid[2:]}"))
        except FileNotFoundError:
            return self._packed(oid)
        except zlib.error as error:
            # Not through libgit2, which never comes to the end of half a file.
            if oid in self._spare:
                return _parse(self._spare[oid])
            raise MissingObjectError(f"object {oid} is damaged ({error})") from error

    def _packed(self, oid: str) -> tuple[int, bytes]:
        self._left -= 1
        if not self._left:
            self._odb = pygit2.Odb(self._folder)
            self._left = _REOPEN
        try:
            kind, data = self._odb.read(oid)
        except (KeyError, pygit2.GitError, ValueError) as error:
            if oid in self._spare:
                return _parse(self._spare[oid])
            why = "missing" if isinstance(error, KeyError) else f"damaged ({error})"
            raise MissingObjectError(f"object {oid} is {why}") from error
        return kind, data

    def has(self, oid: str) -> bool:
        """Whether the store itself holds `oid`, whole or not."""
        return self._odb.exists(oid)
