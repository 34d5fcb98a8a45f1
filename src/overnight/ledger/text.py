"""Words of strangers, made fit for one line of a log or a table."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def one_line(words: str, limit: int) -> str:
    """`words` without control and invisible characters, on one line of at most `limit` characters."""
    seen = words[: limit * 8]
    if seen.isascii() and seen.isprintable():
        shown = seen
    else:
        shown = "".join(" " if unicodedata.category(letter) in _HIDDEN else letter for letter in seen)
    line = " ".join(shown.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
