"""The person's git repository: read freely, written only in its object store.

Never runs git, and never touches branch, index, working tree, stash, hooks or configuration. References are the
ledger's business.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self

import pygit2

from overnight.errors import MachineError, RepositoryError
from overnight.workspace.dirty import dirty_paths, snapshot_tree
from overnight.workspace.discover import common_folder, open_repository, require_writable
from overnight.workspace.history import ever_tracked
from overnight.workspace.objects import FOLDER, SUBMODULE, Entry, Item, durable, parse_tree, write_tree

LONGEST_DIFF = 400_000
"""Characters of a diff that are given back."""

_CACHED_TREES = 32
_CACHED_FOLDERS = 8192
_CACHED_SIZES = 200_000
_CACHED_BLOBS = 64
_SMALL_BLOB = 65_536


class Repository:
    """A worktree and its object store. Not safe for use by two threads at once.

    `root` is the worktree's folder, `git_dir` its own git folder, `common_dir` the git folder that all worktrees
    share; all absolute.
    """

    def __init__(self, repo: pygit2.Repository) -> None:
        self.pygit = repo
        self.root = Path(repo.workdir)
        self.git_dir = Path(repo.path)
        self.common_dir = common_folder(self.git_dir)
        self._files: OrderedDict[str, Mapping[str, Entry]] = OrderedDict()
        self._folders: dict[str, tuple[Item, ...]] = {}
        self._sizes: dict[str, int] = {}
        self._blobs: dict[str, bytes] = {}

    @classmethod
    def discover(cls, start: Path) -> Self:
        """The repository that folder `start` lies in.

        Raises:
            RepositoryError: there is none, or one that cannot be used; the message says what to do.
        """
        return cls(open_repository(start))

    def head(self) -> tuple[str, str]:
        """(commit, tree) that HEAD names.

        Raises:
            RepositoryError: nothing was committed yet, or HEAD names something that is gone.
        """
        if self.pygit.head_is_unborn:
            raise RepositoryError(
                f"{self.root} has no commits yet, and what is measured is a commit: run `git add -A && git commit`"
            )
        try:
            commit = self.pygit.head.peel(pygit2.Commit)
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise RepositoryError(f"HEAD of {self.root} cannot be read ({error}): run `git fsck`") from error
        return str(commit.id), str(commit.tree_id)

    def branch(self) -> str:
        """The short name of the branch that is checked out; "" when HEAD is detached or has no commit."""
        if self.pygit.head_is_unborn or self.pygit.head_is_detached:
            return ""
        return str(self.pygit.head.shorthand)

    def dirty(self) -> tuple[str, ...]:
        """Paths whose file differs from HEAD or that are untracked and not ignored, sorted, relative to the root."""
        return dirty_paths(self.pygit, self.root, self.files(self.head()[1]))

    def files(self, tree: str) -> Mapping[str, Entry]:
        """Every file, link and submodule of `tree` by path. Treat it as frozen: it is shared.

        Raises:
            RepositoryError: an object is missing or damaged.
        """
        found = self._files.get(tree)
        if found is None:
            flat: dict[str, Entry] = {}
            if len(self._sizes) > _CACHED_SIZES:
                self._sizes.clear()
            self._flatten(tree, "", flat)
            found = self._files[tree] = MappingProxyType(flat)
            if len(self._files) > _CACHED_TREES:
                self._files.popitem(last=False)
        self._files.move_to_end(tree)
        return found

    def _flatten(self, tree: str, prefix: str, into: dict[str, Entry]) -> None:
        for item in self.listing(tree):
            path = prefix + item.name
            if item.mode == FOLDER:
                self._flatten(item.id, path + "/", into)
            else:
                size = 0 if item.mode == SUBMODULE else self._size(item.id)
                into[path] = Entry(item.mode, item.id, size)

    def _size(self, blob: str) -> int:
        known = self._sizes.get(blob)
        if known is None:
            try:
                known = self._sizes[blob] = int(self.pygit.odb.read_header(blob)[1])
            except (pygit2.GitError, KeyError, ValueError) as error:
                raise _damaged(blob, error) from error
        return known

    def listing(self, tree: str) -> tuple[Item, ...]:
        """The entries of one tree object, folders among them.

        Raises:
            RepositoryError: the object is missing or damaged.
        """
        found = self._folders.get(tree)
        if found is None:
            found = parse_tree(self.blob(tree))
            if len(self._folders) >= _CACHED_FOLDERS:
                self._folders.clear()
            self._folders[tree] = found
        return found

    def blob(self, oid: str) -> bytes:
        """The raw bytes of an object.

        Raises:
            RepositoryError: it is missing or damaged.
        """
        known = self._blobs.get(oid)
        if known is not None:
            return known
        try:
            data = bytes(self.pygit.read(oid)[1])
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise _damaged(oid, error) from error
        if len(data) <= _SMALL_BLOB:
            # Every experiment reads its parent's small files several times.
            if len(self._blobs) >= _CACHED_BLOBS:
                self._blobs.clear()
            self._blobs[oid] = data
        return data

    def read(self, tree: str, path: str) -> bytes | None:
        """The content of file `path` in `tree` (a link's target for a link), None when there is no such file."""
        *folders, name = path.split("/")
        for folder in folders:
            step = next((item for item in self.listing(tree) if item.name == folder), None)
            if step is None or step.mode != FOLDER:
                return None
            tree = step.id
        last = next((item for item in self.listing(tree) if item.name == name), None)
        if last is None or last.mode in (FOLDER, SUBMODULE):
            return None
        return self.blob(last.id)

    def tree_of(self, commit_or_tree: str) -> str:
        """The tree id of a commit, or a tree's own.

        Raises:
            RepositoryError: there is no such object, or it is neither.
        """
        return str(self._tree(commit_or_tree).id)

    def _tree(self, commit_or_tree: str) -> pygit2.Tree:
        try:
            return self.pygit[commit_or_tree].peel(pygit2.Tree)
        except (pygit2.GitError, pygit2.InvalidSpecError, KeyError, ValueError) as error:
            raise _damaged(commit_or_tree, error) from error

    def _difference(self, old: str, new: str) -> pygit2.Diff:
        return self._tree(old).diff_to_tree(self._tree(new))

    def diff(self, old: str, new: str) -> str:
        """A unified diff from commit or tree `old` to `new`; binary files are only named.

        Undecodable bytes are replaced; at most LONGEST_DIFF characters and a line that says that it was cut. It
        may hold an agent's bytes: escape before showing it at a terminal.
        """
        parts: list[str] = []
        length = 0
        for patch in self._difference(old, new):
            text = patch.data.decode("utf-8", "replace") if patch is not None else ""
            parts.append(text[: LONGEST_DIFF - length])
            length += len(text)
            if length > LONGEST_DIFF:
                parts.append("\n(the rest of this diff is left out)\n")
                break
        return "".join(parts)

    def numbers(self, old: str, new: str) -> tuple[int, int]:
        """(added, deleted) lines from commit or tree `old` to `new`."""
        stats = self._difference(old, new).stats
        return int(stats.insertions), int(stats.deletions)

    def snapshot(self, keep: Callable[[str], bool], message: str) -> tuple[str, str]:
        """(commit, tree) of the working tree as it is now, on top of HEAD.

        Tracked files as they are on disk and untracked ones that are not ignored, restricted to paths that `keep`
        accepts; all other paths as in HEAD. Durable, but no ref names the commit yet: the caller must keep it.

        Raises:
            RepositoryError: a file is too large, unreadable or oddly named.
        """
        commit, tree = self.head()
        with durable():
            new = snapshot_tree(self.pygit, self.root, self.files(tree), tree, keep)
            return (commit if new == tree else self.commit(new, (commit,), message)), new

    def with_files(self, tree: str, contents: Mapping[str, bytes]) -> str:
        """A tree like `tree` in which each path of `contents` is a regular file with that content.

        A file that is executable stays so.
        """
        old = self.files(tree)
        blobs = {
            path: (
                0o100755 if path in old and old[path].mode == 0o100755 else 0o100644,
                str(self.pygit.create_blob(data)),
            )
            for path, data in contents.items()
        }
        return write_tree(self.pygit, tree, blobs) or tree

    def refs(self, prefix: str) -> tuple[str, ...]:
        """Names of all refs that begin with `prefix`, sorted."""
        return tuple(sorted(name for name in self.pygit.references if name.startswith(prefix)))

    def ever_tracked(self, globs: Sequence[str], folder: str = "") -> dict[str, str]:
        """Paths in any commit that match `globs` (relative to `folder`), sorted, each with the newest such commit."""
        return ever_tracked(self.pygit, self.listing, globs, folder)

    def commit(self, tree: str, parents: Sequence[str], message: str, at: int = 0) -> str:
        """Write a commit that no ref names and return its id; `at` is seconds since 1970, UTC.

        Raises:
            MachineError: the object could not be written.
        """
        who = pygit2.Signature("overnight", "overnight@localhost", at, 0)
        try:
            return str(self.pygit.create_commit(None, who, who, message, tree, list(parents)))
        except (pygit2.GitError, OSError) as error:
            raise MachineError(f"a commit could not be written to {self.common_dir}: {error}") from error

    def writable(self) -> None:
        """Return if objects and refs can be written.

        Raises:
            RepositoryError: they cannot; the message says which and why.
        """
        require_writable(self.common_dir)


def _damaged(oid: str, error: Exception) -> RepositoryError:
    shown = oid[:12] if re.fullmatch("[0-9a-f]+", oid) else repr(oid)
    return RepositoryError(f"git object {shown} is missing or damaged ({error}): run `git fsck`")
