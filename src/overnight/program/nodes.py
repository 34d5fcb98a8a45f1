"""YAML front matter as a tree that remembers where everything stands.

Scalars keep the text as written; what a plain one means follows the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/,
chapter 10.3): `1e-4` is a number, `no` is text. Aliases, anchors, tags and several documents in one are refused: they
only ever come from a missing quote here.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NON_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LOOKS = (
    ("empty", _NULL), ("boolean", _BOOL), ("integer", _INT), ("number", _FLOAT), ("non-finite", _NON_FINITE),
)  # fmt: skip


def plain_kind(text: str) -> str:
    """What text without quotes is: "text", "empty", "boolean", "integer", "number" or "non-finite"."""
    return next((kind for kind, look in _LOOKS if look.fullmatch(text)), "text")


class Place(msgspec.Struct, frozen=True):
    """Line and column, counted from 1, in the text that was parsed."""

    line: int
    column: int


class Scalar(msgspec.Struct, frozen=True, kw_only=True):
    """One value; `plain` means that it stood without quotes, so that its look decides what it is."""

    text: str
    plain: bool
    place: Place

    def kind(self) -> str:
        """What the text is: "text", "empty", "boolean", "integer", "number" or "non-finite"."""
        return plain_kind(self.text) if self.plain else "text"


class Sequence(msgspec.Struct, frozen=True, kw_only=True):
    """A list."""

    items: tuple["Node", ...]
    place: Place


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One key with its value."""

    key: Scalar
    value: "Node"


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """Keys with values, in the order of the file; a key may occur twice here (the reader says so)."""

    entries: tuple[Entry, ...]
    place: Place


Node = Scalar | Sequence | Mapping


class YamlError(Exception):
    """The text is not YAML as we read it; `line` and `column` count from 1, `code` is a word for the reason."""

    def __init__(self, code: str, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.code, self.message, self.line, self.column = code, message, line, column


def compose(text: str) -> Node | None:
    """The tree of one YAML document, or None if it holds nothing.

    Raises:
        YamlError: the first place where the text cannot be read.
    """
    _refuse_control_characters(text)
    builder = _Builder()
    for event in _events(text):
        builder.take(event)
    return builder.root


def walk(node: Node, path: str = "") -> Iterator[tuple[str, Place]]:
    """Every key and list item below a node as (dotted path, place): "budget.wall", "edit.0"."""
    dot = f"{path}." if path else ""
    if isinstance(node, Mapping):
        for entry in node.entries:
            yield dot + entry.key.text, entry.key.place
            yield from walk(entry.value, dot + entry.key.text)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield f"{dot}{index}", item.place
            yield from walk(item, f"{dot}{index}")


def _refuse_control_characters(text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        for column, character in enumerate(line, 1):
            if (character < " " and character != "\t") or character in "\x7f\ufeff\ufffe\uffff":
                raise YamlError(
                    "control", f"an invisible character (U+{ord(character):04X}) stands here.", number, column
                )


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - a heavy import, needed only when a file is read
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415 - same

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise YamlError("yaml", f"{error.problem or error.context}.", line, column) from error
    except (YAMLError, ValueError) as error:
        raise YamlError("yaml", f"{str(error).splitlines()[0]}.", 1, 1) from error


class _Builder:
    """Folds parser events into a tree with an explicit stack, so that nesting cannot exhaust ours."""

    _DEEPEST = 16

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[tuple[str, Place, list[Node]]] = []

    def take(self, event: Any) -> None:
        name = type(event).__name__
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        _refuse_references(name, event, place)
        if name == "ScalarEvent":
            self._put(Scalar(text=event.value, plain=event.style is None, place=place))
        elif name in {"MappingStartEvent", "SequenceStartEvent"}:
            if len(self._open) == self._DEEPEST:
                raise YamlError("deep", "brackets are nested too deeply here.", place.line, place.column)
            self._open.append((name, place, []))
        elif name in {"MappingEndEvent", "SequenceEndEvent"}:
            self._put(_close(*self._open.pop()))
        elif name == "DocumentStartEvent" and self.root is not None:
            raise YamlError("documents", "a second document begins here.", place.line, place.column)

    def _put(self, node: Node) -> None:
        if self._open:
            self._open[-1][2].append(node)
        else:
            self.root = node


def _refuse_references(name: str, event: Any, place: Place) -> None:
    if name == "AliasEvent":
        raise YamlError(
            "star", "`*` at the start of a value has a meaning of its own in YAML.", place.line, place.column
        )
    if name in {"ScalarEvent", "MappingStartEvent", "SequenceStartEvent"}:
        if event.tag is not None:
            message = "`!` at the start of a value has a meaning of its own in YAML."
            raise YamlError("bang", message, place.line, place.column)
        if event.anchor is not None:
            message = "`&` at the start of a value has a meaning of its own in YAML."
            raise YamlError("ampersand", message, place.line, place.column)


def _close(name: str, place: Place, items: list[Node]) -> Node:
    if name == "SequenceStartEvent":
        return Sequence(items=tuple(items), place=place)
    entries: list[Entry] = []
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, Scalar):
            raise YamlError("key", "brackets stand where a key is expected.", key.place.line, key.place.column)
        if isinstance(value, Scalar) and value.plain and not value.text:
            # The parser places a value that is not there at whatever follows, perhaps lines below.
            value = Scalar(text="", plain=True, place=key.place)  # noqa: PLW2901 - the pair stays a pair
        entries.append(Entry(key=key, value=value))
    return Mapping(entries=tuple(entries), place=place)
