"""Whether a number came back when the same tree was measured once more with the same seed by the same judge."""

import math
from enum import StrEnum

from overnight.model.experiment import Measurement
from overnight.model.state import Experiment, State
from overnight.model.value import Value, lookup
from overnight.rules.words import one_line

_TWO_SIDED = 1.96


class Return(StrEnum):
    """How a reading compares with the one it repeats."""

    exactly = "exactly"
    within_noise = "within noise"
    no = "no"
    unknown = "unknown"


class Replayed(Value, frozen=True, kw_only=True):
    """A reading taken again. `recorded` and `fresh` are values of the metric, None where that run failed.

    `difference` is fresh minus recorded, in the metric's unit; `allowed` how far two readings of the same code lie
    apart in 19 of 20 cases, None while the noise is unknown.
    """

    number: int
    reading: int
    recorded: float | None
    fresh: float | None
    difference: float | None
    allowed: float | None
    came_back: Return
    failure: str = ""
    tampering: tuple[str, ...] = ()


def source_of(state: State, number: int) -> Experiment:
    """The experiment whose readings count for `number`: itself, or the one that it repeats."""
    one = state.experiments[number]
    return one if one.readings or one.same_as is None else state.experiments[one.same_as]


def compare(state: State, number: int, reading: int, fresh: Measurement) -> Replayed:
    """`fresh` beside the recorded reading of experiment `number`, by the noise that is known of the metric."""
    assert state.contract is not None  # noqa: S101 - what was read was read under a contract
    recorded = source_of(state, number).readings[reading]
    metric = state.contract.objective.metric
    old, new = lookup(recorded.values, metric), lookup(fresh.values, metric)
    sigma = next((noise.sigma for noise in state.noise if noise.metric == metric), None)
    allowed = None if sigma is None else _TWO_SIDED * math.sqrt(2) * sigma
    difference = None if old is None or new is None else new - old
    failure = fresh.failure
    return Replayed(
        number=number,
        reading=reading,
        recorded=old,
        fresh=new,
        difference=difference,
        allowed=allowed,
        came_back=_returned(recorded, fresh, difference, allowed),
        failure="" if failure is None else f"{failure.code}: {one_line(failure.detail, 300)}",
        tampering=fresh.tampering,
    )


def _returned(recorded: Measurement, fresh: Measurement, difference: float | None, allowed: float | None) -> Return:
    if recorded.failure is not None or fresh.failure is not None or difference is None:
        codes = [run.failure.code if run.failure is not None else "" for run in (recorded, fresh)]
        return Return.exactly if codes[0] and codes[0] == codes[1] else Return.no
    if difference == 0:
        return Return.exactly
    if allowed is None:
        return Return.unknown
    return Return.within_noise if abs(difference) <= allowed else Return.no
