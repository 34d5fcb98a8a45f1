"""Words that may be hostile, as Markdown that cannot become a link, a heading, HTML or a way out of a fence."""

import re

from overnight.report.text import block, one_line, plural

_ACTIVE = re.compile(r"([\\`*\[\]<#|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_LINKS = re.compile(r"://|www\.|@", re.IGNORECASE)


def words(text: str, limit: int = 200) -> str:
    """`text` as Markdown that shows exactly these characters, in one line that follows other words.

    Text that a renderer would turn into a link by itself (an address, a mention) becomes inline code.
    """
    line = one_line(text, limit)
    if _LINKS.search(line):
        return code(line, limit)
    return _ACTIVE.sub(r"\\\1", line)


def code(text: str, limit: int = 200) -> str:
    """`text` as inline code in one line."""
    line = one_line(text, limit)
    if not line:
        return ""
    ticks = "`" * (_longest_run(line) + 1)
    return f"{ticks} {line} {ticks}" if "`" in line else f"{ticks}{line}{ticks}"


def fence(text: str, language: str = "", *, lines: int = 40, width: int = 160) -> str:
    """`text` as a fenced block of at most `lines` lines of `width` characters; says how much was left out."""
    every = block(text).rstrip("\n").split("\n")
    shown = [line if len(line) <= width else line[: width - 1] + "…" for line in every[:lines]]
    if len(every) > lines:
        shown.append(f"… {plural(len(every) - lines, 'more line')}")
    body = "\n".join(shown)
    ticks = "`" * max(3, _longest_run(body) + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
