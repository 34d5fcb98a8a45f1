"""Hard limits: what a candidate's numbers must satisfy before they are compared."""

from overnight.model.contract import Contract, Direction, Guard
from overnight.model.experiment import Failure
from overnight.model.value import Pairs, lookup


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
    more_is_worse = guard.direction is Direction.minimize
    if guard.metric == contract.objective.metric:
        more_is_worse = contract.objective.direction is Direction.minimize
    regress = (number - reference) if more_is_worse else (reference - number)
    fraction = guard.max_regress or 0.0
    if regress > fraction * abs(reference):
        allowed = f"{100 * fraction:.3g} % of the best's {reference:g}"
        return f"{guard.metric} {number:g} is worse than the best by more than {allowed}"
    return ""
