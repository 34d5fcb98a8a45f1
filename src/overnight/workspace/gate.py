"""From a hostile folder to a candidate: what changed, whether it may, and the tree that comes of it."""

from collections.abc import Mapping
from pathlib import Path

import pygit2

from overnight.errors import MachineError
from overnight.model.contract import Contract
from overnight.model.experiment import Breach, Change, Edit
from overnight.rules.paths import printable
from overnight.rules.scope import REGULAR, Touched, breaches, editable
from overnight.rules.words import one_line
from overnight.workspace.lines import changed_lines, code_lines
from overnight.workspace.objects import SUBMODULE, Entry, empty_tree, write_tree
from overnight.workspace.repository import Repository
from overnight.workspace.walk import Parent, Seen, Walk

MOST_NAMED = 50
"""Breaches, and dropped names, that one Change lists."""

_LONGEST_SUBJECT = 200
_CACHED_COUNTS = 50_000


class Gate:
    """Judges folders against their parents; remembers what it learnt about trees and blobs, which never change."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._parents: dict[str, Parent] = {}
        self._lines: dict[str, int] = {}

    def inspect(self, directory: Path, parent: str, contract: Contract, summary: str, at: int) -> Change:
        """The Change between commit `parent` and `directory`, a checkout of its whole tree.

        Objects of an allowed change are in the repository when this returns, not synced: that is the business of
        whoever keeps the commit. `at` dates it.

        Raises:
            MachineError: objects could not be written.
        """
        tree = self._repository.tree_of(parent)
        before = self._parent(tree)
        walk = Walk(before, contract)
        walk.read(directory)
        touched = compare(before.files, walk)
        present = (before.files.keys() | walk.seen.keys()) - {item.path for item in touched if item.kind == "deleted"}
        bad = (*walk.breaches, *breaches(contract, touched, present))
        base = Change(
            tree=tree,
            commit=parent,
            parent=parent,
            paths=tuple(printable(item.path) for item in touched),
            dropped=_named(walk.dropped),
            breaches=_bounded(bad),
            loc=self._loc(before.files, contract, {}),
        )
        if bad or not touched:
            return base
        try:
            return self._candidate(base, touched, walk.seen, contract, (subject(summary), at))
        except (pygit2.GitError, OSError) as error:
            raise MachineError(f"the candidate could not be written to the repository: {error}") from error

    def loc(self, tree: str, contract: Contract) -> int:
        """Lines that are not blank in the editable files of `tree`."""
        return self._loc(self._repository.files(tree), contract, {})

    def _candidate(
        self,
        base: Change,
        touched: tuple[Touched, ...],
        seen: Mapping[str, Seen],
        contract: Contract,
        label: tuple[str, int],
    ) -> Change:
        repo = self._repository
        before = self._parent(base.tree).files
        changes: dict[str, tuple[int, str] | None] = {}
        for item in touched:
            found = seen.get(item.path)
            if found is not None and found.data is not None:
                repo.pygit.create_blob(found.data)
                self._lines[found.id] = code_lines(found.data)
            changes[item.path] = None if found is None else (found.mode, found.id)
        tree = write_tree(repo.pygit, base.tree, changes) or empty_tree(repo.pygit)
        commit = repo.commit(tree, (base.parent,), label[0], label[1])
        edits = []
        added = deleted = 0
        for item in touched:
            if item.kind == "mode":
                continue
            old = repo.blob(before[item.path].id) if item.old in REGULAR else None
            found = seen.get(item.path)
            new = found.data if found is not None else None
            more, fewer = changed_lines(old or b"", new or b"")
            added, deleted = added + more, deleted + fewer
            edits.append(Edit(path=printable(item.path), before=old, after=new))
        return Change(
            tree=tree,
            commit=commit,
            parent=base.parent,
            paths=base.paths,
            added=added,
            deleted=deleted,
            loc=self._loc(before, contract, changes),
            dropped=base.dropped,
            edits=tuple(edits),
        )

    def _parent(self, tree: str) -> Parent:
        found = self._parents.get(tree)
        if found is None:
            if len(self._parents) > 64:
                self._parents.clear()
            files = self._repository.files(tree)
            found = self._parents[tree] = Parent(files, _folders(files), self._gitignores(files))
        return found

    def _gitignores(self, files: Mapping[str, Entry]) -> Mapping[str, str]:
        """The parent's own `.gitignore` texts, below the person's `.git/info/exclude`; never the agent's."""
        texts = {}
        try:
            texts[""] = (self._repository.common_dir / "info" / "exclude").read_text("utf-8", "replace") + "\n"
        except OSError:
            texts[""] = ""
        for path, entry in files.items():
            folder, _, name = path.rpartition("/")
            if name == ".gitignore" and entry.mode in REGULAR:
                texts[folder] = texts.get(folder, "") + self._repository.blob(entry.id).decode("utf-8", "replace")
        return texts

    def _loc(
        self, files: Mapping[str, Entry], contract: Contract, changes: Mapping[str, tuple[int, str] | None]
    ) -> int:
        """Lines that are not blank in the editable files of `files` with `changes` applied."""
        ids = {path: entry.id for path, entry in files.items() if entry.mode in REGULAR}
        for path, change in changes.items():
            ids.pop(path, None)
            if change is not None:
                ids[path] = change[1]
        return sum(self._count(oid) for path, oid in ids.items() if editable(contract, path))

    def _count(self, blob: str) -> int:
        known = self._lines.get(blob)
        if known is None:
            if len(self._lines) > _CACHED_COUNTS:
                self._lines.clear()
            known = self._lines[blob] = code_lines(self._repository.blob(blob))
        return known


def compare(files: Mapping[str, Entry], walk: Walk) -> tuple[Touched, ...]:
    """What differs between the parent's files and what was seen, sorted by path."""
    found = []
    for path, seen in walk.seen.items():
        entry = files.get(path)
        if entry is None:
            found.append(Touched(path=path, kind="created", new=seen.mode, size=seen.size, links=seen.links))
        elif seen.id != entry.id or (seen.mode in REGULAR) != (entry.mode in REGULAR):
            found.append(
                Touched(path=path, kind="modified", old=entry.mode, new=seen.mode, size=seen.size, links=seen.links)
            )
        elif seen.mode != entry.mode:
            found.append(Touched(path=path, kind="mode", old=entry.mode, new=seen.mode, links=seen.links))
    if not walk.stopped:
        hidden = set(walk.unknown)
        for path, entry in files.items():
            # A submodule is an empty folder in a checkout: without content it cannot be missed.
            if path not in walk.seen and entry.mode != SUBMODULE and not _under(path, hidden):
                found.append(Touched(path=path, kind="deleted", old=entry.mode))
    return tuple(sorted(found, key=lambda item: item.path))


def _under(path: str, folders: set[str]) -> bool:
    if not folders:
        return False
    parts = path.split("/")
    return any("/".join(parts[:count]) in folders for count in range(len(parts) + 1))


def _folders(files: Mapping[str, Entry]) -> frozenset[str]:
    found: set[str] = set()
    for path, entry in files.items():
        folder = path if entry.mode == SUBMODULE else path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return frozenset(found)


def subject(summary: str) -> str:
    """The first line of an agent's words, without anything that a terminal or git could take as more than text."""
    lines = summary[: 8 * _LONGEST_SUBJECT].strip().splitlines()
    return one_line(lines[0] if lines else "", _LONGEST_SUBJECT) or "An experiment without a summary"


def _named(names: list[str]) -> tuple[str, ...]:
    shown = tuple(printable(name) for name in sorted(names)[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else (*shown[:-1], f"and {len(names) - MOST_NAMED + 1} more")


def _bounded(found: tuple[Breach, ...]) -> tuple[Breach, ...]:
    clean = tuple(Breach(path=printable(item.path), rule=item.rule, detail=item.detail) for item in found[:MOST_NAMED])
    if len(found) <= MOST_NAMED:
        return clean
    rest = len(found) - MOST_NAMED + 1
    return (*clean[:-1], Breach(path="...", rule=found[MOST_NAMED - 1].rule, detail=f"{rest} more such changes"))
