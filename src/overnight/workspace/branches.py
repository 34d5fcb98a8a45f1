"""Branches of the person's repository, made or moved only when they ask for it; no hook runs, nothing is checked out.

Does not know: remotes, and what a branch is for.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pygit2

from overnight.errors import MachineError, RepositoryError, UsageError
from overnight.rules.paths import printable
from overnight.workspace.objects import durable
from overnight.workspace.repository import Repository

_HEADS = "refs/heads/"
_NOBODY = ("overnight", "noreply@overnight.invalid")


class Branches:
    """The branches of one repository, by their short names."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._repo = repository.pygit

    def require_name(self, name: str) -> None:
        """Return if git allows a branch of this name.

        Raises:
            UsageError: it does not.
        """
        if name.startswith("-") or name == "HEAD" or not pygit2.reference_is_valid_name(_HEADS + name):
            raise UsageError(
                f"git does not allow a branch named {printable(name)!r}: choose another with --branch NAME"
            )

    def tip(self, name: str) -> str:
        """The commit that branch `name` is at, "" when there is no such branch.

        Raises:
            RepositoryError: it names something that is gone.
        """
        found = self._repo.references.get(_HEADS + name)
        try:
            return "" if found is None else str(found.peel(pygit2.Commit).id)
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise RepositoryError(f"the branch {name} cannot be read ({error}): run `git fsck`") from error

    def worktree_of(self, name: str) -> str:
        """The folder in which branch `name` is checked out, being rebased or bisected; "" = nowhere."""
        for gitdir, folder in self._worktrees():
            if _HEADS + name in _busy_with(gitdir):
                return folder
        return ""

    def identity(self, at: int) -> pygit2.Signature:
        """The person as their git configuration names them, or overnight where it does not; `at` dates it, UTC."""
        try:
            person = self._repo.default_signature
            return pygit2.Signature(person.name, person.email, at, 0)
        except (KeyError, ValueError, pygit2.GitError):
            return pygit2.Signature(*_NOBODY, at, 0)

    def signs(self) -> bool:
        """Whether the person's configuration asks for signed commits; ours are not signed."""
        try:
            return bool(self._repo.config.get_bool("commit.gpgsign"))
        except (KeyError, ValueError, pygit2.GitError):
            return False

    def commit(self, tree: str, parent: str, message: str, at: int) -> str:
        """Write a commit in the person's name, whole on the disk when this returns; no ref names it yet.

        Raises:
            MachineError: it could not be written.
        """
        who = self.identity(at)
        try:
            with durable():
                return str(self._repo.create_commit(None, who, who, message, tree, [parent]))
        except (pygit2.GitError, OSError) as error:
            raise MachineError(f"a commit could not be written to {self._repository.common_dir}: {error}") from error

    def create(self, name: str, commit: str) -> None:
        """Make branch `name`, which must not be there, at `commit`.

        Raises:
            UsageError: it is there by now, or another branch is in its way.
            RepositoryError: git could not write it.
        """
        try:
            self._repo.references.create(_HEADS + name, commit)
        except pygit2.AlreadyExistsError as error:
            raise UsageError(f"the branch {name} was made by somebody else just now: run it again") from error
        except (pygit2.GitError, ValueError, OSError) as error:
            raise self._refused(name, error) from error

    def move(self, name: str, old: str, new: str, keep: str) -> None:
        """Move branch `name` from `old` to `new`; the ref `keep` holds `old` from before the move on.

        Raises:
            UsageError: the branch has moved since.
            RepositoryError: git could not write it.
        """
        try:
            self._repo.references.create(keep, old, force=True)
            branch = self._repo.references[_HEADS + name]
            if str(branch.peel(pygit2.Commit).id) != old:
                raise UsageError(f"the branch {name} has moved just now: look at it and run again")
            branch.set_target(new, "overnight finish --replace")
        except (pygit2.GitError, KeyError, ValueError, OSError) as error:
            raise self._refused(name, error) from error

    def _refused(self, name: str, error: Exception) -> RepositoryError:
        outer = [name.rsplit("/", count)[0] for count in range(1, name.count("/") + 1)]
        taken = next((other for other in outer if self._repo.references.get(_HEADS + other)), "")
        inner = next((ref for ref in self._repo.references if ref.startswith(f"{_HEADS}{name}/")), "")
        if taken or inner:
            other = taken or inner.removeprefix(_HEADS)
            return RepositoryError(
                f"git cannot have a branch {name} beside the branch {other}: choose another with --branch NAME"
            )
        return RepositoryError(f"the branch {name} could not be written: {error}")

    def _worktrees(self) -> Iterator[tuple[Path, str]]:
        """(git folder, working folder) of every worktree, the main one first."""
        common = self._repository.common_dir
        yield common, str(common.parent if common.name == ".git" else common)
        with suppress(FileNotFoundError):
            for gitdir in sorted((common / "worktrees").iterdir()):
                with suppress(OSError):
                    yield gitdir, os.path.dirname(_line(gitdir / "gitdir"))  # noqa: PTH120 - text from a file


def _busy_with(gitdir: Path) -> set[str]:
    """Full names of the branches that a worktree stands on or will move when a rebase or bisection ends."""
    found = {_line(gitdir / "HEAD").removeprefix("ref:").strip()}
    found |= {_line(gitdir / kind / "head-name") for kind in ("rebase-merge", "rebase-apply")}
    bisected = _line(gitdir / "BISECT_START")
    return found | ({_HEADS + bisected, bisected} if bisected else set())


def _line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape").split("\n", 1)[0].strip()
    except OSError:
        return ""
