"""The person's working tree against HEAD: what differs, and a commit of it as it is.

Nothing of git's own state is written but objects: not the index, no ref, no file of the working tree.
"""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pygit2
from pygit2.enums import FileStatus

from overnight.errors import RepositoryError
from overnight.rules.paths import odd, printable
from overnight.workspace.objects import LINK, Entry, blob_id, empty_tree, write_tree

LARGEST_SNAPSHOT = 100 * 1024**2
"""Bytes of one file of the working tree that a snapshot takes."""

_STAGED = FileStatus.INDEX_NEW | FileStatus.INDEX_MODIFIED | FileStatus.INDEX_DELETED | FileStatus.INDEX_TYPECHANGE


def dirty_paths(repo: pygit2.Repository, root: Path, head: Mapping[str, Entry]) -> tuple[str, ...]:
    """Paths whose file differs from HEAD or that are untracked and not ignored, sorted.

    libgit2 compares by itself: it runs neither filters nor a file-system monitor, and writes no index.
    """
    found = []
    for path, flags in repo.status(untracked_files="all", ignored=False).items():
        if path.endswith("/") or flags in (FileStatus.CURRENT, FileStatus.IGNORED):
            continue
        if flags & _STAGED and _same(root / path, head.get(path)):
            continue
        found.append(path)
    return tuple(sorted(found))


def _same(file: Path, entry: Entry | None) -> bool:
    content = _read(file)
    if content is None or entry is None:
        return content is None and entry is None
    mode, data = content
    return mode == entry.mode and blob_id(data) == entry.id


def _read(file: Path) -> tuple[int, bytes] | None:
    """(git mode, content) of a file or link, None when there is neither."""
    try:
        info = file.lstat()
        if stat.S_ISLNK(info.st_mode):
            target = os.readlink(os.fsencode(file))  # noqa: PTH115 -- a Path would tidy `./x` up; the bytes count
            return LINK, target
        if not stat.S_ISREG(info.st_mode):
            return None
        if info.st_size > LARGEST_SNAPSHOT:
            raise RepositoryError(
                f"{file} has {info.st_size} bytes, too large to be kept in git: name it in .gitignore, and if the "
                "candidate reads it also under `data:` in program.md"
            )
        return (0o100755 if info.st_mode & 0o100 else 0o100644), file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RepositoryError(f"{file} cannot be read: {error.strerror}") from error


def snapshot_tree(
    repo: pygit2.Repository, root: Path, head: Mapping[str, Entry], base: str, keep: Callable[[str], bool]
) -> str:
    """Write HEAD's tree `base` with the working tree's version of every dirty path that `keep` accepts."""
    changes: dict[str, tuple[int, str] | None] = {}
    for path in dirty_paths(repo, root, head):
        if not keep(path):
            continue
        if path not in head and (reason := odd(path)):
            raise RepositoryError(
                f"{printable(path)} cannot be taken along, its name has {reason}: rename or ignore it"
            )
        content = _read(root / path)
        changes[path] = None if content is None else (content[0], str(repo.create_blob(content[1])))
    return write_tree(repo, base, changes) or empty_tree(repo)
