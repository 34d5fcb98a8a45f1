"""A small reader of JSON and TOML that tells where every scalar stands.

The standard library's parsers say what a file means, not where; they are asked first, so that only valid
text gets here.
"""

import json
import re
from collections.abc import Iterator

Path = tuple[str | int, ...]
Place = tuple[Path, int, int]
"""The path of a scalar, and the characters from its first to behind its last."""

_STRING = r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
_SCALAR = re.compile(rf"{_STRING}|\d{{4}}-\d\d-\d\d[ Tt]\d\d:[^\s,\]}}#]+|[^\s,\[\]{{}}#=]+", re.DOTALL)
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_PART = re.compile(r'[\w-]+|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_HEADER = re.compile(r"\[\[?[ \t]*")


def read_json(text: str) -> Iterator[Place]:
    """Every scalar of a JSON text.

    Raises:
        ValueError: not JSON.
    """
    json.loads(text)
    reader = _Reader(text, ":")
    reader.skip()
    yield from reader.value(())


def read_toml(text: str) -> Iterator[Place]:
    """Every scalar of a valid TOML text, tables of an array counted from 0."""
    reader = _Reader(text, "=")
    table: Path = ()
    counts: dict[Path, int] = {}
    while reader.skip():
        header = _HEADER.match(text, reader.at)
        if header is None:
            path = reader.key()
            reader.expect("=")
            yield from reader.value(table + path)
            continue
        reader.at = header.end()
        parts = reader.key()
        repeated = header[0].startswith("[[")
        table = ()
        for index, part in enumerate(parts):
            table = (*table, part)
            if repeated and index == len(parts) - 1:
                counts[table] = counts.get(table, -1) + 1
            if table in counts:
                table = (*table, counts[table])
        for bracket in "]]" if repeated else "]":
            reader.expect(bracket)


class _Reader:
    """A place in a text, moving forward."""

    def __init__(self, text: str, separator: str) -> None:
        self.text = text
        self.at = 0
        self._separator = separator

    def skip(self) -> bool:
        """Move past space and comments; False at the end."""
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at
        return self.at < len(self.text)

    def expect(self, mark: str) -> None:
        self.skip()
        if not self.text.startswith(mark, self.at):
            raise ValueError(f"cannot be read at character {self.at}: `{mark}` expected")
        self.at += len(mark)

    def key(self) -> tuple[str, ...]:
        """A key: one part in JSON, parts between dots in TOML."""
        parts = []
        while True:
            match = _PART.match(self.text, self.at)
            if match is None:
                raise ValueError(f"cannot be read at character {self.at}: a key expected")
            parts.append(_named(match[0]))
            self.at = match.end()
            dot = _DOT.match(self.text, self.at)
            if dot is None:
                return tuple(parts)
            self.at = dot.end()

    def value(self, path: Path) -> Iterator[Place]:
        """Every scalar of the value that begins here."""
        self.skip()
        opening = self.text[self.at : self.at + 1]
        if opening not in ("{", "["):
            match = _SCALAR.match(self.text, self.at)
            if match is None:
                raise ValueError(f"cannot be read at character {self.at}: a value expected")
            self.at = match.end()
            yield path, match.start(), match.end()
            return
        closing = "}" if opening == "{" else "]"
        self.at += 1
        index = 0
        while self.skip() and not self.text.startswith(closing, self.at):
            step: Path = (index,)
            if opening == "{":
                step = self.key()
                self.expect(self._separator)
            yield from self.value(path + step)
            index += 1
            self.skip()
            self.at += self.text.startswith(",", self.at)
        self.expect(closing)


def _named(part: str) -> str:
    """A key without its quotes."""
    if part.startswith('"'):
        return str(json.loads(part))
    return part[1:-1] if part.startswith("'") else part
