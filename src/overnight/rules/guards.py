"""Hard limits: what a candidate's numbers must satisfy before they are compared."""

import math
from collections.abc import Iterator, Sequence

from overnight.model.contract import Contract, Direction, Guard
from overnight.model.experiment import Failure, Measurement, Noise
from overnight.model.value import Pairs, lookup

_DOUBT = 2.0
"""Standard errors by which a limit must be missed or kept before a mean is believed."""


def broken(contract: Contract, values: Pairs, best: Pairs | None) -> Failure | None:
    """The first bound or guard that `values` break, or None.

    `best` are the values of the best so far, for relative guards; None while there is no best (the baseline).
    """
    metric = contract.objective.metric
    number = lookup(values, metric)
    if number is None:
        return Failure(code="no-metric", detail=f"{metric} was not measured")
    if contract.objective.bounds is not None:
        low, high = contract.objective.bounds
        if not low <= number <= high:
            return Failure(code="bounds", detail=f"{metric} {number:g} is outside the plausible [{low:g}, {high:g}]")
    for index, guard in enumerate(contract.guards):
        if guard.metric:
            reason = _breaks(contract, guard, values, best)
            if reason:
                remedy = "" if best is not None else f". {_remedy(index, guard, number=lookup(values, guard.metric))}"
                return Failure(code="guard", detail=reason + remedy)
    return None


def _remedy(index: int, guard: Guard, number: float | None) -> str:
    """What to write where the unchanged code itself does not satisfy a guard."""
    if number is None:
        printed = f"let the command that prints the numbers print a line `{guard.metric}: NUMBER` too"
        return f"This is guards[{index}] in program.md: {printed}, correct its `metric`, or remove the guard"
    limit = "min" if guard.min is not None and number < guard.min else "max"
    return f"This is guards[{index}] in program.md: write a `{limit}` that {number:g} satisfies, or remove the guard"


def has_relative(contract: Contract) -> bool:
    """Whether some guard compares with the best so far."""
    return any(guard.max_regress is not None for guard in contract.guards)


def unsure(
    contract: Contract,
    readings: Sequence[Measurement],
    noise: Sequence[Noise],
    best: Pairs | None,
    *,
    best_readings: int = 1,
) -> bool:
    """Whether a candidate has to be read again before its guards are decided: `doubtful`, and the contract allows it.

    At `keep.repeats[1]` readings the mean decides.
    """
    allowed = len(readings) < contract.keep.repeats[1]
    return allowed and doubtful(contract, readings, noise, best, best_readings=best_readings)


def doubtful(
    contract: Contract,
    readings: Sequence[Measurement],
    noise: Sequence[Noise],
    best: Pairs | None,
    *,
    best_readings: int = 1,
) -> bool:
    """Whether a guard is broken or held by less than its metric's noise: two standard errors of the mean.

    `readings` are the candidate's so far, `noise` that of one reading, `best` the mean of `best_readings` readings of
    the best (None while there is none). A metric whose noise is not known is in doubt when readings lie on both sides.
    """
    if not contract.guards:
        return False
    good = [run.values for run in readings if run.failure is None]
    sigmas = {known.metric: known.sigma for known in noise}
    return any(
        _near(values, limit, sigmas.get(guard.metric), share * share / best_readings)
        for guard in contract.guards
        if (values := [number for run in good if (number := lookup(run, guard.metric)) is not None])
        for limit, share in _limits(contract, guard, best)
    )


def _near(values: Sequence[float], limit: float, sigma: float | None, share: float) -> bool:
    """Whether the mean lies too near the limit, in which there are `share` variances of one reading."""
    if sigma is None:
        return min(values) <= limit <= max(values) and min(values) < max(values)
    mean = math.fsum(values) / len(values)
    return abs(mean - limit) < _DOUBT * sigma * math.sqrt(1 / len(values) + share)


def disagreement(contract: Contract, readings: Sequence[Measurement], best: Pairs | None) -> str:
    """What to add to a reason where some readings of a candidate hold a guard and others break it; "" = they agree."""
    good = [run.values for run in readings if run.failure is None]
    for guard in contract.guards:
        values = [number for run in good if (number := lookup(run, guard.metric)) is not None]
        broke = sum(bool(_breaks(contract, guard, run, best)) for run in good if lookup(run, guard.metric) is not None)
        if 0 < broke < len(values):
            mean = math.fsum(values) / len(values)
            shown = f"{guard.metric} broke its guard in {broke} of {len(values)} readings"
            return f"{shown}; their mean {mean:.6g} decides"
    failed = sum(run.failure is not None and run.failure.code == "guard" for run in readings)
    if 0 < failed < len(readings):
        return f"a command that guards it failed in {failed} of {len(readings)} readings; one failure is enough"
    return ""


def _limits(contract: Contract, guard: Guard, best: Pairs | None) -> Iterator[tuple[float, float]]:
    """(limit, how much of the best's own noise is in it) of each limit of a guard."""
    for limit in (guard.min, guard.max):
        if limit is not None:
            yield limit, 0.0
    reference = None if best is None else lookup(best, guard.metric)
    if guard.max_regress is not None and reference is not None:
        way = guard.max_regress if _more_is_worse(contract, guard) else -guard.max_regress
        yield reference + way * abs(reference), 1 + math.copysign(way, way * reference)


def _more_is_worse(contract: Contract, guard: Guard) -> bool:
    own = guard.metric == contract.objective.metric
    return (contract.objective.direction if own else guard.direction) is Direction.minimize


def _breaks(contract: Contract, guard: Guard, values: Pairs, best: Pairs | None) -> str:
    number = lookup(values, guard.metric)
    if number is None:
        return f"the guard's metric {guard.metric} was not printed by the judge"
    if guard.min is not None and number < guard.min:
        return f"{guard.metric} {number:g} is below the guard's minimum {guard.min:g}"
    if guard.max is not None and number > guard.max:
        return f"{guard.metric} {number:g} is above the guard's maximum {guard.max:g}"
    return "" if guard.max_regress is None or best is None else _regressed(contract, guard, number, best)


def _regressed(contract: Contract, guard: Guard, number: float, best: Pairs) -> str:
    reference = lookup(best, guard.metric)
    if reference is None:
        return f"the best so far has no {guard.metric} to compare with"
    regress = (number - reference) if _more_is_worse(contract, guard) else (reference - number)
    fraction = guard.max_regress or 0.0
    if regress > fraction * abs(reference):
        allowed = f"{100 * fraction:.3g} % of the best's {reference:g}"
        return f"{guard.metric} {number:g} is worse than the best by more than {allowed}"
    return ""
