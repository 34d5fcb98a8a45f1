"""Which loose objects a history brought into the repository: its entries, its candidates and what is new in them.

The person's own commits are not ours even where an entry names them, and neither is anything that a candidate
has in common with its parent.
"""

from collections.abc import Iterator
from typing import NamedTuple

from overnight.ledger import entry as entries
from overnight.ledger.objects import TREE, Objects, Reader

_OURS = b" <overnight@localhost> "
_FOLDER = b"40000"
_SUBMODULE = b"160000"


class Step(NamedTuple):
    """One entry's loose objects, its own commit last; `size` is what they take on the disk, in bytes."""

    loose: tuple[str, ...]
    size: int


def steps(objects: Objects, tip: str) -> list[Step]:
    """The entries from `tip` down to the first that is not loose, oldest first, with what each brought in.

    Raises:
        MissingObjectError: an object that a candidate needs is missing.
        ValueError: a commit of the chain is not an entry.
    """
    reader = objects.reader()
    seen: set[str] = set()
    found = []
    at = tip
    while at and (raw := objects.read_loose(at)) is not None:
        entry = entries.parse(raw)
        ids = [*_brought(reader, entry.candidate), *(() if entry.parent else (entries.EMPTY_TREE,)), at]
        sizes = {oid: objects.loose_bytes(oid) for oid in dict.fromkeys(ids) if oid not in seen}
        loose = tuple(oid for oid, size in sizes.items() if size >= 0)
        seen.update(ids)
        found.append(Step(loose, sum(sizes[oid] for oid in loose)))
        at = entry.parent
    return found[::-1]


def loose_entries(objects: Objects, tip: str, limit: int) -> int:
    """How many entries from `tip` down are loose, counted up to `limit`."""
    found = 0
    at = tip
    while at and found < limit and (raw := objects.read_loose(at)) is not None:
        at = entries.parse(raw).parent
        found += bool(at)
    return found


def _brought(reader: Reader, candidate: str) -> Iterator[str]:
    """The candidate's commit and what its tree has that its parent's has not; nothing if the commit is not ours."""
    if not candidate:
        return
    header, parents = _header(reader.commit(candidate))
    if _OURS not in header:
        return
    before = _tree(_header(reader.commit(parents[0]))[0]) if parents else ""
    yield from _new(reader, _tree(header), before)
    yield candidate


def _header(raw: bytes) -> tuple[bytes, list[str]]:
    header = raw.split(b"\n\n", 1)[0]
    return header, [line[7:].decode() for line in header.split(b"\n") if line.startswith(b"parent ")]


def _tree(header: bytes) -> str:
    return header[5:45].decode()


def _new(reader: Reader, tree: str, before: str) -> Iterator[str]:
    """Ids below and with `tree` that `before` does not have in the same place, children first."""
    if tree == before:
        return
    old = _lines(reader, before) if before else {}
    for name, (mode, oid) in _lines(reader, tree).items():
        had = old.get(name, (b"", ""))
        if mode == _SUBMODULE or had[1] == oid:
            continue
        if mode == _FOLDER:
            yield from _new(reader, oid, had[1] if had[0] == _FOLDER else "")
        else:
            yield oid
    yield tree


def _lines(reader: Reader, tree: str) -> dict[bytes, tuple[bytes, str]]:
    if tree == entries.EMPTY_TREE:
        return {}
    kind, data = reader.object(tree)
    lines = {}
    at = 0
    while kind == TREE and at < len(data):
        nul = data.index(b"\0", at)
        mode, name = data[at:nul].split(b" ", 1)
        lines[name] = (mode.lstrip(b"0"), data[nul + 1 : nul + 21].hex())
        at = nul + 21
    return lines
