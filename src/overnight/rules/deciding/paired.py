"""A candidate is read, and the best beside it, until it is likely enough to be better or not to be.

The best's present level and the challenger's difference from it are two independent normal beliefs; the readings of the
best inform the first, those of the challenger their sum (a Kalman filter with two states, without movement).
"""

import math

from overnight.model.experiment import Comparison, Outcome, Verdict
from overnight.model.state import Experiment, State
from overnight.model.step import Read
from overnight.rules.beliefs import PRIOR_SHIFT
from overnight.rules.decide import trust_of
from overnight.rules.deciding.greedy import Greedy
from overnight.rules.deciding.readings import (
    Settled,
    again,
    belief_of,
    beside,
    best_of,
    contract_of,
    evaluation_of,
    forbidden,
    noisy,
)  # fmt: skip
from overnight.rules.fold import mean_value
from overnight.rules.scale import scale_of
from overnight.rules.seeds import derive
from overnight.rules.statistics import normal_cdf

DROP = 0.60
KEEP = 0.80
MOST = 4
_TWO_SIDED = 1.96


class Paired(Settled):
    """Keeps at a probability of at least 0.80 of being better, with two readings; drops at 0.60 or less; at most 4."""

    def __init__(self) -> None:
        self._greedy = Greedy()

    def weigh(self, state: State, number: int) -> Verdict | Read:
        """The verdict, or the reading that it needs first."""
        stopped = forbidden(state, number)
        if stopped is not None:
            return stopped
        most = min(MOST, contract_of(state).keep.repeats[1])
        if state.sigma is None and len(state.experiments[number].readings) < min(2, most):
            return again(state, number)
        if not noisy(state):
            return self._greedy.compare(state, number)
        experiment, best = state.experiments[number], best_of(state)
        mean, variance = difference(state, experiment, best)
        chance = normal_cdf(mean / math.sqrt(variance)) if variance > 0 else float(mean > 0)
        readings = len(experiment.readings)
        if chance <= DROP or (readings >= most and chance < KEEP):
            return _verdict(state, experiment, best, chance, (mean, variance))
        if chance >= KEEP and readings >= min(2, most):
            missing = beside(state, number)
            return missing or _verdict(state, experiment, best, chance, (mean, variance))
        return self._next(state, experiment, best)

    def _next(self, state: State, experiment: Experiment, best: Experiment) -> Read:
        """Whichever of the two is known worse; a best that was read beside this challenger already gives way."""
        sigma = state.sigma or 0.0
        own = sigma * sigma / len(experiment.readings)
        if belief_of(best).variance > own:
            run = len(best.readings)
            purpose = f"beside-{experiment.number}"
            return Read(number=best.number, seed=derive(state.seed, best.number, purpose, run), why=purpose)
        return again(state, experiment.number)


def difference(state: State, experiment: Experiment, best: Experiment) -> tuple[float, float]:
    """(mean, variance) of the true difference between challenger and best, on the working scale."""
    scale, sigma, level = scale_of(contract_of(state)), state.sigma or 0.0, belief_of(best)
    scores = [score for run in experiment.readings if (score := scale.score(run.values)) is not None]
    seen = sum(scores) / len(scores) - level.mean
    doubt = sigma * sigma / len(scores) + level.variance
    spread = state.spread or 2 * sigma
    prior = spread * spread
    total = prior + doubt
    if total <= 0:
        return seen, 0.0
    share = prior / total
    expected = -PRIOR_SHIFT * spread
    return expected + share * (seen - expected), prior * (1 - share)


def _verdict(
    state: State, experiment: Experiment, best: Experiment, chance: float, belief: tuple[float, float]
) -> Verdict:
    contract, scale, level = contract_of(state), scale_of(contract_of(state)), belief_of(best).mean
    mean, doubt = belief[0], _TWO_SIDED * math.sqrt(belief[1])
    gain = scale.gain(level, level + mean)
    evaluation = evaluation_of(experiment)
    least = contract.objective.min_effect
    enough = gain >= least or (gain > -least and experiment.loc < best.loc)
    promote = chance >= KEEP and enough
    count = f"{len(experiment.readings)} reading{'s' if len(experiment.readings) > 1 else ''}"
    sure = f"better than #{best.number} with probability {chance:.2f} after {count}"
    reason = sure if promote or chance < KEEP else f"{sure}, but by less than {least:g}"
    return Verdict(
        outcome=Outcome.keep if promote else Outcome.discard,
        reason=reason,
        value=mean_value(evaluation.runs, contract.objective.metric),
        comparison=Comparison(
            gain=gain,
            adjusted=gain,
            low=scale.gain(level, level + mean - doubt),
            high=scale.gain(level, level + mean + doubt),
            runs=len(experiment.readings),
        ),
        trust=trust_of(evaluation),
        promote=promote,
    )
