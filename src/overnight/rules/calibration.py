"""What the readings so far say about the night: noise, the smallest gain that can be seen, how much fits in.

Everything is recomputed from the state, so that each re-reading makes it better. What is wrong with the readings is
said by `overnight.rules.concerns`.
"""

import math
from collections.abc import Sequence

from overnight.model.contract import Contract, Keep
from overnight.model.experiment import Measurement, Noise, Outcome
from overnight.model.state import Experiment, State
from overnight.model.value import Value, lookup
from overnight.rules.statistics import night_alpha, student_quantile, successive_dof

NIGHT_SECONDS = 8 * 3600.0
RECENT = 50
ONE_READING = ("ratchet",)
"""Policies that never read a candidate again of their own accord."""
MOST_PAIRS = 50
_TWO_SIDED = 1.96
_SHORT = 200
_USUAL_READINGS = 1.5
_ENOUGH_EXPERIMENTS = 10


class Forecast(Value, frozen=True, kw_only=True):
    """How many `experiments` fit into `night_seconds`; None while no measurement has been timed.

    One takes `agent_seconds` (None = not known yet, counted as 0) and `readings` measurements of `seconds` each;
    `certify_seconds` at the end are kept for certification.
    """

    seconds: float | None
    night_seconds: float
    experiments: int | None
    readings: float
    agent_seconds: float | None
    certify_seconds: float | None


class Calibration(Value, frozen=True, kw_only=True):
    """Noise and what it hides, in the metric's unit; None = not known: one reading says nothing about noise.

    `noise` is that of each metric that was read twice, `sigma` the objective's. The smallest gain that can be told from
    noise (5 % two-sided) is `single` with `keep.repeats[0]` readings of each of two candidates, `repeated` with as many
    as the policy may take, and `certified` with the fresh pairs of certification, at its alpha.
    """

    noise: tuple[Noise, ...]
    sigma: float | None
    single: float | None
    repeated: float | None
    certified: float | None
    forecast: Forecast


def calibrate(state: State, night: float | None = None) -> Calibration:
    """The calibration of an opened segment; `night` in seconds, None = the contract's, or eight hours."""
    contract = state.contract
    if contract is None:
        raise ValueError("a segment that was never opened has no calibration")
    known = known_noise(state, contract)
    forecast = foretell(state, contract, night or contract.stop.wall or NIGHT_SECONDS)
    if known is None:
        return Calibration(
            noise=state.noise, sigma=None, single=None, repeated=None, certified=None, forecast=forecast
        )  # fmt: skip
    keep = contract.keep
    return Calibration(
        noise=state.noise,
        sigma=known.sigma,
        single=_visible(known.sigma, keep.repeats[0]),
        repeated=_visible(known.sigma, most_readings(keep)),
        certified=certifiable(known, max(1, keep.pairs), certificate_alpha(state, contract), state.split_error),
        forecast=forecast,
    )


def known_noise(state: State, contract: Contract) -> Noise | None:
    """The objective's noise, None while nothing was read twice."""
    return next((one for one in state.noise if one.metric == contract.objective.metric), None)


def certificate_alpha(state: State, contract: Contract) -> float:
    """The error rate of the next certificate: it shrinks with each that reads the same holdout."""
    if contract.holdout is None or not contract.holdout.certify:
        return contract.keep.alpha
    return night_alpha(contract.keep.alpha, 1 + state.counts.certificates)


def observed(contract: Contract, readings: Sequence[Measurement]) -> State:
    """A state of which nothing is known but readings of the unchanged code, for who looks before a study begins."""
    good = tuple(run for run in readings if run.failure is None)
    values = [value for run in good if (value := lookup(run.values, contract.objective.metric)) is not None]
    value = math.fsum(values) / len(values) if values else None
    unchanged = Experiment(number=0, parent=0, readings=good, value=value, outcome=Outcome.baseline)
    return State(contract=contract, experiments=(unchanged,), noise=noise_in(good))


def noise_in(readings: Sequence[Measurement]) -> tuple[Noise, ...]:
    """The noise of each metric in readings of one thing, from successive differences (von Neumann 1941)."""
    squares: dict[str, list[float]] = {}
    last: dict[str, float] = {}
    for run in readings:
        for name, value in run.values:
            if name in last:
                squares.setdefault(name, []).append((value - last[name]) ** 2)
            last[name] = value
    return tuple(
        Noise(metric=name, sigma=math.sqrt(math.fsum(found) / (2 * len(found))), pairs=len(found))
        for name, found in squares.items()
    )


def most_readings(keep: Keep) -> int:
    """How many readings a policy may take of one candidate before its verdict."""
    return keep.repeats[0] if keep.policy in ONE_READING else max(keep.repeats)


def readings_needed(sigma: float, effect: float) -> int:
    """Readings of each of two candidates with which a gain of `effect` > 0 can be told from noise, 5 % two-sided."""
    return max(1, math.ceil(2 * (_TWO_SIDED * sigma / effect) ** 2))


def pairs_needed(known: Noise, alpha: float, split_error: float, effect: float) -> int | None:
    """Fresh pairs with which certification sees a gain of `effect`; None when a reasonable number does not do."""
    return next(
        (pairs for pairs in range(1, MOST_PAIRS + 1) if certifiable(known, pairs, alpha, split_error) <= effect),
        None,
    )


def certifiable(known: Noise, pairs: int, alpha: float, split_error: float) -> float:
    """Half the width of certification's interval; noise will be known at least as well as from its own pairs."""
    dof = max(1.0, successive_dof(known.pairs), float(pairs))
    return student_quantile(1 - alpha / 2, dof) * math.sqrt(2 * known.sigma**2 / pairs + split_error**2)


def foretell(state: State, contract: Contract, night: float) -> Forecast:
    """How many experiments fit into `night` seconds, re-readings and certification included."""
    seconds = _seconds(state)
    if seconds is None:
        return Forecast(
            seconds=None, night_seconds=night, experiments=None, readings=_readings(state, contract),
            agent_seconds=None, certify_seconds=None,
        )  # fmt: skip
    readings, agent = _readings(state, contract), _agent_seconds(state)
    each = max(0.01, readings * seconds + (agent or 0.0))
    certify = _certify_readings(state, contract, night / each) * _certify_each(state, seconds)
    return Forecast(
        seconds=seconds,
        night_seconds=night,
        experiments=max(0, int((night - certify) / each)),
        readings=readings,
        agent_seconds=agent,
        certify_seconds=certify,
    )


def _visible(sigma: float, readings: int) -> float:
    return _TWO_SIDED * math.sqrt(2 / readings) * sigma


def _seconds(state: State) -> float | None:
    """Mean length of the latest successful search readings, the baseline's while there are few others."""
    recent = [run.seconds for item in state.experiments[1:][-RECENT:] for run in item.readings if run.failure is None]
    if len(recent) < 5 and state.experiments:
        recent += [run.seconds for run in state.experiments[0].readings if run.failure is None]
    return math.fsum(recent) / len(recent) if recent else None


def _agent_seconds(state: State) -> float | None:
    """Mean time of the latest experiments that no judge run took."""
    recent = [item for item in state.experiments[1:][-RECENT:] if item.outcome is not None]
    if not recent:
        return None
    spent = [item.seconds - math.fsum(run.seconds for run in (*item.readings, *item.holdout)) for item in recent]
    return max(0.0, math.fsum(spent) / len(spent))


def _readings(state: State, contract: Contract) -> float:
    """Measurements an experiment costs: as seen, or what the policy usually takes."""
    if state.counts.experiments >= _ENOUGH_EXPERIMENTS:
        return state.counts.evaluations / state.counts.experiments
    least = float(contract.keep.repeats[0])
    return max(least, _USUAL_READINGS) if _noisy(state, contract) and contract.keep.policy not in ONE_READING else least


def certify_pairs(state: State, contract: Contract) -> int:
    """Fresh pairs of a certificate: those of the contract, one on a holdout without noise, else none at all."""
    if _noisy(state, contract):
        return contract.keep.pairs
    return 1 if contract.holdout is not None and contract.holdout.certify else 0


def _certify_readings(state: State, contract: Contract, experiments: float) -> int:
    """Readings at the end of a night: finalists and pairs; fewer finalists in a short night, none without noise."""
    finalists = 0
    if _noisy(state, contract) and contract.keep.policy not in ONE_READING:
        finalists = 3 if experiments < _SHORT else 6
    return 2 * certify_pairs(state, contract) + finalists


def _noisy(state: State, contract: Contract) -> bool:
    """Noise that is not known counts as noise."""
    known = known_noise(state, contract)
    return known is None or known.sigma > 0


def _certify_each(state: State, seconds: float) -> float:
    """Length of a reading of certification: of those that were taken, else that of the search."""
    taken = [run.seconds for trial in state.trials for run in trial.runs if run.failure is None]
    held_out = state.experiments[0].holdout if state.experiments else ()
    taken += [run.seconds for run in held_out if run.failure is None and run.split == "certify"]
    return math.fsum(taken) / len(taken) if taken else seconds
