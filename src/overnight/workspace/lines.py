"""Counting lines: how long the code is and how much of it changed."""

from collections import Counter

import pygit2

_SNIFF = 8000
_EXACT = 1024**2


def is_binary(data: bytes) -> bool:
    """Whether git would call these bytes binary."""
    return b"\0" in data[:_SNIFF]


def code_lines(data: bytes) -> int:
    """Lines that are not blank; 0 for binary data."""
    return 0 if is_binary(data) else sum(1 for line in data.split(b"\n") if line.strip())


def changed_lines(old: bytes, new: bytes) -> tuple[int, int]:
    """(added, deleted) lines, (0, 0) when either side is binary.

    Above one megabyte lines are compared as a bag: a hostile pair of files could keep a real diff busy for minutes.
    """
    if is_binary(old) or is_binary(new):
        return 0, 0
    if len(old) + len(new) > _EXACT:
        before, after = Counter(old.splitlines()), Counter(new.splitlines())
        return (after - before).total(), (before - after).total()
    _, added, deleted = pygit2.Patch.create_from(old, new).line_stats
    return added, deleted
