"""A tree of nodes into the types of `document`, with every problem and not only the first.

Knows no key by name: it walks the types, and values that are wrong are reported and left at their defaults.
"""

from typing import Any

import msgspec
from msgspec import inspect

from overnight.program.document import Document
from overnight.program.findings import Findings, nearest, shortened, spelled
from overnight.program.leaves import UnfitError, read_leaf
from overnight.program.nodes import Mapping, Node, Scalar, Sequence

_WRONG = msgspec.UNSET


def read_document(root: Mapping, findings: Findings, skip: frozenset[str]) -> Document:
    """Fill a Document from the front matter's mapping; dotted paths in `skip` were dealt with elsewhere."""
    return Document(**_Reader(findings, skip).fields(inspect.type_info(Document), root, ""))


class _Reader:
    def __init__(self, findings: Findings, skip: frozenset[str]) -> None:
        self._findings = findings
        self._skip = skip

    def value(self, info: inspect.Type, node: Node, path: str, notes: dict[str, Any]) -> Any:
        """The value of one key, or UNSET after reporting what is wrong; `notes` is what `document` says about it."""
        while isinstance(info, inspect.Metadata):
            # What a key says about itself stands outside what its type says: the first one met wins.
            notes = {**(info.extra_json_schema or {}), **(info.extra or {}), **notes}
            info = info.type
        if isinstance(info, inspect.UnionType):
            return self._union(info, node, path, notes)
        if isinstance(node, Scalar) and node.kind() == "empty" and notes.get("kind") != "raw":
            return self._wrong("no-value", f"`{spelled(path)}` has no value.", node, notes, path)
        if isinstance(info, inspect.StructType | inspect.VarTupleType | inspect.DictType):
            return self._collection(info, node, path, notes)
        if not isinstance(node, Scalar):
            return self._wrong("type", f"`{spelled(path)}` is {_read(node)}; it must be one value.", node, notes, path)
        return self._single(info, node, path, notes)

    def _collection(self, info: inspect.Type, node: Node, path: str, notes: dict[str, Any]) -> Any:
        if isinstance(info, inspect.VarTupleType):
            return self._sequence(info, node, path, notes)
        if isinstance(info, inspect.DictType):
            return self._dict(info, node, path, notes)
        if isinstance(info, inspect.StructType) and isinstance(node, Mapping):
            return info.cls(**self.fields(info, node, path))
        return self._wrong("type", f"`{spelled(path)}` is {_read(node)}; it must hold keys.", node, notes, path)

    def _single(self, info: inspect.Type, node: Scalar, path: str, notes: dict[str, Any]) -> Any:
        if isinstance(info, inspect.BoolType):
            return self._boolean(node, path)
        if isinstance(info, inspect.LiteralType):
            return self._choice([str(value) for value in info.values], str, node, path)
        if isinstance(info, inspect.EnumType):
            return self._choice([str(member.value) for member in info.cls], info.cls, node, path)
        return self._leaf(notes["kind"], node, path)

    def fields(self, info: inspect.Type, node: Mapping, path: str) -> dict[str, Any]:
        """The values of a section's keys that are right, by name."""
        assert isinstance(info, inspect.StructType)  # noqa: S101 - narrows a type that the caller has checked
        known = {field.name: field.type for field in info.fields}
        values: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for entry in node.entries:
            name = entry.key.text
            dotted = f"{path}.{name}" if path else name
            if name in seen:
                first = f"It was read on line {self._findings.line(seen[name])} already: keep one."
                self._findings.add(
                    "duplicate-key", f"`{spelled(dotted)}` is written twice.", at=entry.key.place, read=name, fix=first
                )
                continue
            seen[name] = entry.key.place.line
            if dotted in self._skip:
                continue
            if name not in known:
                self._unknown(name, dotted, list(known), entry.value, entry.key)
                continue
            value = self.value(known[name], entry.value, dotted, {})
            if value is not _WRONG:
                values[name] = value
        return values

    def _unknown(self, name: str, dotted: str, known: list[str], value: Node, key: Scalar) -> None:
        if isinstance(value, Scalar) and value.kind() == "empty" and name.partition(":")[0] in known:
            word, _, rest = name.partition(":")
            fix = f"Put a space after the colon: `{word}: {rest}`."
        elif isinstance(value, Scalar) and value.kind() == "empty" and "." in dotted:
            fix = "If it belongs to the value before it, put that value in quotes: inside { } a comma ends a value."
        else:
            fix = _meant(name, dotted, known)
        section = dotted.rpartition(".")[0]
        where = f" in `{spelled(section)}`" if section else ""
        message = f"there is no key `{shortened(name)}`{where}; the keys are {', '.join(known)}."
        self._findings.add("unknown-key", message, at=key.place, read=name, fix=fix)

    def _sequence(self, info: inspect.VarTupleType, node: Node, path: str, notes: dict[str, Any]) -> Any:
        if isinstance(node, Scalar) and "accepts" in notes:
            value = self.value(info.item_type, node, path, {})
            return _WRONG if value is _WRONG else (value,)
        if not isinstance(node, Sequence):
            return self._wrong("type", f"`{spelled(path)}` is {_read(node)}; it must be a list.", node, notes, path)
        least, most = notes.get("minItems", 0), notes.get("maxItems", len(node.items))
        if not least <= len(node.items) <= most:
            needed = f"{least}" if least == most else f"at least {least}"
            message = f"`{spelled(path)}` is a list of {len(node.items)}; it must hold {needed}."
            return self._wrong("type", message, node, notes, path)
        values = [self.value(info.item_type, item, f"{path}.{index}", {}) for index, item in enumerate(node.items)]
        return _WRONG if _WRONG in values else tuple(values)

    def _dict(self, info: inspect.DictType, node: Node, path: str, notes: dict[str, Any]) -> Any:
        if not isinstance(node, Mapping):
            return self._wrong("type", f"`{spelled(path)}` is {_read(node)}; it must hold names.", node, notes, path)
        values: dict[str, str] = {}
        for entry in node.entries:
            key = self.value(info.key_type, entry.key, f"{path}.{entry.key.text}", {})
            value = self.value(info.value_type, entry.value, f"{path}.{entry.key.text}", {})
            if key in values:
                self._findings.add(
                    "duplicate-key", f"`{spelled(path)}.{key}` is written twice.", at=entry.key.place, read=key
                )
            elif key is not _WRONG and value is not _WRONG:
                values[key] = value
        return values

    def _union(self, info: inspect.UnionType, node: Node, path: str, notes: dict[str, Any]) -> Any:
        members = [member for member in info.types if not isinstance(member, inspect.NoneType)]
        if len(members) < len(info.types) and isinstance(node, Scalar) and node.kind() == "empty":
            return None
        mappings = [member for member in members if isinstance(member, inspect.StructType)]
        others = [member for member in members if not isinstance(member, inspect.StructType)]
        prefer_keys = isinstance(node, Mapping) or not others
        return self.value((mappings if prefer_keys and mappings else others)[0], node, path, notes)

    def _boolean(self, node: Scalar, path: str) -> Any:
        if node.kind() == "boolean":
            return node.text.lower() == "true"
        message = f"`{spelled(path)}` is `{shortened(node.text)}`; it must be true or false."
        return self._wrong("type", message, node, {}, path)

    def _choice(self, allowed: list[str], make: Any, node: Scalar, path: str) -> Any:
        if node.text in allowed:
            return make(node.text)
        meant = nearest(node.text, allowed)
        message = f"`{spelled(path)}` is `{shortened(node.text)}`; it must be {' or '.join(allowed)}."
        self._findings.add(
            "value", message, at=node.place, read=node.text, fix=f"Did you mean `{meant}`?" if meant else ""
        )
        return _WRONG

    def _leaf(self, kind: str, node: Scalar, path: str) -> Any:
        try:
            return read_leaf(kind, node)
        except UnfitError as error:
            named = kind in {"env", "passed"}
            what = f"`{spelled(path.rpartition('.')[0])}` names" if named else f"`{spelled(path)}` is"
            message = f"{what} `{shortened(node.text)}`; it must be {error.allowed}."
            self._findings.add("value", message, at=node.place, read=node.text, fix=error.fix)
            return _WRONG

    def _wrong(self, code: str, message: str, node: Node, notes: dict[str, Any], path: str) -> Any:
        fix = f"Write for example `{path.rpartition('.')[2]}: {notes['example']}`." if "example" in notes else ""
        self._findings.add(code, message, at=node.place, read=_text_of(node), fix=fix)
        return _WRONG


def _read(node: Node) -> str:
    return (
        f"`{shortened(node.text)}`"
        if isinstance(node, Scalar)
        else "a list"
        if isinstance(node, Sequence)
        else "a mapping"
    )


def _text_of(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _meant(name: str, dotted: str, known: list[str]) -> str:
    close = nearest(name, known)
    if close:
        return f"Did you mean `{close}`?"
    homes = [path for path in all_keys() if path.rpartition(".")[2] == name and path != dotted]
    if homes:
        section, _, key = homes[0].rpartition(".")
        return (
            f"Write it in its section: `{section}: {{{key}: ...}}`."
            if section
            else f"`{key}` belongs at the top level."
        )
    return ""


def all_keys() -> tuple[str, ...]:
    """Every key that is enforced, dotted: "metric", "budget.wall"."""
    return tuple(_paths(inspect.type_info(Document), ""))


def _paths(info: inspect.Type, path: str) -> list[str]:
    if isinstance(info, inspect.Metadata):
        return _paths(info.type, path)
    if isinstance(info, inspect.VarTupleType):
        return _paths(info.item_type, path)
    if isinstance(info, inspect.UnionType):
        return [found for member in info.types for found in _paths(member, path)]
    if not isinstance(info, inspect.StructType):
        return []
    found: list[str] = []
    for field in info.fields:
        dotted = f"{path}.{field.name}" if path else field.name
        found += [dotted, *_paths(field.type, dotted)]
    return found
