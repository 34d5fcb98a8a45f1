"""Folders that hostile programs have written to: made private, emptied without following anything.

Every process that wrote there is dead before these functions run.
"""

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
"""Flags that open a folder and nothing else."""


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """A new folder below `parent` that only we can enter; gone afterwards, whatever was put there."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    try:
        yield folder
    finally:
        discard(folder)


def discard(folder: Path) -> None:
    """Delete `folder` and all below it: no link is followed, no depth and no missing permission stops it.

    A nested folder is first moved to the top, so that neither the length of a path nor the stack grows.
    """
    os.chmod(folder, 0o700)  # noqa: PTH101 -- one way to do it in this module
    top = os.open(folder, FOLDER)
    try:
        moved = 0
        while entries := listed(top):
            for name, is_folder in entries:
                if not is_folder:
                    os.unlink(name, dir_fd=top)
                    continue
                moved = _empty(name, top, moved)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    folder.rmdir()


def listed(folder: int) -> list[tuple[str, bool]]:
    """The entries of an open folder by name, and whether each is itself a folder (a link is none)."""
    with os.scandir(folder) as entries:
        return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)


@contextmanager
def opened(top: Path, parts: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """The folder `parts` below `top`, reached one component at a time so that no link is followed.

    Raises:
        OSError: a component is missing, a link or no folder.
    """
    handle = os.open(top, FOLDER)
    try:
        for part in parts:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=handle)
            inner = os.open(part, FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _empty(name: str, top: int, moved: int) -> int:
    """Delete the files in folder `name` and move its folders up to `top`; returns the count of moves so far."""
    os.chmod(name, 0o700, dir_fd=top)
    inner = os.open(name, FOLDER, dir_fd=top)
    try:
        for child, is_folder in listed(inner):
            if not is_folder:
                os.unlink(child, dir_fd=inner)
                continue
            os.chmod(child, 0o700, dir_fd=inner)  # moving a folder rewrites its ".."
            moved = _move_up(child, inner, top, moved)
    finally:
        os.close(inner)
    return moved


def _move_up(child: str, inner: int, top: int, moved: int) -> int:
    while True:
        moved += 1
        try:
            os.rename(child, f"overnight-{moved}", src_dir_fd=inner, dst_dir_fd=top)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):  # a hostile name stands there
                continue
            raise
        return moved
