"""Git trees as plain values: read without a checkout, written without an index.

Names are what `os.fsdecode` gives: bytes that are not UTF-8 become surrogates.
"""

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import pygit2
from pygit2.enums import Option

LINK = 0o120000
FOLDER = 0o040000
SUBMODULE = 0o160000

_DURABLE = threading.Lock()


class Entry(NamedTuple):
    """One file of a tree: git mode (0o100644, 0o100755, 0o120000, 0o160000), blob id in hex, size in bytes."""

    mode: int
    id: str
    size: int


class Item(NamedTuple):
    """One line of one tree object; the mode of a folder is 0o040000."""

    name: str
    mode: int
    id: str


def parse_tree(data: bytes) -> tuple[Item, ...]:
    """The lines of a raw tree object, in git's order."""
    items = []
    at = 0
    while at < len(data):
        space = data.index(b" ", at)
        nul = data.index(b"\0", space)
        mode = int(data[at:space], 8)
        items.append(Item(os.fsdecode(data[space + 1 : nul]), _plain_mode(mode), data[nul + 1 : nul + 21].hex()))
        at = nul + 21
    return tuple(items)


def _plain_mode(mode: int) -> int:
    """Modes that old versions of git wrote (0o100664 and such), as the ones that are written today."""
    if mode & 0o170000 == 0o100000:
        return 0o100755 if mode & 0o100 else 0o100644
    return mode


def blob_id(data: bytes) -> str:
    """The id that git gives these bytes, in hex."""
    return blob_hash(len(data), data).hexdigest()


def blob_hash(size: int, data: bytes = b"") -> "hashlib._Hash":
    """A running hash of a blob of `size` bytes that begins with `data`."""
    running = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    running.update(data)
    return running


def write_tree(repo: pygit2.Repository, base: str | None, changes: Mapping[str, tuple[int, str] | None]) -> str | None:
    """Write tree `base` (None = empty) with `changes` applied and return its id; None when nothing is left.

    `changes` maps paths to (mode, blob id), or to None for a deletion. Only touched folders are written. A path
    may turn from a file into a folder and back; where a file and something below it are both set, the file wins.
    """
    if not changes:
        return base
    builder = repo.TreeBuilder(repo[base].peel(pygit2.Tree)) if base else repo.TreeBuilder()
    own: dict[str, tuple[int, str] | None] = {}
    nested: dict[str, dict[str, tuple[int, str] | None]] = {}
    for path, change in changes.items():
        first, _, rest = path.partition("/")
        if rest:
            nested.setdefault(first, {})[rest] = change
        else:
            own[first] = change
    for name in {**own, **nested}:
        present: pygit2.Object | None = builder.get(name)
        below = None
        if name in nested and own.get(name) is None:
            folder = str(present.id) if present is not None and present.filemode == FOLDER else None
            below = write_tree(repo, folder, nested[name])
        target = own.get(name) or ((FOLDER, below) if below else None)
        if target:
            builder.insert(name, target[1], target[0])
        elif present is not None:
            builder.remove(name)
    return str(builder.write()) if len(builder) else None


def empty_tree(repo: pygit2.Repository) -> str:
    """Write the tree without files."""
    return str(repo.TreeBuilder().write())


@contextmanager
def durable() -> Iterator[None]:
    """Objects that are written inside survive a power cut: each is fsynced before it gets its name.

    The switch belongs to the whole process; one thread at a time.
    """
    with _DURABLE:
        pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)
        try:
            yield
        finally:
            pygit2.option(Option.ENABLE_FSYNC_GITDIR, False)
