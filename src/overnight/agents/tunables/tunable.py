"""One value in a file that can be turned, and how a new one is written in its place."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from overnight.agents.tunables.ranges import Hint, bound, find_hint, guess, is_setting
from overnight.agents.tunables.space import Scalar, Space
from overnight.model.value import Value

Style = Literal["python", "json", "toml", "yaml", "env"]

_PLAIN = re.compile(r"[A-Za-z][\w./-]*")
_SURPRISING = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n"])


class Constant(Value, frozen=True, kw_only=True):
    """A constant as a scanner found it: `key` within its file, bytes `start` to `end`, its value.

    `power`: a power of two written as one (`2**19`). `needs_hint`: only turned when a comment binds it.
    """

    key: str
    start: int
    end: int
    present: Scalar
    power: bool = False
    needs_hint: bool = False


class Tunable(Value, frozen=True, kw_only=True):
    """A constant that the tuner may turn. `name` is stable: `train.py:ORDER`, `config.json:model.depth`.

    Bytes `start` to `end` of file `path` hold `source`, which means `present`; other values come from `space`.
    """

    name: str
    path: str
    start: int
    end: int
    source: str
    present: Scalar
    space: Space
    style: Style
    power: bool = False


class Scan(Value, frozen=True, kw_only=True):
    """What one or more files hold: the tunables in order, and sentences on what could not be read."""

    tunables: tuple[Tunable, ...] = ()
    problems: tuple[str, ...] = ()


def bind(path: str, data: bytes, style: Style, found: Iterable[Constant]) -> Scan:
    """Give every constant its space, from the comment on its line or alone on the line above, else guessed."""
    tunables = []
    problems = []
    for literal in found:
        try:
            space = _space(literal, _hint_at(data, literal.start, literal.end) if style != "json" else None)
        except ValueError as error:
            line = data.count(b"\n", 0, literal.start) + 1
            problems.append(f"{path}:{line}: {error}")
            continue
        if space is None:
            continue
        tunables.append(
            Tunable(
                name=f"{path}:{literal.key}",
                path=path,
                start=literal.start,
                end=literal.end,
                source=data[literal.start : literal.end].decode(),
                present=literal.present,
                space=space,
                style=style,
                power=literal.power,
            )
        )
    return Scan(tunables=tuple(tunables), problems=tuple(problems))


def replaced(data: bytes, tunables: Iterable[Tunable], values: Mapping[str, Scalar]) -> bytes:
    """The file's bytes with new values by tunable name; every other byte stays what it was."""
    for tunable in sorted(tunables, key=lambda item: item.start, reverse=True):
        if tunable.name in values and spelled(values[tunable.name]) != spelled(tunable.present):
            data = data[: tunable.start] + written(tunable, values[tunable.name]).encode() + data[tunable.end :]
    return data


def spelled(value: Scalar) -> str:
    """`value` as JSON text: tells 1, 1.0 and true apart."""
    return json.dumps(value)


def written(tunable: Tunable, value: Scalar) -> str:
    """`value` in the spelling of the tunable's file and of what stood there before."""
    if isinstance(value, bool):
        return str(value) if tunable.style == "python" else str(value).lower()
    if isinstance(value, str):
        return _quoted(tunable, value)
    if isinstance(value, float):
        text = repr(value)
        # Readers of YAML 1.1 take 1e-05 for a word; every format reads 1.0e-05 as a number.
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    if tunable.power:
        return f"{tunable.source.rstrip('0123456789')}{value.bit_length() - 1}"
    return f"{value:_}" if "_" in tunable.source and abs(value) >= 10_000 else str(value)


def _space(literal: Constant, hint: Hint | None) -> Space | None:
    """The space of a constant, None when it is not to be turned."""
    if hint is None:
        wanted = is_setting(literal.key) and not literal.needs_hint
        return guess(literal.present, power=literal.power) if wanted else None
    return None if hint.kind == "fixed" else bound(hint, literal.present, power=literal.power)


def _quoted(tunable: Tunable, value: str) -> str:
    plain = tunable.source[:1] not in ("'", '"')
    if plain and _PLAIN.fullmatch(value) and value.lower() not in _SURPRISING:
        return value
    double = json.dumps(value, ensure_ascii=False)
    if tunable.style == "python" and tunable.source.startswith("'"):
        return "'" + double[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
    return double


def _hint_at(data: bytes, start: int, end: int) -> Hint | None:
    """The hint in the comment behind bytes `start` to `end`, or in a comment alone on the line above."""
    stop = data.find(b"\n", end)
    hint = find_hint(data[end : stop if stop >= 0 else len(data)].decode())
    line = data.rfind(b"\n", 0, start) + 1
    if hint is not None or line == 0:
        return hint
    above = data[data.rfind(b"\n", 0, line - 1) + 1 : line - 1].decode().strip()
    return find_hint(above) if above.startswith("#") else None
