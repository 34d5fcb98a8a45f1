"""Where one tunable's value may lie, and how that is laid out on a line from 0 to 1."""

import math
from typing import Literal

import msgspec

from overnight.model.value import Value

Scalar = bool | int | float | str


class Space(Value, frozen=True, kw_only=True):
    """The values that a tunable may take.

    `scale`: numbers from `low` to `high`, spread evenly after the transform `spread` (log: both bounds have one
    sign; logit: both lie strictly between 0 and 1); `integer` allows whole numbers only. `steps`: `options` in an
    order that means something. `choices`: `options` without order. `strict` means that the person bounded it;
    otherwise `including` may widen it.
    """

    kind: Literal["scale", "steps", "choices"]
    options: tuple[Scalar, ...] = ()
    low: float = 0.0
    high: float = 0.0
    spread: Literal["linear", "log", "logit"] = "linear"
    integer: bool = False
    strict: bool = False

    @property
    def count(self) -> int | None:
        """How many values there are, None where they are as good as endless."""
        if self.kind != "scale":
            return len(self.options)
        return math.floor(self.high) - math.ceil(self.low) + 1 if self.integer else None

    @property
    def top(self) -> float:
        """The largest position; the smallest is 0."""
        return 1.0 if self.kind == "scale" else float(len(self.options) - 1)

    def position(self, value: Scalar) -> float:
        """Where `value` lies: 0 to 1 on a scale, an index otherwise; what lies outside counts as the nearest end."""
        if self.kind == "choices":
            return float(self.options.index(value)) if value in self.options else 0.0
        if isinstance(value, str):
            return 0.0
        if self.kind == "steps":
            return float(min(range(len(self.options)), key=lambda index: abs(float(self.options[index]) - value)))
        low, high = self._forward(self.low), self._forward(self.high)
        return (self._forward(min(max(float(value), self.low), self.high)) - low) / (high - low) if high > low else 0.0

    def at(self, position: float) -> Scalar:
        """The value at `position`, rounded to what a person would write; never outside the space."""
        position = min(max(position, 0.0), self.top)
        if self.kind != "scale":
            return self.options[round(position)]
        low, high = self._forward(self.low), self._forward(self.high)
        number = self._backward(low + position * (high - low))
        if self.integer:
            return min(max(round(number), math.ceil(self.low)), math.floor(self.high))
        return min(max(self._rounded(number), self.low), self.high)

    def including(self, values: tuple[Scalar, ...]) -> "Space":
        """This space, wide enough for `values` unless the person bounded it."""
        if self.strict:
            return self
        if self.kind == "choices":
            return msgspec.structs.replace(self, options=tuple(dict.fromkeys(self.options + values)))
        numbers = [value for value in values if not isinstance(value, str) and self._has_place(value)]
        if self.kind == "steps":
            return msgspec.structs.replace(self, options=tuple(sorted({*self.options, *numbers}, key=float)))
        reached = [self.low, self.high, *map(float, numbers)]
        return msgspec.structs.replace(self, low=min(reached), high=max(reached))

    def _has_place(self, number: float) -> bool:
        """Whether the transform is defined at `number`."""
        if self.kind == "steps" or self.spread == "linear":
            return True
        if self.spread == "logit":
            return 0.0 < number < 1.0
        return number > 0 if self.low > 0 else number < 0

    def _forward(self, number: float) -> float:
        if self.spread == "log":
            return math.log(number) if self.low > 0 else -math.log(-number)
        if self.spread == "logit":
            return math.log(number / (1.0 - number))
        return number

    def _backward(self, number: float) -> float:
        if self.spread == "log":
            return math.exp(number) if self.low > 0 else -math.exp(-number)
        if self.spread == "logit":
            return 1.0 / (1.0 + math.exp(-number))
        return number

    def _rounded(self, number: float) -> float:
        """Three significant digits; on a line a thousandth of its length; near 1 the digits of 1 - x count."""
        if self.spread == "linear":
            return round_to(number, (self.high - self.low) / 1000)
        if self.spread == "logit" and number > 0.5:
            return round_to(number, (1.0 - number) / 100)
        return round_to(number, abs(number) / 100)


def round_to(number: float, resolution: float) -> float:
    """`number` with just enough decimals for steps of `resolution` (positive; 0 leaves the number alone)."""
    if resolution <= 0:
        return number
    return round(number, math.ceil(-math.log10(resolution)))
