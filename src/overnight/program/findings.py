"""The list of what is wrong, with places in the person's file."""

import difflib
import re
from collections.abc import Iterable, Mapping

from overnight.model.problem import Problem
from overnight.program.nodes import Place


class Findings:
    """Collects every Problem of one file.

    Places given here count within the front matter; `first_line` is the line of the file on which that begins.
    """

    def __init__(self, file: str, first_line: int, places: Mapping[str, Place]) -> None:
        self.problems: list[Problem] = []
        self.places = places
        self._file = file
        self._first_line = first_line

    def add(self, code: str, message: str, *, at: Place | str = "", read: str = "", fix: str = "") -> None:
        """Record an error at a place, or at a key's dotted path (or the nearest enclosing key that was written)."""
        place = self._place(at) if isinstance(at, str) else at
        self.problems.append(
            Problem(
                code=code,
                file=self._file,
                line=self.line(place.line) if place else 0,
                column=place.column if place else 0,
                read=read,
                message=message,
                fix=fix,
            )
        )

    def line(self, line: int) -> int:
        """The file's line of a line of the front matter."""
        return line + self._first_line - 1

    def _place(self, path: str) -> Place | None:
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition(".")[0]
        return None


def nearest(word: str, allowed: Iterable[str]) -> str:
    """The allowed word that was most likely meant, or ""."""
    names = list(allowed)
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if close:
        return close[0]
    beginnings = [name for name in names if len(word) >= 3 and name.startswith(word.lower())]
    return beginnings[0] if len(beginnings) == 1 else ""


def shortened(text: str, longest: int = 60) -> str:
    """The text on one line, cut with dots where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def spelled(path: str) -> str:
    """A dotted path as a person writes it: "guards[0].metric"."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", path)
