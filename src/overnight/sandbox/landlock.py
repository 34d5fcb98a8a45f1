"""What a confined process may touch, in the terms of the kernel's Landlock; and which Landlock the kernel speaks.

Landlock is an allow-list: a path that no rule names cannot be opened, listed, executed, made or removed. A place that
must stay hidden below a readable folder is left out by naming everything around it instead of the folder.

Not its business, since Landlock has no say there: whether a name exists (stat), modes, owners and times of files,
sockets other than TCP. Source: https://docs.kernel.org/userspace-api/landlock.html and uapi/linux/landlock.h.
"""

import ctypes
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

CREATE_RULESET = 444
ONLY_VERSION = 1
OLDEST = 6  # the first that keeps signals and abstract sockets inside
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
EVERYTHING = (1 << 16) - 1
MAKE_DEVICES = 1 << 6 | 1 << 11
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = EVERYTHING & ~MAKE_DEVICES & ~IOCTL_DEV
FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
RANDOM = ("/dev/random", "/dev/urandom")


class Rule(NamedTuple):
    """`rights`, bits of Landlock, on `path` and on everything below it."""

    path: str
    rights: int


def version() -> int:
    """The version of Landlock that this kernel speaks; 0 when it has none or has it switched off."""
    asked: int = ctypes.CDLL(None).syscall(CREATE_RULESET, None, 0, ONLY_VERSION)
    return max(0, asked)


def rules(readable: Iterable[str], writable: Iterable[str], holes: Sequence[str]) -> tuple[Rule, ...]:
    """The rules that open `readable` and `writable` places, the usual harmless devices and /proc, but no hole.

    Paths are absolute. /proc tells about other processes only what `ps` prints: the rest needs a right that a
    process in a Landlock domain does not have over those outside it.
    """
    made = [Rule(place, READ_FILE | WRITE_FILE) for place in DEVICES]
    made += [Rule(place, READ_FILE) for place in RANDOM]
    made.append(Rule("/proc", READ_FILE | READ_DIR))
    hidden = tuple(os.path.realpath(hole) for hole in holes)
    for place in dict.fromkeys(readable):
        made += _around(os.path.realpath(place), hidden)
    made += [Rule(os.path.realpath(place), WRITE) for place in dict.fromkeys(writable)]
    return tuple(_fitting(rule) for rule in made if Path(rule.path).exists())


def _around(place: str, hidden: Sequence[str]) -> list[Rule]:
    """Rules that make `place` readable but nothing of `hidden`; its folders can still be listed."""
    if any(Path(place).is_relative_to(hole) for hole in hidden):
        return []
    if not any(Path(hole).is_relative_to(place) for hole in hidden):
        return [Rule(place, READ)]
    # A listing is needed even here: an import looks its module up in one.
    made = [Rule(place, READ_DIR)]
    with os.scandir(place) as entries:
        for entry in entries:
            if not entry.is_symlink():
                made += _around(entry.path, hidden)
    return made


def _fitting(rule: Rule) -> Rule:
    """The kernel refuses rights of folders on a file."""
    is_folder = stat.S_ISDIR(os.stat(rule.path).st_mode)  # noqa: PTH116 - strings are enough
    return rule if is_folder else Rule(rule.path, rule.rights & FOR_FILES)
