# ruff: noqa: INP001 - a script beside the package
"""Write docs/reference/cheats.md from the catalogue in tests/cheats: python tools/cheats.py [--check].

With --check nothing is written; the exit code is 1 when the committed page is not what the catalogue says.
"""

import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "cheats.md"
CHEATS = ROOT / "tests" / "cheats"

sys.path[:0] = [str(CHEATS), str(CHEATS.parent)]

from catalogue import Cheat, Kind, Verdict, Word, all_cheats  # noqa: E402 - its folder is no package

from overnight.model.contract import Tier  # noqa: E402 - imports follow the path

_HEAD = """# The catalogue of cheats

<!-- made by tools/cheats.py from tests/cheats: change those, not this page -->

What an optimiser does to get a better number without a better program. Every line is a specification: a hostile agent
does it in a real study, and gate, boxes, judge and decision must answer as this page says. `python -m pytest
tests/cheats` does all of them in every box that your machine offers.

- *prevented*: it has no effect. The candidate gets the number that it deserves, or none.
- *detected*: it is refused with a reason that the record names: a violation and its rule, or a failure and its code.
  There is no number.
- *advisory*: a machine cannot tell. The record, a flag or the documents say so; the contract's author decides.
- *gets through*: the candidate says its own number. The trust of every such number is `self-reported`, in the record
  and in the report.
- A dash: the cheat cannot be aimed at this kind of judge.
- *flag*: what the [review](flags.md) of such a change must say, whatever else stops it; advice, never a verdict.

*Holds in* is the weakest box that stops it, on the [ladder](../explanation/honest-judge.md); "all" needs no box. With
`--isolation none` only those hold, and every number is `self-reported`, whatever the kind of judge.
"""
_TABLE = """| cheat | what stops it | `run` alone | `run` + `score` | `run` + `drive` | flag | holds in |
|---|---|---|---|---|---|---|"""


def page() -> str:
    """docs/reference/cheats.md."""
    cheats = list(all_cheats())
    lines = [_HEAD, *_counted(cheats), ""]
    for row, group in groupby(cheats, key=lambda cheat: cheat.row):
        lines += [f"## {row}", "", _TABLE, *(_line(cheat) for cheat in group), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _counted(cheats: Iterable[Cheat]) -> Iterator[str]:
    """How often each word stands in each column."""
    yield "| | " + " | ".join(_COLUMNS.values()) + " |"
    yield "|---|" + "---|" * len(Kind)
    found = [(kind, verdict.word) for cheat in cheats for kind in Kind if (verdict := cheat.verdict(kind)) is not None]
    for word in Word:
        yield f"| {word.value} | " + " | ".join(str(found.count((kind, word))) for kind in Kind) + " |"


_COLUMNS = {Kind.run: "`run` alone", Kind.score: "`run` + `score`", Kind.drive: "`run` + `drive`"}


def _line(cheat: Cheat) -> str:
    where = "all" if cheat.needs is Tier.none else f"`{cheat.needs.value}` and above"
    cells = [cheat.does, cheat.stopped_by, *(_cell(cheat.verdict(kind)) for kind in Kind), _flags(cheat), where]
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _flags(cheat: Cheat) -> str:
    return ", ".join(f"`{flag}`" for flag in cheat.flags) or "-"


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return "-"
    if verdict.word is not Word.detected:
        return verdict.word.value
    return f"detected: {', '.join(verdict.because or verdict.outcomes)}"


def _plain(text: str) -> str:
    return (
        text.replace("|", "\\|").encode("unicode_escape").decode()
        if not text.isprintable()
        else text.replace("|", "\\|")
    )


def main() -> int:
    """0 when the page is up to date (without --check: has been made so)."""
    text = page()
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    check = "--check" in sys.argv
    if not check:
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"docs/reference/cheats.md: {'not what the catalogue says' if check else 'written'}\n")
    return 1 if check else 0


if __name__ == "__main__":
    sys.exit(main())
