"""A judge's output as numbers, strictly: what cannot be read is a failure, never a guess."""

import json
import math
import re
from collections.abc import Iterator, Sequence

from overnight.judge.tail import quote, tail
from overnight.model.contract import BUILT_IN_METRICS
from overnight.model.experiment import Failure

_LINE_END = re.compile(rb"[\r\n]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
LARGEST = 1e150
"""Beyond this a number is no measurement, and its square no number."""
_NON_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE | re.ASCII)


def parse(output: bytes, names: Sequence[str], *, private: bool = False) -> dict[str, float] | Failure:
    """The finite numbers printed for `names`, the first of which is the objective and must be there.

    A line (ended by a line feed or a carriage return) is read if it is `METRIC name=value`, `name: value` or one
    JSON object, and only for names that are asked for. Built-in metrics are measured, not printed: they are
    never read here, and a built-in objective is not missed. -0.0 is 0.0. Never raises, whatever the bytes. With
    `private`, what was printed is in no failure's detail, only in its tail: it may be an answer.

    Failures: `twice` (one name printed twice, in whatever spelling), `malformed`, `non-finite`, `no-metric`, `bounds`
    (of a size that no measurement has).
    """
    wanted = {name for name in names if name not in BUILT_IN_METRICS}
    values: dict[str, float] = {}
    for line in _LINE_END.split(output):
        for name, spelled in _readings(line.strip(b" \t")):
            if name not in wanted:
                continue
            if name in values:
                return Failure(code="twice", detail=f"{name} was printed twice; each metric must be printed once.")
            number = _number(name, spelled)
            if isinstance(number, Failure):
                return _told_to_the_person(name, spelled, number) if private else number
            values[name] = number
    if names and names[0] in wanted and names[0] not in values:
        return Failure(
            code="no-metric",
            detail=f'{names[0]} was not printed; the judge must print one line "{names[0]}: NUMBER".',
            tail=tail(output),
            private=private,
        )
    return values


class _Literal(str):
    """A JSON number as it was spelled."""

    __slots__ = ()


class _Pairs(list[tuple[str, object]]):
    """A JSON object with its duplicate keys."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Pairs, parse_float=_Literal, parse_int=_Literal, parse_constant=_Literal)


def _readings(line: bytes) -> Iterator[tuple[str, str | _Literal]]:
    """(name, value as spelled) of every metric that the line may hold; JSON values that are no numbers keep
    their JSON spelling, which no number has.
    """
    if line.startswith(b"{"):
        for name, value in _json_pairs(line):
            yield name, value if isinstance(value, _Literal) else _json_spelling(value)
        return
    if re.match(rb"METRIC[ \t]", line):
        key, separator, rest = line[len(b"METRIC") :].partition(b"=")
    else:
        key, separator, rest = line.partition(b":")
    if separator:
        yield key.strip(b" \t").decode(errors="replace"), rest.strip(b" \t").decode(errors="backslashreplace")


def _json_pairs(line: bytes) -> _Pairs:
    try:
        value = _DECODER.decode(line.decode())
    except (ValueError, RecursionError):  # not JSON, or nested to exhaust us: an ordinary line
        return _Pairs()
    return value if isinstance(value, _Pairs) else _Pairs()


def _json_spelling(value: object) -> str:
    match value:
        case _Pairs():
            return "an object"
        case list():
            return "a list"
        case str():
            return f'"{value}"'
        case None:
            return "null"
    return "true" if value else "false"


def _told_to_the_person(name: str, spelled: str, number: Failure) -> Failure:
    what = {"non-finite": "not finite", "bounds": f"beyond {LARGEST:g}"}.get(number.code, "no decimal number")
    detail = f"The judge printed a value of {name} that is {what}."
    return Failure(code=number.code, detail=detail, tail=f"{name}: {quote(spelled)}", private=True)


def _number(name: str, spelled: str) -> float | Failure:
    if _DECIMAL.fullmatch(spelled):
        number = float(spelled)
        if abs(number) <= LARGEST:
            return number + 0.0  # the negative zero becomes the positive one
        if math.isfinite(number):
            detail = f"{name} was printed as {quote(spelled)}: nothing that is measured is beyond {LARGEST:g}."
            return Failure(code="bounds", detail=detail)
    elif not _NON_FINITE.fullmatch(spelled):
        detail = f"{name} was printed as {quote(spelled)}, which is not a decimal number and nothing else."
        return Failure(code="malformed", detail=detail)
    return Failure(code="non-finite", detail=f"{name} was printed as {quote(spelled)}, which is not a finite number.")
