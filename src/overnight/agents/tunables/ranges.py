"""What a tunable may become: the comments that bind it, and sensible guesses where there is none."""

import math
import re
from typing import Literal

from overnight.agents.tunables.space import Scalar, Space, round_to
from overnight.model.value import Value

_HINT = re.compile(r"#\s*(choices|range|fixed)\b(?:\s*:([^#]*))?")
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?")
_POWER = re.compile(r"2\s*\*\*\s*(\d{1,2})")
_RANGE = re.compile(r"(\S.*?)\s*\.\.\s*(\S+)((?:\s+(?:log|int))*)\s*")
_ITEM = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^,'"]+?))\s*(?:,|$)""")
_TINY = 1e-9  # closer to 0 or 1 than this, a float has no digits left to turn
_LARGE = 2**40  # whole numbers beyond this are masks, sizes of tables, identifiers
_NEVER = frozenset(
    {"seed", "seeds", "version", "path", "paths", "file", "files", "filename", "url", "uri", "dir", "directory"}
    | {"folder", "port", "host", "year", "date", "verbose", "debug"}
)


class Hint(Value, frozen=True, kw_only=True):
    """A comment that binds a tunable: `choices: a, b`, `range: lo..hi [log] [int]`, or `fixed`."""

    kind: Literal["choices", "range", "fixed"]
    text: str = ""


def find_hint(comment: str) -> Hint | None:
    """The hint in the rest of a line (or in a comment line), if there is one."""
    match = _HINT.search(comment)
    if match is None or (match[2] is None) != (match[1] == "fixed"):
        return None
    kind: Literal["choices", "range", "fixed"] = match[1]  # type: ignore[assignment]  # the pattern admits no other
    return Hint(kind=kind, text=(match[2] or "").strip())


def is_setting(name: str) -> bool:
    """Whether a constant of this name is worth turning: seeds, paths, addresses, versions and dates are not."""
    return _NEVER.isdisjoint(word.lower() for word in re.split(r"[_\W]+|(?<=[a-z0-9])(?=[A-Z])", name))


def bound(hint: Hint, present: Scalar, *, power: bool = False) -> Space:
    """The space that a person's comment describes for a tunable whose value is `present`.

    Raises:
        ValueError: the comment cannot be read; the message says what to write.
    """
    if hint.kind == "choices":
        return _choices(hint.text, present)
    if isinstance(present, bool | str):
        raise ValueError(f"`range:` needs a number, not {present!r}: write `choices:`")  # noqa: TRY004 - the person's words
    match = _RANGE.fullmatch(hint.text)
    if match is None:
        raise ValueError(f"cannot read `range: {hint.text}`: write `range: LOW..HIGH`, then `log` or `int` if wanted")
    low, high = _number(match[1]), _number(match[2])
    if low >= high:
        raise ValueError(f"`range: {hint.text}` is empty: LOW must be smaller than HIGH")
    flags = match[3].split()
    if "log" in flags and low <= 0 <= high:
        raise ValueError(f"`range: {hint.text}` cannot be `log`: both ends must be above 0, or both below")
    if power:
        return Space(kind="steps", options=_powers(low, high), strict=True)
    whole = "int" in flags or (isinstance(present, int) and isinstance(low, int) and isinstance(high, int))
    if whole and math.ceil(low) >= math.floor(high):
        raise ValueError(f"`range: {hint.text}` holds fewer than two whole numbers")
    return Space(
        kind="scale",
        low=float(low),
        high=float(high),
        spread="log" if "log" in flags else "linear",
        integer=whole,
        strict=True,
    )


def guess(present: Scalar, *, power: bool = False) -> Space | None:
    """A sensible space around `present`, or None: a string without `choices:`, a number too large or too small.

    Numbers reach a factor of ten (whole numbers: four) to both sides and keep their sign; what lies between 0 and 1
    stays there, evenly in its odds; powers of two stay powers of two.
    """
    if isinstance(present, str):
        return None
    if isinstance(present, bool):
        return Space(kind="steps", options=(False, True), strict=True)
    if isinstance(present, int):
        return _whole(present, power=power)
    return _real(present)


def _real(present: float) -> Space | None:
    if present == 0:
        return Space(kind="scale", low=0.0, high=0.5)
    size = abs(present)
    if not _TINY < size < 1 / _TINY or 0 < 1 - size < _TINY:
        return None
    if 0 < present < 1:
        odds = present / (1 - present)
        low, high = (odds * factor / (1 + odds * factor) for factor in (0.1, 10.0))
        low, high = (round_to(end, min(end, 1 - end) / 10) for end in (low, high))
        return Space(kind="scale", low=low, high=high, spread="logit")
    ends = sorted(math.copysign(size * factor, present) for factor in (0.1, 10.0))
    return Space(kind="scale", low=round_to(ends[0], size / 1000), high=round_to(ends[1], size / 1000), spread="log")


def _whole(present: int, *, power: bool) -> Space | None:
    if present == 0:
        return Space(kind="steps", options=(0, 1, 2, 3, 4))
    size = abs(present)
    if size > _LARGE:
        return None
    if present > 0 and (power or (size >= 16 and size & (size - 1) == 0)):
        return Space(kind="steps", options=_powers(max(1, size // 8), size * 8))
    low, high = max(1, min(size // 4, size - 2)), max(size * 4, size + 2)
    if present < 0:
        low, high = -high, -low
    return Space(kind="scale", low=float(low), high=float(high), spread="log", integer=True)


def _powers(low: float, high: float) -> tuple[int, ...]:
    options = tuple(2**exponent for exponent in range(64) if low <= 2**exponent <= high)
    if not options:
        raise ValueError(f"there is no power of two between {low} and {high}")
    return options


def _choices(text: str, present: Scalar) -> Space:
    items = []
    place = 0
    while place < len(text):
        match = _ITEM.match(text, place)
        if match is None:
            raise ValueError(f"cannot read `choices: {text}`: write values between commas, quoted if they hold commas")
        items.append(next(group for group in match.groups() if group is not None))
        place = match.end()
    options = tuple(dict.fromkeys([present, *(_like(present, item) for item in items)]))
    if len(options) < 2:
        raise ValueError(f"`choices: {text}` leaves nothing to choose: write at least two values")
    if not isinstance(present, str):
        return Space(kind="steps", options=tuple(sorted(options, key=float)), strict=True)
    return Space(kind="choices", options=options, strict=True)


def _like(present: Scalar, item: str) -> Scalar:
    """`item` read as the kind of value that `present` is."""
    if isinstance(present, str):
        return item
    if isinstance(present, bool):
        if item.lower() in ("true", "false"):
            return item.lower() == "true"
        raise ValueError(f"`{item}` among the choices is neither true nor false")
    number = _number(item)
    return float(number) if isinstance(present, float) else number


def _number(text: str) -> int | float:
    power = _POWER.fullmatch(text.strip())
    if power:
        return int(2 ** int(power[1]))
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"`{text.strip()}` is not a number")
    digits = text.strip().replace("_", "")
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"`{text.strip()}` is too large")
    return int(digits) if re.fullmatch(r"[-+]?\d+", digits) else number
