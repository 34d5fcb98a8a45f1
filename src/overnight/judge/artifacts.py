"""What a dead candidate hands over: regular files that the contract names, copied without trusting anything.

Does not know what the files mean, only whether they can be of the kind that their names say. A candidate may write any
bytes into them; the judge that reads them must cope.
"""

import errno
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from overnight.judge.formats import wrong_format
from overnight.judge.scratch import discard, listed, opened
from overnight.judge.tail import quote
from overnight.model.experiment import Failure
from overnight.rules.scope import matches

_DEEPEST = 64
MOST_FILES = 20_000
_CLOSED = (errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_IMPORTED = (".py", ".pyc", ".pyo", ".pyd", ".pth", ".so")


class RefusedError(Exception):
    """What the candidate left cannot be used; the message is the failure's detail."""


def freeze(  # noqa: PLR0913 -- every argument is a fact about this one hand-over
    source: Path, into: Path, globs: Sequence[str], *, largest: int, folder: str = "", ignore: Collection[str] = ()
) -> tuple[str, ...] | Failure:
    """Copy the files below `source` that match `globs` to the same places below `into`; returns their paths.

    Globs and returned paths count from `folder` in both. `into` holds the judge's own tree: nothing there is
    replaced and no link in it is followed. Every glob must match at least one file. Only regular files with one
    name go over, of the kind that their names say (`wrong_format`), never code that the judge's interpreter could
    import; at most MOST_FILES, each and all together at most `largest` bytes (holes count). What is at or below the
    paths `ignore` (places of our own mounts, from `source`) and in folders deeper than 64 is not looked at.

    Failure `artifact`: missing, not a regular file, too many, too large, of the wrong kind, or in the way of a file of
    the judge.
    """
    start = tuple(part for part in folder.split("/") if part)
    taken: list[str] = []
    left = largest
    try:
        for path, parent in _candidates(source, start, globs, ignore):
            left -= _copy(path, parent, _Target(into, start), left, globs)
            taken.append(path)
    except RefusedError as refused:
        return Failure(code="artifact", detail=str(refused))
    for glob in globs:
        if not glob.startswith("!") and not any(matches([glob], path) for path in taken):
            return Failure(
                code="artifact", detail=f"No file matches {quote(glob)} in artifacts; `run` must leave one behind."
            )
    return tuple(taken)


def settle(tree: Path) -> None:
    """Leave only regular files, folders and links that stay inside `tree`; pipes, sockets, devices and all that
    lies deeper than 64 folders are deleted.
    """
    tree.chmod(0o700)
    for parts, handle, entries in _folders(tree):
        for name, is_folder in entries:
            if is_folder:
                os.chmod(name, 0o700, dir_fd=handle)
                if len(parts) >= _DEEPEST:
                    discard(tree.joinpath(*parts, name))
            elif not _harmless(name, handle, parts):
                os.unlink(name, dir_fd=handle)


def _harmless(name: str, handle: int, parts: tuple[str, ...]) -> bool:
    status = os.stat(name, dir_fd=handle, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        return stat.S_ISREG(status.st_mode)
    depth = len(parts)
    for component in PurePosixPath(os.readlink(name, dir_fd=handle)).parts:
        depth += -1 if component == ".." else 1
        if depth < 0 or component == "/":
            return False
    return True


def _candidates(
    source: Path, start: tuple[str, ...], globs: Sequence[str], ignore: Collection[str]
) -> Iterator[tuple[str, int]]:
    """(path, open folder that holds it) of every entry below `start` that matches and is no folder."""
    count = 0
    for parts, handle, entries in _folders(source, start):
        for name, is_folder in entries:
            path = "/".join((*parts[len(start) :], name))
            if not is_folder and matches(globs, path) and not _at_or_below(ignore, (*parts, name)):
                count += 1
                if count > MOST_FILES:
                    raise RefusedError(f"More than {MOST_FILES} files match `artifacts`; hand over fewer, larger ones.")
                yield path, handle


def _at_or_below(places: Collection[str], parts: tuple[str, ...]) -> bool:
    return any("/".join(parts[:count]) in places for count in range(1, len(parts) + 1))


def _folders(
    source: Path, start: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], int, list[tuple[str, bool]]]]:
    """(components, open folder, its entries) of `start` below `source` and every folder in it, parents first.

    Folders that cannot be read are left out. A folder is entered after the caller has seen its name, so that the
    caller may change its mode or delete it.
    """
    pending = [start]
    while pending:
        parts = pending.pop()
        try:
            with opened(source, parts) as handle:
                entries = listed(handle)
                yield parts, handle, entries
        except OSError as error:
            if error.errno in _CLOSED:
                continue
            raise
        if len(parts) < _DEEPEST:
            pending += [(*parts, name) for name, is_folder in entries if is_folder]


class _Target(NamedTuple):
    """Where artefacts go: `start` below the judge's tree."""

    tree: Path
    start: tuple[str, ...]

    def create(self, path: str) -> int:
        """A new file open for writing, at `path`."""
        *parts, name = path.split("/")
        try:
            with opened(self.tree, (*self.start, *parts), create=True) as folder:
                return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder)
        except (FileExistsError, NotADirectoryError):
            detail = f"Artefact {quote(path)} is in the way of a file of the judge; it must have a name of its own."
            raise RefusedError(detail) from None


def _copy(path: str, parent: int, target: _Target, left: int, globs: Sequence[str]) -> int:
    """Copy one file, whose folder is open as `parent`, and return its size."""
    name = path.rsplit("/", 1)[-1]
    shown = quote(path)
    if "__pycache__" in path.split("/") or name.lower().endswith(_IMPORTED):
        raise RefusedError(f"Artefact {shown} is code that the judge could import; hand over data instead.")
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError(f"Artefact {shown} is {_kind(status.st_mode)}; only regular files are handed over.")
    if status.st_nlink != 1:
        raise RefusedError(f"Artefact {shown} has {status.st_nlink} names (hard links); it must have one.")
    if status.st_size > left:
        raise RefusedError(f"Artefact {shown} of {status.st_size} bytes is more than budget.disk leaves room for.")
    try:
        reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    except PermissionError:
        raise RefusedError(f"Artefact {shown} cannot be read.") from None
    with os.fdopen(reading, "rb") as source:
        wrong = wrong_format(path, source, status.st_size, globs=globs, largest=left)
        if wrong:
            raise RefusedError(f"Artefact {shown} {wrong}.")
        source.seek(0)
        with os.fdopen(target.create(path), "wb") as copy:
            shutil.copyfileobj(source, copy)
    return status.st_size


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISLNK, "a link"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for test, name in kinds if test(mode)), "a device")
