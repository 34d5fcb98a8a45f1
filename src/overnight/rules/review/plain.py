"""What lines and names show, in any language: rules for added text that need no syntax tree."""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from overnight.rules.review import tables
from overnight.rules.review.words import Finding
from overnight.rules.words import hidden

PROSE = (".md", ".txt", ".rst", ".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".toml", ".html", ".css", ".svg",
         ".xml", ".ini", ".cfg", ".tex")  # fmt: skip
"""Endings of files that are words or data: only what is suspicious in any text is looked for."""

_LONGEST_LINE = 1000
_MOST_CODE = 200_000
_SHOWN = 60
_MANY_NUMBERS = 400
_STARTUP = re.compile(r"sitecustomize\.py|usercustomize\.py|.*\.pth|conftest\.py|pytest\.ini|\.?bash_?rc|\.env|"
                      r"\.?npmrc|\.?yarnrc.*|.*\.egg-link|pyvenv\.cfg")  # fmt: skip
_NUMBER = re.compile(r"(?<![A-Za-z_])[0-9][0-9_.]*(?:[eE][+-]?[0-9]+)?")
_SEED = re.compile(r"seed|random_state|\brng\b|\brandom\b", re.IGNORECASE)


class Lines(NamedTuple):
    """What differs between two texts: (line number, line) of what is only new, what is only old."""

    added: tuple[tuple[int, str], ...]
    removed: tuple[str, ...]


def split(text: str) -> list[str]:
    """The lines of a text as Python and editors count them."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def compare(before: str, after: str) -> Lines:
    """The lines that were added and removed; a line that only moved is neither. Linear in the texts' length."""
    old, new = split(before), split(after)
    first = 0
    least = min(len(old), len(new))
    while first < least and old[first] == new[first]:
        first += 1
    last = 0
    while last < least - first and old[-1 - last] == new[-1 - last]:
        last += 1
    old_part, new_part = old[first : len(old) - last], new[first : len(new) - last]
    left = Counter(old_part)
    added = []
    for number, line in enumerate(new_part, first + 1):
        if left[line] > 0:
            left[line] -= 1
        elif line.strip():
            added.append((number, line))
    gone = Counter(old_part) - Counter(new_part)
    return Lines(tuple(added), tuple(line for line in gone if line.strip()))


def anywhere(added: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """What is suspicious in any text: unseen characters, words for a reader, packed data."""
    numbers = 0
    for number, line in added:
        shown = line.strip()
        if not line.isascii() and any(hidden(character) for character in line[:_LONGEST_LINE] if character != "\t"):
            yield Finding("invisible", number, shown[:_SHOWN])
        for rule, pattern in tables.ANYWHERE:
            if (match := pattern.search(line[: 4 * _LONGEST_LINE])) is not None:
                yield Finding(rule, number, match[0][:_SHOWN])
        numbers += len(_NUMBER.findall(line[:_LONGEST_LINE]))
    if numbers >= _MANY_NUMBERS:
        yield Finding("literal", added[0][0], f"{numbers} numbers")


def code(added: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """What is suspicious in a line of code of whatever language."""
    left = _MOST_CODE
    for number, line in added:
        left -= min(len(line), _LONGEST_LINE)
        if left < 0:
            yield Finding("unread", number, "the rest of this file")
            return
        if len(line) > _LONGEST_LINE:
            yield Finding("literal", number, f"a line of {len(line)} characters")
        for rule, pattern in tables.CODE:
            if (match := pattern.search(line[:_LONGEST_LINE])) is not None:
                yield Finding(rule, number, match[0].strip()[:_SHOWN])


def startup(path: str, folder: str) -> Iterator[Finding]:
    """A new file that tools read by its name, or that stands in the way of a module of Python's own."""
    name = path.rpartition("/")[2]
    if _STARTUP.fullmatch(name):
        yield Finding("startup", 0, name)
    local = path[len(folder) + 1 :] if folder else path
    module = local.partition("/")[0].removesuffix(".py")
    if module in sys.stdlib_module_names and local in (f"{module}.py", f"{module}/__init__.py"):
        yield Finding("startup", 0, f"{local}, named like Python's own module {module},")


def only_seeds(changes: Sequence[Lines]) -> int:
    """The line of the first changed number when numbers on lines about seeds are all that was changed, else 0."""
    first = 0
    for change in changes:
        new = [line for _, line in change.added]
        if not new or len(new) != len(change.removed) or len(new) > _SHOWN:
            return 0
        if sorted(map(_masked, new)) != sorted(map(_masked, change.removed)):
            return 0
        if not all(_SEED.search(line[:_LONGEST_LINE]) for line in new):
            return 0
        first = first or change.added[0][0]
    return first


def _masked(line: str) -> str:
    return _NUMBER.sub("#", line)
