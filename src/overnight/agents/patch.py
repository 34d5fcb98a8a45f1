"""A strict applier of unified diffs: every hunk fits exactly where it says, or nothing is changed."""

import re
from typing import NamedTuple

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class FilePatch(NamedTuple):
    """The change of one file: `old` and `new` are its paths, None where it does not exist before or after."""

    old: str | None
    new: str | None
    hunks: tuple["Hunk", ...]


class Hunk(NamedTuple):
    """`before` lines, from line `start` (counted from 1), become `after` lines; line ends included."""

    start: int
    before: tuple[str, ...]
    after: tuple[str, ...]


def parse_patch(text: str) -> tuple[FilePatch, ...]:
    """The file changes of a unified diff; lines between them (`diff --git`, `index`) are skipped.

    Raises:
        ValueError: not a unified diff, or a hunk whose line counts do not add up.
    """
    lines = text.splitlines(keepends=True)
    patches = []
    at = 0
    while at < len(lines):
        if not lines[at].startswith("--- ") or at + 1 >= len(lines) or not lines[at + 1].startswith("+++ "):
            at += 1
            continue
        old, new = _path(lines[at]), _path(lines[at + 1])
        at += 2
        hunks = []
        while at < len(lines) and lines[at].startswith("@@"):
            hunk, at = _hunk(lines, at)
            hunks.append(hunk)
        if not hunks:
            raise ValueError(f"the patch of {new or old} has no hunks")
        patches.append(FilePatch(old, new, tuple(hunks)))
    if not patches:
        raise ValueError("the patch holds no file: a unified diff has lines `--- a/PATH` and `+++ b/PATH`")
    return tuple(patches)


def apply_hunks(text: str, patch: FilePatch) -> str:
    """`text` with every hunk applied, without searching and without fuzz.

    Raises:
        ValueError: a hunk does not fit; the message says which.
    """
    lines = text.splitlines(keepends=True)
    out: list[str] = []
    done = 0
    for number, hunk in enumerate(patch.hunks, 1):
        first = hunk.start - 1 if hunk.before else hunk.start
        if first < done or tuple(lines[first : first + len(hunk.before)]) != hunk.before:
            raise ValueError(f"hunk {number} of {patch.new or patch.old} does not fit at line {hunk.start}")
        out += [*lines[done:first], *hunk.after]
        done = first + len(hunk.before)
    return "".join(out + lines[done:])


def _path(line: str) -> str | None:
    path = line[4:].split("\t", maxsplit=1)[0].strip()
    if path == "/dev/null":
        return None
    return path[2:] if path.startswith(("a/", "b/")) else path


def _hunk(lines: list[str], at: int) -> tuple[Hunk, int]:
    header = _HUNK.match(lines[at])
    if header is None:
        raise ValueError(f"cannot read the hunk header `{lines[at].strip()}`")
    wanted = [int(count) if count is not None else 1 for count in (header[2], header[4])]
    sides: tuple[list[str], list[str]] = ([], [])
    at += 1
    while at < len(lines) and ([len(side) for side in sides] != wanted or lines[at].startswith("\\")):
        mark, body = lines[at][:1], lines[at][1:]
        if mark not in (" ", "-", "+", "\\", "\n"):
            break
        last = lines[at - 1][:1]
        for side, marks in zip(sides, (" -\n", " +\n"), strict=True):
            if mark == "\\":
                if side and last in marks:
                    side[-1] = side[-1].removesuffix("\n")
            elif mark in marks:
                side.append(body if mark != "\n" else "\n")
        at += 1
    if [len(side) for side in sides] != wanted:
        raise ValueError(f"the hunk `{header[0]}` does not hold as many lines as it says")
    return Hunk(int(header[1]), tuple(sides[0]), tuple(sides[1])), at
