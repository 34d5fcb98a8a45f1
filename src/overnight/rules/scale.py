"""The working scale: scores that are compared, higher is better, trade-offs included.

Metrics that multiply (times, sizes) are compared on their logarithm, so that a tenth is a tenth wherever it is gained.
"""

import math

from overnight.model.contract import Contract, Direction, Objective, Tradeoff
from overnight.model.value import Pairs, Value, lookup

_TIMES = {"s", "sec", "second", "seconds", "ms", "us", "µs", "ns", "min", "minutes", "h"}
_SIZES = {"b", "byte", "bytes", "kb", "mb", "gb", "kib", "mib", "gib"}
_NAMES = ("_seconds", "_ms", "_us", "_ns", "_mb", "_bytes")
_TINY = 1e-12
_HUGE = 1e150


class Scale(Value, frozen=True, kw_only=True):
    """How values of a contract's metrics become one score; `log` = on the natural logarithm of the metric."""

    objective: Objective
    tradeoffs: tuple[Tradeoff, ...] = ()
    log: bool = False

    def score(self, values: Pairs) -> float | None:
        """The score of one reading; None when a metric that it needs was not measured."""
        value = lookup(values, self.objective.metric)
        if value is None:
            return None
        cost = 0.0
        for trade in self.tradeoffs:
            amount = lookup(values, trade.metric)
            if amount is None:
                return None
            cost += amount / trade.amount * trade.rate
        if self.objective.direction is Direction.minimize:
            return -self._bent(value + cost)
        return self._bent(value - cost)

    def value(self, score: float) -> float:
        """The metric's value (with the cost of trade-offs in it) that has this score; inf or 0 beyond floats."""
        bent = -score if self.objective.direction is Direction.minimize else score
        return math.exp(min(bent, 700.0)) if self.log else bent

    def gain(self, old: float, new: float) -> float:
        """How much better score `new` is than score `old`, in units of the metric."""
        return self.objective.gain(self.value(old), self.value(new))

    def _bent(self, value: float) -> float:
        # A record of an earlier version may hold any finite number; beyond this its square would not be one.
        return math.log(max(value, _TINY)) if self.log else max(-_HUGE, min(_HUGE, value))


def scale_of(contract: Contract) -> Scale:
    """The scale that `keep.transform` asks for; `auto` takes the logarithm of times and sizes without trade-offs."""
    wanted = contract.keep.transform
    log = wanted == "log" or (wanted == "auto" and not contract.tradeoffs and _multiplies(contract.objective))
    return Scale(objective=contract.objective, tradeoffs=contract.tradeoffs, log=log)


def _multiplies(objective: Objective) -> bool:
    if objective.bounds is not None and objective.bounds[0] < 0:
        return False
    return objective.unit.strip().lower() in _TIMES | _SIZES or objective.metric.endswith(_NAMES)
