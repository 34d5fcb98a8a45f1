"""Looking through every tree of a history for names that must never have been there."""

from collections.abc import Callable, Sequence

import pygit2

from overnight.rules.globs import literal_prefix
from overnight.rules.scope import matches, relative
from overnight.workspace.objects import FOLDER, Item


def ever_tracked(
    repo: pygit2.Repository, listing: Callable[[str], tuple[Item, ...]], globs: Sequence[str], folder: str
) -> tuple[str, ...]:
    """Every path in the history of HEAD that `globs` (relative to `folder`) match, sorted, root-relative.

    Each different folder is looked at once, so that a long history costs what changed in it.
    """
    if not globs or repo.head_is_unborn:
        return ()
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    for commit in repo.walk(repo.head.target):
        pending = [("", str(commit.tree_id))]
        while pending:
            where, tree = pending.pop()
            if (where, tree) in seen:
                continue
            seen.add((where, tree))
            for item in listing(tree):
                path = f"{where}/{item.name}" if where else item.name
                local = relative(folder, path)
                if item.mode == FOLDER:
                    if _may_hold(globs, folder, path):
                        pending.append((path, item.id))
                elif local is not None and matches(globs, local):
                    found.add(path)
    return tuple(sorted(found))


def _may_hold(globs: Sequence[str], folder: str, path: str) -> bool:
    for glob in globs:
        prefix = "/".join(part for part in (folder, literal_prefix(glob)) if part)
        if not prefix or f"{prefix}/".startswith(f"{path}/") or f"{path}/".startswith(f"{prefix}/"):
            return True
    return False
