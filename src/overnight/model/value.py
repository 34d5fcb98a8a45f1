"""What every frozen value shares: finite numbers, canonical bytes, a digest."""

import hashlib
import math
from typing import Any, get_args, get_type_hints

import msgspec

Pairs = tuple[tuple[str, float], ...]
Words = tuple[tuple[str, str], ...]

_ENCODER = msgspec.json.Encoder(order="deterministic")


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the frozen values: a non-finite float is refused at construction.

    msgspec writes NaN as null and then cannot read it back, so that one NaN would make a ledger unreadable.

    Raises:
        ValueError: a float field, or a float in a tuple of pairs, is NaN or infinite.
    """

    def __post_init__(self) -> None:
        kind = type(self)
        names = _NUMBERS[kind] if kind in _NUMBERS else _numbers(kind)
        for name in names:
            value = getattr(self, name)
            # Nearly every field is a plain finite float, for which alone the difference with itself is 0.
            if value is not None and not (value.__class__ is float and value - value == 0.0):
                _require_finite(name, value)


# Which fields of a class can hold floats: looking into every field of every value would cost more than all else that
# happens to a value, and a state holds thousands of experiments that were checked when they were made.
_NUMBERS: dict[type[Value], tuple[str, ...]] = {}


def _numbers(kind: type[Value]) -> tuple[str, ...]:
    hints = get_type_hints(kind)
    found = tuple(name for name in kind.__struct_fields__ if _mentions_float(hints[name]))
    _NUMBERS[kind] = found
    return found


def _mentions_float(hint: object) -> bool:
    return hint in (float, Any) or any(_mentions_float(part) for part in get_args(hint))


def _require_finite(name: str, value: object) -> None:
    if isinstance(value, tuple):
        for item in value:
            _require_finite(name, item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value}")


def canonical(value: Any) -> bytes:
    """The one JSON spelling of a value: keys sorted, no spaces, defaults left out."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """SHA-256, 64 hex digits, of the value with every field left out that equals its default.

    So equal values have equal digests (msgspec alone leaves a default out only when it is the very same object), and
    a field added later with a default changes no old digest.
    """
    return hashlib.sha256(canonical(_spelled(value))).hexdigest()


def _spelled(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        kept = ((field.name, field.default) for field in msgspec.structs.fields(type(value)))
        return {name: _spelled(found) for name, default in kept if (found := getattr(value, name)) != default}
    if isinstance(value, tuple):
        return [_spelled(item) for item in value]
    return value


def lookup(pairs: Pairs, name: str) -> float | None:
    """The number stored under `name`, or None."""
    for key, number in pairs:
        if key == name:
            return number
    return None
