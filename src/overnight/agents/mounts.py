"""What of the machine a command agent's own script needs to see in its box."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from overnight.model.box import Mount

_SHARED = tuple(map(Path, ("/", "/tmp", "/var/tmp", "/home")))  # noqa: S108 - named in order not to be mounted


_SYSTEM = tuple(
    map(Path, ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"))
)
"""What the toolchain shows of these is all that a box may see of them."""


def script_mounts(
    line: str, cwd: Path, *, repository: Path, home: Path, hidden: Sequence[Path] = ()
) -> tuple[Mount, ...]:
    """Read-only mounts for the existing files that `line` names: the folder of each, and of what a link points to.

    `line` is what `/bin/sh -c` will get; relative words count from `cwd`. Only the file itself is mounted where its
    folder is or contains the `repository`, the `home` folder, one of the `hidden` paths, or a place that everything
    shares (/, /tmp), and where the file lies in the repository, which may hold answers beside it.
    """
    protected = tuple(path.resolve() for path in (repository, home, *hidden))
    mounts: dict[str, Mount] = {}
    for file in _named_files(line, cwd, home):
        for place in dict.fromkeys((file, file.resolve())):
            if any(place.is_relative_to(folder) for folder in _SYSTEM):
                continue
            shown = str(place if _is_too_much(place.parent.resolve(), protected) else place.parent)
            mounts[shown] = Mount(target=shown, source=shown)
    return tuple(mounts.values())


def _is_too_much(folder: Path, protected: tuple[Path, ...]) -> bool:
    repository = protected[0]
    if folder.is_relative_to(repository):
        return True
    return any(path.is_relative_to(folder) for path in (*protected, *_SHARED))


def _named_files(line: str, cwd: Path, home: Path) -> Iterator[Path]:
    try:
        words: Sequence[str] = shlex.split(line, comments=True)
    except ValueError:  # an open quote: the shell will say so better than we can
        return
    for word in words:
        path = home / word[2:] if word.startswith("~/") else cwd / word
        try:
            found = path.is_file()
        except (OSError, ValueError):  # a word too long for a name, or with a null byte in it, is no file
            continue
        if found:
            yield path.absolute()
