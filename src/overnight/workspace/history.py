"""Looking through every tree of a history for names that must never have been there."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import pygit2
import pygit2.enums

from overnight.rules.globs import literal_prefix
from overnight.rules.scope import matches, relative
from overnight.workspace.objects import FOLDER, Item

_OURS = "refs/overnight/"


def ever_tracked(
    repo: pygit2.Repository, listing: Callable[[str], tuple[Item, ...]], globs: Sequence[str], folder: str
) -> dict[str, str]:
    """Every path that `globs` (relative to `folder`) match in any commit, root-relative, with the newest such commit.

    Looks at all that HEAD, branches, tags and the stash reach, but not at our own refs. Each different folder is looked
    at once, so that a long history costs what changed in it.
    """
    if not globs or repo.head_is_unborn:
        return {}
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for commit in _commits(repo):
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
                    found.setdefault(path, str(commit.id))
    return dict(sorted(found.items()))


def _commits(repo: pygit2.Repository) -> Iterable[pygit2.Commit]:
    """Newest first."""
    walk = repo.walk(repo.head.target, pygit2.enums.SortMode.TIME)
    for name in repo.references:
        if not name.startswith(_OURS):
            with suppress(pygit2.GitError, KeyError, ValueError):  # a ref to nothing, or to something that is no commit
                walk.push(repo.references[name].peel(pygit2.Commit).id)
    return walk


def _may_hold(globs: Sequence[str], folder: str, path: str) -> bool:
    for glob in globs:
        prefix = "/".join(part for part in (folder, literal_prefix(glob)) if part)
        if not prefix or f"{prefix}/".startswith(f"{path}/") or f"{path}/".startswith(f"{prefix}/"):
            return True
    return False
