"""One file out of three: what two sides made of a common text, line by line, with nothing of git's configuration.

Changes on neighbouring lines are both taken, which git would call a conflict: whatever comes of it is measured before
anybody relies on it, and settings that stand one below the other are what night after night is about.
"""

from collections.abc import Sequence
from typing import NamedTuple

import pygit2
from pygit2.enums import DiffOption

from overnight.rules.scope import REGULAR
from overnight.workspace.objects import Entry

_SNIFF = 8000


class Hunk(NamedTuple):
    """Lines `start` to `end` (not included) of the common text become `lines`."""

    start: int
    end: int
    lines: tuple[bytes, ...]


def merge_entries(
    repo: pygit2.Repository, ancestor: Entry | None, ours: Entry | None, theirs: Entry | None
) -> tuple[bool, tuple[int, str] | None]:
    """(whether it can be done, (mode, blob id) or None for no file) of a path that both sides may have changed.

    A merged blob is written to `repo`. Links, submodules and binary files are taken whole or not at all.
    """
    if theirs in (ours, ancestor):
        return True, _plain(ours)
    if ours == ancestor:
        return True, _plain(theirs)
    if ancestor is None or ours is None or theirs is None:
        return False, None
    if not {ancestor.mode, ours.mode, theirs.mode} <= set(REGULAR):
        return False, None
    mode = ours.mode if theirs.mode == ancestor.mode else theirs.mode
    if ours.id in (theirs.id, ancestor.id) or theirs.id == ancestor.id:
        return True, (mode, theirs.id if ours.id == ancestor.id else ours.id)
    merged = _merge_blobs(repo, (ancestor.id, ours.id, theirs.id))
    return merged is not None, None if merged is None else (mode, merged)


def merge_lines(ancestor: Sequence[bytes], ours: Sequence[Hunk], theirs: Sequence[Hunk]) -> bytes | None:
    """`ancestor` with both sides' hunks, each side's in order and without overlap; None where the sides collide.

    They collide where both replace the same line differently, where one inserts lines within what the other
    replaces, and where both insert different lines in the same place.
    """
    if _inserts_within(ours, theirs) or _inserts_within(theirs, ours):
        return None
    merged: list[bytes] = []
    at = 0
    chosen = {part for hunk in (*ours, *theirs) for part in _split(hunk)}
    for hunk in sorted(chosen, key=lambda hunk: (hunk.start, hunk.end)):
        if hunk.start < at:
            return None
        merged += ancestor[at : hunk.start]
        merged += hunk.lines
        at = hunk.end
    merged += ancestor[at:]
    # A last line without a newline that is not the last any more would run into the one after it.
    return b"".join(merged) if all(line.endswith(b"\n") for line in merged[:-1]) else None


def _inserts_within(inserting: Sequence[Hunk], other: Sequence[Hunk]) -> bool:
    inserted = [hunk for hunk in inserting if hunk.start == hunk.end]
    return any(
        one.start < hunk.start < one.end or (one.start == one.end == hunk.start and one.lines != hunk.lines)
        for hunk in inserted
        for one in other
    )


def _split(hunk: Hunk) -> tuple[Hunk, ...]:
    """A hunk that replaces as many lines as it brings, line by line: settings below each other are changed so."""
    if hunk.end - hunk.start != len(hunk.lines):
        return (hunk,)
    return tuple(Hunk(hunk.start + at, hunk.start + at + 1, (line,)) for at, line in enumerate(hunk.lines))


def _plain(entry: Entry | None) -> tuple[int, str] | None:
    return None if entry is None else (entry.mode, entry.id)


def _merge_blobs(repo: pygit2.Repository, ids: tuple[str, str, str]) -> str | None:
    texts = [bytes(repo.read(oid)[1]) for oid in ids]
    if any(b"\0" in text[:_SNIFF] for text in texts):
        return None
    ancestor, ours, theirs = map(_lines, texts)
    merged = merge_lines(
        ancestor, _hunks(repo, (ids[0], ids[1]), ours), _hunks(repo, (ids[0], ids[2]), theirs)
    )  # fmt: skip
    return None if merged is None else str(repo.create_blob(merged))


def _hunks(repo: pygit2.Repository, ids: tuple[str, str], new: Sequence[bytes]) -> tuple[Hunk, ...]:
    old, other = (repo[oid].peel(pygit2.Blob) for oid in ids)
    patch = old.diff(other, DiffOption.FORCE_TEXT, "", "", 0, 0)  # type: ignore[call-arg]  # the stub lacks the last two
    found = []
    for hunk in patch.hunks:
        # A hunk without old lines names the line before it, one without new lines likewise.
        start = hunk.old_start - 1 if hunk.old_lines else hunk.old_start
        begin = hunk.new_start - 1 if hunk.new_lines else hunk.new_start
        found.append(Hunk(start, start + hunk.old_lines, tuple(new[begin : begin + hunk.new_lines])))
    return tuple(found)


def _lines(text: bytes) -> list[bytes]:
    """Lines with their newlines, as git counts them: only a newline ends one."""
    parts = text.split(b"\n")
    return [*(part + b"\n" for part in parts[:-1]), *parts[-1:]] if parts[-1] else [part + b"\n" for part in parts[:-1]]
