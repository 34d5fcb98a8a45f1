"""How the command line speaks: plain lines, a little colour at a terminal, never colour alone.

Hostile words are escaped by `overnight.report.text` before they reach a function of this module.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

OUTCOMES = {
    "baseline": ("○", ""),
    "keep": ("✓", "32"),
    "discard": ("·", "2"),
    "crash": ("✗", "31"),
    "violation": ("!", "35"),
    "duplicate": ("=", "2"),
    "inconclusive": ("?", "33"),
    "pending": ("…", "36"),
}
"""Glyph and colour (an SGR number) of each outcome; the word is always printed beside them."""

PIPED_WIDTH = 160


def styled(stream: IO[str], environment: Mapping[str, str] | None = None) -> bool:
    """Whether colour and a live screen are welcome: a terminal that is not dumb, and no NO_COLOR."""
    known = os.environ if environment is None else environment
    return stream.isatty() and not known.get("NO_COLOR") and known.get("TERM") != "dumb"


def width(stream: IO[str]) -> int:
    """Columns of the terminal; wide enough not to cut much where there is none."""
    return shutil.get_terminal_size((80, 24)).columns if stream.isatty() else PIPED_WIDTH


def say(text: str = "") -> None:
    """One message for the person, on stdout."""
    print(text)


def warn(text: str) -> None:
    """One message that is not the command's result, on stderr."""
    print(text, file=sys.stderr)


def say_json(value: Any) -> None:
    """One JSON document in one line. ASCII only: safe on any terminal and in any encoding.

    Raises:
        ValueError: a number is not finite.
    """
    print(json.dumps(value, ensure_ascii=True, allow_nan=False))


def outcome_cell(outcome: str) -> str:
    """Glyph and word of an outcome."""
    return f"{OUTCOMES[outcome][0]} {outcome}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], columns: int, *, colours: Sequence[str] = ()) -> str:
    """Aligned columns, two spaces apart, no line wider than `columns`; the last column takes what is left.

    Heads that begin with `>` are right-aligned. `colours` gives an SGR number (or "") for each row.
    """
    from rich.cells import cell_len, set_cell_size

    names = [head.removeprefix(">") for head in heads]
    widths = [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    left = columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
    widths[-1] = max(1, min(widths[-1], left))
    lines = []
    for place, row in enumerate((names, *rows)):
        cells = []
        for head, cell, size in zip(heads, row, widths, strict=True):
            fitted = cell if cell_len(cell) <= size else set_cell_size(cell, size - 1) + "…"
            padding = " " * (size - cell_len(fitted))
            cells.append(padding + fitted if head.startswith(">") else fitted + padding)
        line = "  ".join(cells).rstrip()
        colour = "1" if place == 0 and colours else colours[place - 1] if colours else ""
        lines.append(f"\x1b[{colour}m{line}\x1b[0m" if colour else line)
    return "\n".join(lines)


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values in two aligned columns."""
    wide = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{wide}}  {value}".rstrip() for name, value in rows)
