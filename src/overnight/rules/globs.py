"""Git-style globs as regular expressions.

Does not know what a pattern is for: `overnight.rules.scope` does. Matching takes time linear in the pattern and at
worst quadratic in the path, whatever the pattern: a `.gitignore` may have been written by an agent.
"""

import re
from functools import lru_cache
from itertools import takewhile
from re import Pattern

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "\\x21-\\x7e",
    "lower": "a-z",
    "print": "\\x20-\\x7e",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_NEVER = "(?!)"
_WILD = frozenset("*?[\\")


@lru_cache(maxsize=4096)
def compile_glob(glob: str, *, below: bool) -> Pattern[str]:
    """A pattern for `re.fullmatch` of a path with forward slashes and no leading slash.

    `glob` has no leading `!` and counts from the root. `*`, `?` and `[..]` never match a slash; a component `**`
    stands for any number of folders, at the end for everything below. With `below`, a glob that names a folder
    also matches everything under it, and with a trailing slash only that. An empty or broken glob matches nothing.
    """
    body = glob.removeprefix("./").lstrip("/")
    only_below = body.endswith("/")
    parts = [part for part in body.split("/") if part]
    if not parts:
        return re.compile(_NEVER)
    everything = parts[-1] == "**"
    while parts and parts[-1] == "**":
        parts.pop()
    groups = _between_double_stars(parts)
    last = len(groups) - 1
    out = ["/".join(groups[0])]
    for index, group in enumerate(groups[1:], 1):
        lead = "/" if index == 1 and groups[0] else ""
        text = "/".join(group)
        if index < last:
            # The leftmost place for a fixed run of components leaves most room for the rest: no way back needed.
            out.append(f"{lead}(?>(?:[^/]+/)*?{text}(?=/))(?:/)")
        else:
            out.append(f"{lead}(?:[^/]+/)*?{text}")
    return re.compile("".join(out) + _tail(named=bool(parts), everything=everything, only=only_below, below=below))


def _tail(*, named: bool, everything: bool, only: bool, below: bool) -> str:
    if everything:
        return "/(?s:.+)" if named else "(?s:.+)"
    if not below:
        return ""
    return "/(?s:.+)" if only else "(?:/(?s:.+))?"


def _between_double_stars(parts: list[str]) -> list[list[str]]:
    """The regular expressions of the components, split where a `**` stood; the first group may be empty."""
    groups: list[list[str]] = [[]]
    for part in parts:
        if part != "**":
            groups[-1].append(_component(part))
        elif len(groups) == 1 or groups[-1]:
            groups.append([])
    return groups


def _component(part: str) -> str:
    """One path component: fixed runs of single characters between stars, each taken at its leftmost place."""
    runs: list[str] = [""]
    index = 0
    while index < len(part):
        char = part[index]
        if char == "*":
            index = len(part) - len(part[index:].lstrip("*"))
            runs.append("")
            continue
        if char == "[":
            text, index = _bracket(part, index)
        elif char == "\\":
            text, index = (re.escape(part[index + 1]), index + 2) if index + 1 < len(part) else (_NEVER, index + 1)
        else:
            text, index = ("[^/]" if char == "?" else re.escape(char)), index + 1
        runs[-1] += text
    if len(runs) == 1:
        return runs[0]
    middle = "".join(f"(?>[^/]*?{run})" for run in runs[1:-1] if run)
    # A star alone is a whole name, and a name is never empty.
    lead = "(?=[^/])" if not any(runs) else ""
    return f"{lead}{runs[0]}{middle}[^/]*{runs[-1]}(?![^/])"


def _bracket(part: str, start: int) -> tuple[str, int]:
    """A character class that begins at `start`, and where the pattern goes on; never matches a slash."""
    index = start + 1
    negated = part[index : index + 1] in ("!", "^")
    index += negated
    body = ""
    first = True
    while index < len(part) and (first or part[index] != "]"):
        first = False
        posix = re.match(r"\[:([a-z]+):\]", part[index:])
        if posix:
            body += _POSIX.get(posix[1], "")
            index += posix.end()
            continue
        low, index = _class_char(part, index)
        if part[index : index + 1] == "-" and part[index + 1 : index + 2] not in ("]", ""):
            high, index = _class_char(part, index + 1)
            body += f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
        else:
            body += re.escape(low)
    if index >= len(part):
        return _NEVER, len(part)
    if not body:
        return ("[^/]" if negated else _NEVER), index + 1
    return f"(?!/)[{'^' if negated else ''}{body}]", index + 1


def _class_char(part: str, index: int) -> tuple[str, int]:
    if part[index] == "\\" and index + 1 < len(part):
        index += 1
    return part[index], index + 1


def literal_prefix(glob: str) -> str:
    """The leading components of `glob` that contain no wildcard, joined by slashes ("" when the first one has)."""
    parts = [part for part in glob.removeprefix("./").split("/") if part]
    return "/".join(takewhile(lambda part: not _WILD & set(part), parts))
