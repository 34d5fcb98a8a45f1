"""A certificate in words, for the screen."""

from collections.abc import Iterator

from overnight.model.event import Certificate
from overnight.model.experiment import Certified
from overnight.model.state import State
from overnight.report.summary import percentage
from overnight.report.text import amount, figure, one_line, percent, plural

_WHERE = {
    Certified.no: "not certified",
    Certified.yes: "certified on fresh seeds",
    Certified.holdout: "certified on the holdout",
}


def certificate_lines(state: State, found: Certificate) -> list[str]:
    """What `certify` prints: the gain with its interval, then what is lost without each change."""
    return list(_lines(state, found))


def between(low: float | None, high: float | None) -> str:
    """An interval in brackets, with a space before it; "" where there is none."""
    return "" if low is None or high is None else f" ({figure(low, 3)} to {figure(high, 3)})"


def _lines(state: State, found: Certificate) -> Iterator[str]:
    assert state.contract is not None  # noqa: S101 - what is certified was read under a contract
    objective = state.contract.objective
    unit = objective.unit
    setting = ", ".join(f"{name}={value}" for name, value in found.setting)
    under = f" with {one_line(setting, 200)}" if setting else ""
    if found.gain is None or found.baseline is None or found.best is None:
        yield f"#{found.number}{under}: not certified. {one_line(found.note, 400)}"
        return
    share = percentage(found.gain, found.baseline)
    relative = f", {percent(share)}" if share is not None else ""
    better = "better" if found.gain >= 0 else "worse"
    left = f" without {_named(found.dropped)}" if found.dropped else ""
    yield (
        f"#{found.number}{left}{under}: {one_line(objective.metric, 40)} is {better} by "
        f"{amount(abs(found.gain), unit, 4)}{between(found.low, found.high)}{relative}: {_WHERE[found.level]}"
    )
    pairs = plural(found.runs, "pair")
    yield f"  {amount(found.baseline, unit, 6)} -> {amount(found.best, unit, 6)}, {pairs} of readings"
    if found.level is Certified.no:
        yield f"  {_why_not(state, found)}"
    if found.note:
        yield f"  {one_line(found.note, 400)}"
    yield from _effects(found, unit)


def _why_not(state: State, found: Certificate) -> str:
    assert state.contract is not None  # noqa: S101 - as above
    least = state.contract.objective.min_effect
    need = f"min_effect, {figure(least, 3)}" if least else "0"
    if found.low is not None:
        return f"The interval reaches down to {figure(found.low, 3)}, which is not above {need}: this may be chance."
    return f"That is less than {need}."


def _effects(found: Certificate, unit: str) -> Iterator[str]:
    if not found.effects and not found.kept:
        return
    ranked = sorted(found.effects, key=lambda effect: -(effect.loss or 0.0))
    for effect in ranked:
        mark = "left out" if effect.number in found.dropped else "needed" if effect.loss else "stays"
        if effect.entangled:
            yield f"  #{effect.number} stays: later changes stand on it, so that it cannot be taken out alone"
        elif effect.loss is not None:
            lost = f"{amount(effect.loss, unit, 3)}{between(effect.low, effect.high)}"
            yield f"  #{effect.number} {mark}: without it {lost} is lost"


def _named(numbers: tuple[int, ...]) -> str:
    return ", ".join(f"#{number}" for number in numbers)
