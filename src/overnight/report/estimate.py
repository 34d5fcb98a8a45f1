"""What all readings together say of a candidate, in the metric's unit: the search's belief, and its doubt."""

import math

from msgspec.structs import replace

from overnight.model.state import Experiment, State
from overnight.model.value import Value
from overnight.report.text import one_line, rounded
from overnight.rules.scale import scale_of

_TWO_SIDED = 1.96
"""Standard deviations on both sides that hold 95 % of a normal distribution."""


class Estimate(Value, frozen=True, kw_only=True):
    """A number with its doubt: `value`, its standard deviation `sd`, and `low`..`high` that hold 95 %."""

    value: float
    sd: float
    low: float
    high: float

    @property
    def doubt(self) -> float:
        """Half of the interval: what "give or take" means."""
        return (self.high - self.low) / 2


def noisy(state: State) -> bool:
    """Whether readings of the same code are known to differ."""
    return bool(state.sigma)


def estimate(state: State, experiment: Experiment) -> Estimate | None:
    """The true value of a candidate as all its readings and its parent's let one believe.

    Where the contract has trade-offs their cost is in it. None without a reading.
    """
    if state.contract is None or experiment.belief is None:
        return None
    scale, belief = scale_of(state.contract), experiment.belief
    sd = math.sqrt(belief.variance)
    value = scale.value(belief.mean)
    ends = sorted(scale.value(belief.mean + sign * _TWO_SIDED * sd) for sign in (-1, 1))
    return _finite(value, value * sd if scale.log else sd, ends[0], ends[1])


def believed_gain(state: State, new: Experiment, old: Experiment) -> Estimate | None:
    """How much better `new` is than `old`, as all readings let one believe; None without readings or noise.

    None with trade-offs too: their gain is no gain of the metric.
    """
    before, after = old.belief, new.belief
    if state.contract is None or before is None or after is None or state.contract.tradeoffs or not noisy(state):
        return None
    scale = scale_of(state.contract)
    sd = math.sqrt(before.variance + after.variance)

    def gain(steps: float) -> float:
        return scale.gain(before.mean, after.mean + steps * sd)

    low, high = gain(-_TWO_SIDED), gain(_TWO_SIDED)
    return _finite(gain(0), (high - low) / (2 * _TWO_SIDED), low, high)


def search_gain(state: State, number: int) -> float | None:
    """What the search believes that experiment `number` gains over the unchanged code: all readings together.

    Without noise, and with trade-offs, the difference of what was read.
    """
    baseline = state.baseline
    if state.contract is None or baseline is None:
        return None
    new = state.experiments[number]
    believed = believed_gain(state, new, baseline)
    if believed is not None:
        return believed.value
    if baseline.value is None or new.value is None:
        return None
    return state.contract.objective.gain(baseline.value, new.value)


def give_or_take(found: Estimate, unit: str = "") -> str:
    """`7.9 points, give or take 2.1`; without a doubt the number alone."""
    number = f"{rounded(found.value, found.doubt)} {one_line(unit, 24)}".rstrip()
    return f"{number}, give or take {rounded(found.doubt, found.doubt)}" if found.doubt > 0 else number


def compared(gain: Estimate, than: str, unit: str = "") -> str:
    """`better than #9 by 0.3 points, give or take 1.2`; a gain that rounds to nothing is `level with #9, ...`."""
    size = replace(gain, value=abs(gain.value))
    if gain.doubt > 0 and float(rounded(size.value, size.doubt)) == 0:
        doubt = f"{rounded(size.doubt, size.doubt)} {one_line(unit, 24)}".rstrip()
        return f"level with {than}, give or take {doubt}"
    return f"{'better' if gain.value >= 0 else 'worse'} than {than} by {give_or_take(size, unit)}"


def _finite(value: float, sd: float, low: float, high: float) -> Estimate | None:
    if not all(map(math.isfinite, (value, sd, low, high))):
        return None
    return Estimate(value=value, sd=sd, low=low, high=high)
