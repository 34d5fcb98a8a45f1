"""Whether two patterns of program.md can name the same file, and which files a judge's text names."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

Matches = Callable[[tuple[str, ...], str], bool]
_MOST_WORDS = 4
_WILD = frozenset("*?[\\")


def overlap(one: str, other: str, matches: Matches) -> bool:
    """Whether two globs certainly share paths: one names a folder or file that the other reaches."""
    if _anchor(one) != _anchor(other):
        return False
    (left, left_rest), (right, right_rest) = _cut(one), _cut(other)
    if one == other or (left, left_rest) == (right, right_rest):
        return True
    left_whole, right_whole = left_rest in {"", "**"}, right_rest in {"", "**"}
    if (left_whole and _below(right, left)) or (right_whole and _below(left, right)):
        return True
    return (right_whole and matches((one,), right)) or (left_whole and matches((other,), left))


def _anchor(glob: str) -> str:
    return glob[:1] if glob[:1] in {"/", "~"} else ""


def _cut(glob: str) -> tuple[str, str]:
    body = glob.removeprefix("./").rstrip("/")
    lead = "/" if body.startswith("/") else ""
    parts = [part for part in body.split("/") if part]
    fixed = "/".join(takewhile(lambda part: not _WILD & set(part), parts))
    return lead + fixed, "/".join(parts)[len(fixed) :].strip("/")


def _below(path: str, folder: str) -> bool:
    return path == folder or folder in {"", "/", "~"} or path.startswith(f"{folder}/")


def named_in(text: str, paths: Iterable[str], *, python: bool) -> Iterator[str]:
    """Those of `paths` that a program's text names; in Python only its short string literals count."""
    literals = _literals(text) if python else text.split()
    joined = "\n".join(literals)
    for path in paths:
        if re.search(rf"(?:^|[\s\"'=/(`]){re.escape(path)}(?:$|[\s\"'),;:`])", joined, re.MULTILINE):
            yield path


def _literals(text: str) -> list[str]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # running it will say why
        return []
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [literal for literal in found if len(literal.split()) <= _MOST_WORDS]
