"""The last lines of a hostile program's output, made safe to store and to show."""

import re
import unicodedata

_LINES = 50
_BYTES = 4096
_READ = 64 * 1024

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # strings: titles, links
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
)
"""Escape sequences by ECMA-48 (https://ecma-international.org/publications-and-standards/standards/ecma-48/)."""


def tail(*streams: bytes) -> str:
    """The end of the streams, one after the other: at most 50 lines and 4096 bytes of UTF-8.

    Escape sequences, control characters and invisible format characters (bidirectional overrides among them) are
    gone; a carriage return begins a new line; a tab is a space.
    """
    texts = [_clean(stream[-_READ:]) for stream in streams]
    lines = [line.rstrip() for text in texts for line in text.split("\n")]
    kept = "\n".join([line for line in lines if line][-_LINES:])
    return kept.encode()[-_BYTES:].decode(errors="ignore")


def quote(text: str) -> str:
    """What was read, in quotes, as printable ASCII of at most about 80 characters."""
    return ascii(text if len(text) <= 80 else text[:77] + "...")


def _clean(stream: bytes) -> str:
    text = stream.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(char for char in _ESCAPE.sub("", text) if char == "\n" or not _invisible(char))


def _invisible(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
