"""Words of strangers: which characters may not reach a reader, and how they are taken out or spelled.

Whoever may have been written by an agent or a candidate passes here before a terminal, a file or another agent gets it.
"""

import re
import unicodedata

CUT = "…"
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Letters and marks that are drawn as nothing at all, or as a blank, although Unicode does not class them as format
# characters (its property Default_Ignorable_Code_Point, and the blank Braille pattern).
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_MOST_MARKS = 3


def hidden(character: str) -> bool:
    """Whether a character steers a terminal, reorders text, cannot be seen, or has no meaning; a space is none."""
    return unicodedata.category(character) in _UNSAFE or _UNSEEN.match(character) is not None


def plain(text: str) -> str:
    """`text` with a space in the place of every hidden character, and at most three marks on one letter."""
    if text.isascii() and text.isprintable():
        return text
    return _fewer_marks("".join(" " if hidden(character) else character for character in text))


def spelled(text: str) -> str:
    r"""`text` with every hidden character spelled out, such as `\x1b` or `\u202e`, and at most three marks a letter."""
    if text.isascii() and text.isprintable():
        return text
    return _fewer_marks("".join(map(_spelled, text)))


def one_line(text: str, limit: int) -> str:
    """`text` without hidden characters, on one line of at most `limit` characters."""
    line = " ".join(plain(text[: 8 * limit]).split())
    return line if len(line) <= limit else line[: max(0, limit - 1)].rstrip() + CUT


def _spelled(character: str) -> str:
    if not hidden(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _fewer_marks(text: str) -> str:
    """Marks stacked on a letter grow over the lines around it: only the first few stay."""
    kept: list[str] = []
    row = 0
    for character in text:
        row = row + 1 if unicodedata.combining(character) else 0
        if row <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)
