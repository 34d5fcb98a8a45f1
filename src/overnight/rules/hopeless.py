"""Whether a run that tells its progress may be ended early: it is hopeless beside every run that was ever kept.

Meant for a loss or a score that is printed again and again on the way; lower or higher is better as for the objective.
Being wrong here costs a win that nobody will ever see, so the rule is slow to judge. What is printed is not believed
as a number: a candidate that lies about its progress spares itself an early end, and no more.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from overnight.model.contract import Direction
from overnight.model.experiment import Curve
from overnight.model.state import Experiment, State
from overnight.model.value import Value

MOST_POINTS = 200
FEWEST_POINTS = 3
_KEPT = 20
_EARLIEST = 0.25
_SIGMAS = 3.0
_SAFETY = 0.1
_UNKNOWN_SAFETY = 0.25


class Curves(Value, frozen=True, kw_only=True):
    """Progress of every reading of the unchanged code and of what was kept, with the noise between readings.

    `sigma` is the standard deviation of one curve's value at a step, None while no candidate was read twice.
    """

    curves: tuple[Curve, ...]
    sigma: float | None
    direction: Direction


def kept_curves(state: State) -> Curves | None:
    """What a run is held against; None when the unchanged code printed no progress to compare with."""
    if state.contract is None or not state.experiments:
        return None
    numbers = dict.fromkeys((0, *state.kept[-_KEPT:]))
    families = [_usable(state.experiments[number]) for number in numbers]
    if not families[0]:
        return None
    curves = tuple(curve for family in families for curve in family)
    return Curves(curves=curves, sigma=_scatter(families), direction=state.contract.objective.direction)


def hopeless(points: Curve, kept: Curves) -> tuple[float, float, float] | None:
    """(step, value, the worst that a kept run had there) of a run that is hopeless so far; None = let it go on.

    Hopeless is a run of at least three points whose last three are all worse than every kept curve was at that step,
    and worse than it was at half the step, by three standard deviations and a tenth of the way that the curve goes in
    all (a quarter while the noise is not known). The first quarter of the shortest kept run is never judged, and no
    kept curve is prolonged beyond its ends.
    """
    last = points[-FEWEST_POINTS:]
    if len(last) < FEWEST_POINTS:
        return None
    earliest = _EARLIEST * min(curve[-1][0] for curve in kept.curves)
    worst = None
    for step, value in last:
        limits = [_limit(curve, step, kept) for curve in kept.curves]
        if step < earliest or None in limits:
            return None
        if not all(limit is not None and _badness(value, kept) > limit for limit in limits):
            return None
        levels = [level for curve in kept.curves if (level := _at(curve, step)) is not None]
        worst = (step, value, max(levels, key=lambda level: _badness(level, kept)))
    return worst


def verdict_on(points: Curve, kept: Curves) -> str:
    """Why a run with this progress is to be ended, as a sentence; "" = it goes on."""
    found = hopeless(points, kept)
    if found is None:
        return ""
    step, value, worst = found
    return (
        f"ended early, as hopeless: at step {step:g} its progress was {value:.6g}; no run that was kept was worse than "
        f"{worst:.6g} there"
    )


def thinned(points: Sequence[tuple[float, float]]) -> Curve:
    """At most `MOST_POINTS` of the points, evenly chosen, the first and the last among them."""
    if len(points) <= MOST_POINTS:
        return tuple(points)
    last = len(points) - 1
    return tuple(points[round(at * last / (MOST_POINTS - 1))] for at in range(MOST_POINTS))


def _usable(experiment: Experiment) -> list[Curve]:
    """The curves of all good readings; none unless every one has enough points to say something."""
    curves = [run.progress for run in experiment.readings if run.failure is None]
    return curves if all(len(curve) >= FEWEST_POINTS for curve in curves) else []


def _badness(value: float, kept: Curves) -> float:
    return value if kept.direction is Direction.minimize else -value


def _limit(curve: Curve, step: float, kept: Curves) -> float | None:
    """The badness above which a run is hopeless at `step` beside one curve; None where the curve does not reach."""
    here, before = _at(curve, step), _at(curve, max(curve[0][0], step / 2))
    if here is None or before is None:
        return None
    values = [value for _, value in curve]
    way = max(values) - min(values)
    margin = _UNKNOWN_SAFETY * way if kept.sigma is None else _SIGMAS * kept.sigma + _SAFETY * way
    return max(_badness(here, kept), _badness(before, kept)) + margin


def _at(curve: Curve, step: float) -> float | None:
    """The curve's value at `step`, between its points on a straight line; None outside of them."""
    if not curve[0][0] <= step <= curve[-1][0]:
        return None
    after = min(bisect_right(curve, step, key=lambda point: point[0]), len(curve) - 1)
    (left, low), (right, high) = curve[after - 1], curve[after]
    return low if right == left else low + (high - low) * (step - left) / (right - left)


def _scatter(families: Sequence[Sequence[Curve]]) -> float | None:
    """Standard deviation of one curve from successive readings of the same candidate, over all steps that both have."""
    squares = []
    for family in families:
        for first, second in pairwise(family):
            both = ((value, _at(second, step)) for step, value in first)
            squares += [(value - other) ** 2 for value, other in both if other is not None]
    return math.sqrt(math.fsum(squares) / (2 * len(squares))) if squares else None
