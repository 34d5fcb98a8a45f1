"""Installed environments beside program.md (.venv, node_modules): found, and sealed by what lies in them."""

import hashlib
import os
from pathlib import Path

from overnight.model.value import Words

_VIRTUAL = (".venv", "venv")
_NOT_SEALED = {"__pycache__", ".cache", ".vite", ".package-lock.json"}


def environments(folder: Path) -> tuple[str, ...]:
    """Names of the environments in `folder`: boxes get them read-only, at their place."""
    virtual = tuple(name for name in _VIRTUAL if (folder / name / "pyvenv.cfg").is_file())
    return virtual + (("node_modules",) if (folder / "node_modules").is_dir() else ())


def seals_of(folder: Path, names: tuple[str, ...]) -> Words:
    """("env NAME", digest) of each environment: names, sizes and times of its files, caches left out.

    Contents are not read: an environment may hold gigabytes. Whoever installs, removes or edits something in it
    changes a size or a time, and with it the segment.
    """
    return tuple((f"env {name}", _digest(folder / name)) for name in names if (folder / name).is_dir())


def _digest(folder: Path) -> str:
    running = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - _NOT_SEALED)
        for name in sorted(files):
            if name in _NOT_SEALED:
                continue
            path = os.path.join(place, name)  # noqa: PTH118 - tens of thousands of files
            info = os.lstat(path)
            line = f"{os.path.relpath(path, folder)}\0{info.st_size}\0{info.st_mtime_ns}\n"
            running.update(line.encode("utf-8", "surrogateescape"))
    return running.hexdigest()
