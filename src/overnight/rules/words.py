"""Words of strangers: which characters may not reach a reader, and how they are taken out or spelled.

Whatever an agent or a candidate wrote passes here before a terminal, a file or another agent gets it.
"""

import re
import unicodedata
from collections.abc import Callable

CUT = "…"
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Letters and marks that are drawn as nothing at all, or as a blank, although Unicode does not class them as format
# characters (its property Default_Ignorable_Code_Point, and the blank Braille pattern).
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_MARKS = {"Mn", "Me"}
_MOST_MARKS = 4


def hidden(character: str) -> bool:
    """Whether a character steers a terminal, reorders text, cannot be seen, or has no meaning; a space is none."""
    return unicodedata.category(character) in _UNSAFE or _UNSEEN.match(character) is not None


def plain(text: str) -> str:
    """`text` with a space in the place of every hidden character and of marks piled on one letter."""
    return _replaced(text, lambda _: " ")


def spelled(text: str) -> str:
    r"""`text` with every hidden character, and every mark piled on a letter, spelled out: `\x1b`, `\u202e`."""
    return _replaced(text, _spelling)


def one_line(text: str, limit: int) -> str:
    """`text` without hidden characters, on one line of at most `limit` characters."""
    line = " ".join(plain(text[: 8 * limit]).split())
    return line if len(line) <= limit else line[: max(0, limit - 1)].rstrip() + CUT


def _replaced(text: str, instead: Callable[[str], str]) -> str:
    if text.isascii() and text.isprintable():
        return text
    kept: list[str] = []
    row = 0
    for character in text:
        # Marks piled on a letter are drawn over the lines around it: only the first few stay.
        row = row + 1 if unicodedata.category(character) in _MARKS else 0
        kept.append(instead(character) if row > _MOST_MARKS or hidden(character) else character)
    return "".join(kept)


def _spelling(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
