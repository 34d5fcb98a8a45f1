"""Finding the person's repository, and saying in one sentence why it cannot be used."""

import os
import tempfile
from pathlib import Path

import pygit2

from overnight.errors import RepositoryError


def open_repository(start: Path) -> pygit2.Repository:
    """The git repository that `start` lies in; only opened, nothing is read or written yet.

    Raises:
        RepositoryError: there is none, or one of a kind that cannot be used.
    """
    try:
        found = pygit2.discover_repository(str(start))
        if found is None:
            raise RepositoryError(
                f"{start} is not in a git repository: run `git init` and commit your files, or begin with a template, "
                "as in `overnight init --template lm NEW_FOLDER`"
            )
        repo = pygit2.Repository(found)
    except (pygit2.GitError, pygit2.InvalidError, KeyError, ValueError) as error:
        raise RepositoryError(_explain(start, str(error))) from error
    if repo.is_bare or not repo.workdir:
        raise RepositoryError(f"{found} is a bare repository, without files to measure: run overnight in a clone of it")
    return repo


def _explain(start: Path, message: str) -> str:
    lower = message.lower()
    if "not owned" in lower:
        return (
            f"the git repository of {start} belongs to another user and git does not trust it: if you do, run "
            f"`git config --global --add safe.directory {start}`"
        )
    if "object format" in lower or "objectformat" in lower:
        return f"the git repository of {start} uses SHA-256 objects, which overnight cannot read yet: use a SHA-1 clone"
    if "refstorage" in lower:
        return (
            f"the git repository of {start} stores its refs as a reftable, which overnight cannot read yet: run "
            "`git refs migrate --ref-format=files`"
        )
    return f"the git repository of {start} cannot be opened: {message}"


def common_folder(gitdir: Path) -> Path:
    """The folder that holds objects and refs, shared by all worktrees of a repository."""
    try:
        pointer = (gitdir / "commondir").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return gitdir
    return (gitdir / pointer).resolve()


def require_writable(common: Path) -> None:
    """Return if objects and refs can be written below `common`.

    Raises:
        RepositoryError: they cannot.
    """
    for folder in (common / "objects", common / "refs"):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _read_only(folder, "permission denied or a read-only file system")
    try:
        # Permission bits do not tell everything (network disks, quotas, immutable folders): try.
        with tempfile.TemporaryFile(dir=common / "objects", prefix="tmp_obj_overnight"):
            pass
    except OSError as error:
        raise _read_only(common / "objects", error.strerror or str(error)) from error


def _read_only(folder: Path, why: str) -> RepositoryError:
    return RepositoryError(
        f"{folder} cannot be written ({why}): overnight keeps its experiments in the repository; make it writable or "
        "work in a clone"
    )
