"""Where program.md's front matter begins and ends. Knows nothing of YAML."""

import msgspec

from overnight.model.problem import Problem

FENCE = "---"


class Halves(msgspec.Struct, frozen=True, kw_only=True):
    """A file cut at its fences.

    `front` is the text between them (None: the file is prose only), with the file's own line breaks made newlines;
    its first line is line `first_line` of the file (counted from 1). `prose` has no blank lines at either end.
    """

    front: str | None
    first_line: int
    prose: str


def cut(text: str, *, file: str) -> Halves | Problem:
    """Split a file into front matter and prose, or say what is wrong with its fences.

    A byte order mark, CRLF line ends and blank lines above the first fence are allowed.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    opening = next((index for index, line in enumerate(lines) if line.strip()), None)
    if opening is None:
        return Problem(code="empty", file=file, message="the file is empty.", fix=PASTE_READY)
    if lines[opening].rstrip() != FENCE:
        return Halves(front=None, first_line=0, prose="\n".join(lines).strip())
    for index in range(opening + 1, len(lines)):
        if lines[index].rstrip() == FENCE:
            front = "\n".join(lines[opening + 1 : index])
            return Halves(front=front, first_line=opening + 2, prose="\n".join(lines[index + 1 :]).strip())
    return Problem(
        code="unclosed",
        file=file,
        line=opening + 1,
        column=1,
        read=FENCE,
        message="the front matter that begins here has no closing line `---`.",
        fix="Put a line with only `---` after the last key, above the prose.",
    )


PASTE_READY = """\
Three keys are required: `metric`, `edit`, and `run` (or `drive`). Put this at the top of the file and change it:
---
metric: loss
direction: minimize
edit: [train.py]
run: python train.py
---"""
"""The remedy for a file that says nothing a machine could enforce."""
