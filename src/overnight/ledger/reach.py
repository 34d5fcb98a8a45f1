"""Which loose objects a history brought into the repository: its entries, its candidates and what is new in them.

The person's own commits are not ours even where an entry names them, and neither is anything that a candidate
has in common with its parent.
"""

from collections.abc import Iterator

from overnight.ledger import entry as entries
from overnight.ledger.objects import TREE, Objects

_OURS = b" <overnight@localhost> "
_FOLDER = b"40000"
_SUBMODULE = b"160000"
_CACHED = 32


class Reach:
    """Walks one store; remembers the trees of parents, which many candidates share."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._trees: dict[str, dict[bytes, tuple[bytes, str]]] = {}
        self._tree_of: dict[str, str] = {}

    def steps(self, tip: str, until: str = "") -> Iterator[tuple[str, ...]]:
        """What each entry brought, its own commit last, from `tip` down to the first that is not loose or is `until`.

        Not all of it needs to be loose, and an object may come twice.

        Raises:
            MissingObjectError: an object that a candidate needs is missing.
            ValueError: a commit of the chain is not an entry.
        """
        at = tip
        while at not in ("", until) and (raw := self._objects.read_loose(at)) is not None:
            entry = entries.parse(raw)
            yield (*self.brought(entry.candidate), *(() if entry.parent else (entries.EMPTY_TREE,)), at)
            at = entry.parent

    def brought(self, candidate: str) -> Iterator[str]:
        """The candidate's commit and what its tree has that its parent's has not; nothing if the commit is not ours.

        Raises:
            MissingObjectError: a commit or tree is missing.
        """
        if not candidate:
            return
        header, parents = _header(self._objects.commit(candidate))
        if _OURS not in header:
            return
        yield from self._new(_tree(header), self._tree_of_commit(parents[0]) if parents else "")
        yield candidate

    def _tree_of_commit(self, commit: str) -> str:
        found = self._tree_of.get(commit)
        if found is None:
            if len(self._tree_of) >= _CACHED:
                self._tree_of.clear()
            found = self._tree_of[commit] = _tree(_header(self._objects.commit(commit))[0])
        return found

    def _new(self, tree: str, before: str) -> Iterator[str]:
        """Ids below and with `tree` that `before` does not have in the same place, children first."""
        if tree == before:
            return
        old = self._parent(before) if before else {}
        for name, (mode, oid) in self._lines(tree).items():
            had = old.get(name, (b"", ""))
            if mode == _SUBMODULE or had[1] == oid:
                continue
            if mode == _FOLDER:
                yield from self._new(oid, had[1] if had[0] == _FOLDER else "")
            else:
                yield oid
        yield tree

    def _parent(self, tree: str) -> dict[bytes, tuple[bytes, str]]:
        found = self._trees.get(tree)
        if found is None:
            if len(self._trees) >= _CACHED:
                self._trees.clear()
            found = self._trees[tree] = self._lines(tree)
        return found

    def _lines(self, tree: str) -> dict[bytes, tuple[bytes, str]]:
        if tree == entries.EMPTY_TREE:
            return {}
        kind, data = self._objects.object(tree)
        return _parse(data) if kind == TREE else {}


def loose_entries(objects: Objects, tip: str, limit: int) -> int:
    """How many entries from `tip` down are loose, counted up to `limit`."""
    found = 0
    at = tip
    while at and found < limit and (raw := objects.read_loose(at)) is not None:
        at = entries.parse(raw).parent
        found += bool(at)
    return found


def _header(raw: bytes) -> tuple[bytes, list[str]]:
    header = raw.split(b"\n\n", 1)[0]
    return header, [line[7:].decode() for line in header.split(b"\n") if line.startswith(b"parent ")]


def _tree(header: bytes) -> str:
    return header[5:45].decode()


def _parse(data: bytes) -> dict[bytes, tuple[bytes, str]]:
    lines = {}
    at = 0
    while at < len(data):
        nul = data.index(b"\0", at)
        mode, name = data[at:nul].split(b" ", 1)
        lines[name] = (mode.lstrip(b"0"), data[nul + 1 : nul + 21].hex())
        at = nul + 21
    return lines
