"""A Contract back into front matter, complete or short; both read back as the same contract."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import inspect

from overnight.model.contract import Contract, Guard, Holdout, Tradeoff
from overnight.program import units
from overnight.program.build import title_of
from overnight.program.document import Document
from overnight.program.nodes import plain_kind

_PLAIN = re.compile(r"[A-Za-z0-9_./$~+][A-Za-z0-9_./$~+ =@^-]*")
_COMMENT_COLUMN = 34

_Lines = list[tuple[int, str, str, bool, str]]
"""(indent, key, value, whether it is the default, dotted path)."""


def describe(contract: Contract) -> str:
    """The whole contract as front matter between `---` lines, every default written out and marked `# default`."""
    lines = []
    for indent, key, value, default, _ in _rows(contract):
        lines.append(_line(indent, key, value, "default" if default else ""))
    return "\n".join(["---", *lines, "---", ""])


def render(contract: Contract) -> str:
    """A program.md as a person would write it: what differs from the defaults, each key explained, and the prose."""
    says = _descriptions()
    rows = [row for row in _rows(contract) if not row[3]]
    lines = [_line(indent, key, value, says.get(path, "")) for indent, key, value, _, path in rows]
    return "\n".join(["---", *lines, "---", "", contract.prose, ""])


def _line(indent: int, key: str, value: str, comment: str) -> str:
    text = "  " * indent + (f"{key}: {value}" if value else f"{key}:")
    if key == "-":
        text = "  " * indent + f"- {value}"
    return f"{text:<{_COMMENT_COLUMN}}  # {comment}" if comment else text


def _rows(contract: Contract) -> _Lines:
    objective = contract.objective
    bare = Contract(title="", prose="", objective=type(objective)(metric=""), edit=())
    rows: _Lines = []

    def row(key: str, value: str, *, default: bool) -> None:
        rows.append((0, key, value, default, key))

    row("title", text_value(contract.title), default=contract.title == title_of(contract.prose))
    row("metric", text_value(objective.metric), default=False)
    row("direction", objective.direction.value, default=False)
    if objective.unit:
        row("unit", text_value(objective.unit), default=False)
    row("min_effect", _number(objective.min_effect), default=objective.min_effect == 0)
    bounds = objective.bounds
    row("bounds", f"[{_number(bounds[0])}, {_number(bounds[1])}]" if bounds else "null", default=bounds is None)
    row("edit", _list(contract.edit), default=False)
    for key in ("data", "hide"):
        row(key, _list(getattr(contract, key)), default=not getattr(contract, key))
    for key in ("run", "score"):
        if getattr(contract, key):
            row(key, text_value(getattr(contract, key)), default=False)
    _section(rows, "drive", contract.drive, bare.drive, _DRIVE)
    for key in ("artifacts", "labels", "metrics"):
        row(key, _list(getattr(contract, key)), default=not getattr(contract, key))
    row("variables", _map(contract.variables), default=not contract.variables)
    row("env_dirs", _list(contract.env_dirs), default=not contract.env_dirs)
    _section(rows, "budget", contract.budget, bare.budget, _BUDGET)
    _items(rows, "guards", [_guard(guard) for guard in contract.guards])
    _items(rows, "tradeoffs", [_tradeoff(tradeoff) for tradeoff in contract.tradeoffs])
    holdout = Holdout(certify="") if contract.holdout else None
    _section(rows, "holdout", contract.holdout, holdout, _HOLDOUT if contract.holdout else {})
    _section(rows, "keep", contract.keep, bare.keep, _KEEP)
    _section(rows, "isolation", contract.isolation, bare.isolation, _ISOLATION)
    _section(rows, "agent", contract.agent, bare.agent, _AGENT)
    _section(rows, "stop", contract.stop, bare.stop, _STOP)
    return rows


def _section(rows: _Lines, key: str, value: Any, default: Any, writers: Mapping[str, Callable[[Any], str]]) -> None:
    if value is None:
        rows.append((0, key, "null", True, key))
        return
    inner: _Lines = []
    for name, write in writers.items():
        mine = getattr(value, name)
        if mine == "":
            continue
        same = default is not None and mine == getattr(default, name)
        inner.append((1, name, write(mine), same, f"{key}.{name}"))
    rows.append((0, key, "", all(row[3] for row in inner), key))
    rows.extend(inner)


def _items(rows: _Lines, key: str, items: list[str]) -> None:
    rows.append((0, key, "" if items else "[]", not items, key))
    rows.extend((1, "-", item, False, "") for item in items)


def _guard(guard: Guard) -> str:
    parts: list[tuple[str, str]] = []
    if guard.run:
        parts += [("run", text_value(guard.run)), ("must", "pass"), ("min_tests", str(guard.min_tests))]
        return _braces(parts)
    parts.append(("metric", text_value(guard.metric)))
    parts += [(name, _number(value)) for name in ("min", "max") if (value := getattr(guard, name)) is not None]
    if guard.max_regress is not None:
        parts.append(("max_regress", units.fraction_text(guard.max_regress)))
    if guard.direction is not Guard().direction:
        parts.append(("direction", guard.direction.value))
    return _braces(parts)


def _tradeoff(tradeoff: Tradeoff) -> str:
    rate = units.rate_text(tradeoff.rate, tradeoff.amount)
    return _braces([("metric", text_value(tradeoff.metric)), ("rate", f'"{rate}"')])


def _braces(parts: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in parts) + "}"


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(text_value(item) for item in items) + "]"


def _map(words: Iterable[tuple[str, str]]) -> str:
    return _braces((name, _quoted(value)) for name, value in words)


def text_value(text: str) -> str:
    """The text as a YAML scalar that reads back the same inside and outside brackets: plain where that is safe."""
    if _PLAIN.fullmatch(text) and not text.endswith(" ") and plain_kind(text) == "text":
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    """Double quotes with YAML's escapes, for any text (https://yaml.org/spec/1.2.2/, chapter 5.7)."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}.get(character)
    if named:
        return named
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _or_null(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: "null" if value is None else write(value)


def _network(hosts: tuple[str, ...] | None) -> str:
    return "none" if hosts is None else "shared"


def _truth(value: bool) -> str:  # noqa: FBT001 - a writer takes the value it writes
    return "true" if value else "false"


def _repeats(bounds: tuple[int, int]) -> str:
    return _braces([("min", str(bounds[0])), ("max", str(bounds[1]))])


_DRIVE: dict[str, Callable[[Any], str]] = {"judge": text_value, "serve": text_value, "over": str, "copies": str}
_BUDGET: dict[str, Callable[[Any], str]] = {
    "wall": units.duration_text, "cpu_seconds": _or_null(units.duration_text), "memory": units.size_text,
    "cpus": _number, "pids": str, "disk": units.size_text, "gpus": str, "output": units.size_text,
    "grace": units.duration_text, "strict": _truth,
}  # fmt: skip
_HOLDOUT: dict[str, Callable[[Any], str]] = {
    "gate": text_value, "certify": text_value, "parts": str, "max_gap": _or_null(units.fraction_text), "queries": str,
}  # fmt: skip
_KEEP: dict[str, Callable[[Any], str]] = {
    "policy": str, "transform": str, "repeats": _repeats, "pairs": str, "alpha": _number,
    "early_stop": _truth,
}  # fmt: skip
_ISOLATION: dict[str, Callable[[Any], str]] = {
    "require": str, "network": str, "read": _list, "env": _map, "pass_env": _list,
}  # fmt: skip
_AGENT: dict[str, Callable[[Any], str]] = {
    "use": text_value, "wall": units.duration_text, "network": _network, "pass_env": _list, "read": _list,
}  # fmt: skip
_STOP: dict[str, Callable[[Any], str]] = {
    "experiments": _or_null(str), "wall": _or_null(units.duration_text), "usd": _or_null(_number),
    "no_gain": _or_null(str), "tampering": _or_null(str),
}  # fmt: skip


def _descriptions() -> dict[str, str]:
    """What `document` says about each key, by dotted path."""
    return dict(_described(inspect.type_info(Document), ""))


def _described(info: inspect.Type, path: str) -> Iterable[tuple[str, str]]:
    while isinstance(info, inspect.Metadata):
        if info.extra_json_schema and path:
            yield path, info.extra_json_schema.get("description", "")
        info = info.type
    if isinstance(info, inspect.UnionType):
        for member in info.types:
            yield from _described(member, path)
    if isinstance(info, inspect.StructType):
        for field in info.fields:
            yield from _described(field.type, f"{path}.{field.name}" if path else field.name)
