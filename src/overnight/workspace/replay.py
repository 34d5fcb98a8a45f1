"""Kept changes taken out of a tree, and a lineage told again as one tree a change: in memory, never a work tree.

Only objects are written, with nothing of git's configuration, attributes or merge drivers. A tree that comes of it
is reachable once its commit is a ledger entry's `candidate`, or a branch's. What this does not know: whether a tree
is any good (only the judge does).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import pygit2

from overnight.errors import LedgerError, MachineError
from overnight.model.contract import Contract
from overnight.rules.paths import collisions, printable
from overnight.rules.scope import editable
from overnight.workspace.merging import merge_entries
from overnight.workspace.objects import Entry, empty_tree, write_tree
from overnight.workspace.repository import Repository

Entries = Mapping[str, Entry]


class Step(NamedTuple):
    """One change: the tree before it and the tree after it."""

    before: str
    after: str


class Stage(NamedTuple):
    """One or more changes, by number, and the tree after them."""

    numbers: tuple[int, ...]
    tree: str


class Replay:
    """Trees of one repository under one contract. Not safe for use by two threads at once."""

    def __init__(self, repository: Repository, contract: Contract) -> None:
        self._repository = repository
        self._contract = contract

    def without(self, final: str, steps: Sequence[Step]) -> str | None:
        """The tree `final` with `steps`, given in the order in which they were made, taken out again.

        None where something that stays was built on a line, a file or a name that would have to go: the changes are
        entangled. The same arguments always give the same tree.

        Raises:
            LedgerError: a step changed what the contract lets no candidate change.
            MachineError: objects could not be written.
        """
        tree: str | None = final
        for step in reversed(steps):
            if tree is None:
                return None
            tree = self._merge(ancestor=step.after, ours=tree, theirs=step.before)
        return tree

    def line(self, steps: Mapping[int, Step], keep: Collection[int], final: str) -> tuple[Stage, ...]:
        """The trees after each change of `keep`, the last of which is `final`.

        `steps` are all changes of a lineage by number, oldest first, each made on the one before. `final` is the last
        one's tree without those that are not in `keep`. Where no tree with only the changes up to one can be made, or
        it would be the tree before, the change is joined with the next one that is kept (the last with the one
        before): no stage is empty, and each but a joined one has one number.

        Raises:
            LedgerError, MachineError: as for `without`.
        """
        numbers = [number for number in steps if number in keep]
        stages: list[Stage] = []
        waiting: tuple[int, ...] = ()
        before = next(iter(steps.values())).before if steps else final
        for number in numbers:
            waiting = (*waiting, number)
            gone = [step for other, step in steps.items() if other < number and other not in keep]
            tree = final if number == numbers[-1] else self.without(steps[number].after, gone)
            if tree is not None and tree != before:
                stages.append(Stage(waiting, tree))
                before, waiting = tree, ()
        if waiting and stages:
            stages[-1] = Stage((*stages[-1].numbers, *waiting), stages[-1].tree)
        return tuple(stages)

    def commit(self, tree: str, parent: str, removed: Sequence[int]) -> str:
        """A commit of `tree`, which is that of commit `parent` without changes `removed`, for a ledger to keep.

        Raises:
            MachineError: it could not be written.
        """
        return self._repository.commit(tree, (parent,), "Without " + ", ".join(f"#{number}" for number in removed))

    def _merge(self, *, ancestor: str, ours: str, theirs: str) -> str | None:
        base, mine, other = map(self._repository.files, (ancestor, ours, theirs))
        repo = self._repository.pygit
        changes: dict[str, tuple[int, str] | None] = {}
        try:
            for path in sorted(path for path in {*base, *other} if base.get(path) != other.get(path)):
                self._require_editable(path)
                mergeable, entry = merge_entries(repo, base.get(path), mine.get(path), other.get(path))
                if not mergeable:
                    return None
                present = mine.get(path)
                if entry != (None if present is None else (present.mode, present.id)):
                    changes[path] = entry
            if _clash(mine, changes):
                return None
            return write_tree(repo, ours, changes) or empty_tree(repo)
        except (pygit2.GitError, OSError) as error:
            raise MachineError(f"a tree without some changes could not be written: {error}") from error

    def _require_editable(self, path: str) -> None:
        if not editable(self._contract, path):
            raise LedgerError(
                f"a kept change touches {printable(path)}, which program.md lets no candidate change: the history of "
                "this study does not add up; run `git fsck`"
            )


def _clash(mine: Entries, changes: Mapping[str, tuple[int, str] | None]) -> bool:
    """Whether the result would have a file where it has a folder, or two names that some disks take for one."""
    added = {path for path, entry in changes.items() if entry is not None and path not in mine}
    if not added:
        return False
    present = {path for path in mine if path not in changes or changes[path] is not None} | added
    folders = {prefix for path in present for prefix in _above(path)}
    return bool(folders & present) or bool(collisions(added, present))


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
