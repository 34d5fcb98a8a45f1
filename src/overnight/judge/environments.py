"""Installed environments beside program.md (.venv, node_modules), sealed by what lies in them.

Their files are not read: an environment may hold gigabytes. Whoever installs, removes or edits something in it changes
a size or a time. Around a reading only the times of the upper folders are looked at, where every installation leaves
its trace; an edit of one file in place is noticed at the next start, or when any folder has changed.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from overnight.model.value import Words

_NOT_SEALED = {"__pycache__", ".cache", ".vite", ".package-lock.json"}
_UPPER = 4
"""Folders below the environment's own down to `lib/python3.11/site-packages/PACKAGE`."""

Times = tuple[tuple[str, int, int], ...]


class EnvironmentSeal:
    """The environments `names` in `folder` as they are now; a name without a folder is left out."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folders = {name: folder / name for name in names if (folder / name).is_dir()}
        self._times = {name: _times(path) for name, path in self._folders.items()}
        self._digests = {name: _digest(path) for name, path in self._folders.items()}

    def words(self) -> Words:
        """("env NAME", digest) of each: names, sizes and times of its files, caches left out."""
        return tuple((f"env {name}", digest) for name, digest in self._digests.items())

    def changed(self, *, everything: bool = False) -> str:
        """The name of an environment that is not as it was, or "".

        A compiled cache that came or went is no change. With `everything`, every file's size and time is compared.
        """
        for name, path in self._folders.items():
            times = _times(path)
            if everything or times != self._times[name]:
                if _digest(path) != self._digests[name]:
                    return name
                self._times[name] = times
        return ""


def _times(folder: Path) -> Times:
    return tuple(_upper(str(folder), _UPPER))


def _upper(folder: str, depth: int) -> Iterator[tuple[str, int, int]]:
    try:
        status = os.stat(folder)  # noqa: PTH116 -- hundreds of folders, around every reading
        yield folder, status.st_mtime_ns, status.st_ino
        if depth:
            with os.scandir(folder) as entries:
                inner = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
            for path in inner:
                if path.rpartition("/")[2] not in _NOT_SEALED:
                    yield from _upper(path, depth - 1)
    except OSError:
        yield folder, -1, -1


def _digest(folder: Path) -> str:
    running = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - _NOT_SEALED)
        for name in sorted(files):
            if name in _NOT_SEALED:
                continue
            path = os.path.join(place, name)  # noqa: PTH118 -- tens of thousands of files
            try:
                info = os.lstat(path)
            except FileNotFoundError:  # it went while we looked: the next look will say so too
                continue
            line = f"{os.path.relpath(path, folder)}\0{info.st_size}\0{info.st_mtime_ns}\n"
            running.update(line.encode("utf-8", "surrogateescape"))
    return running.hexdigest()
