"""Every single keep is sure: pairs of fresh readings until the evidence that the candidate is better is 1 / alpha.

The evidence is an e-value, so that looking after every pair is allowed (Grünwald, de Heide & Koolen, Safe testing,
2024). The reading that chose the candidate never enters.
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
    best_of,
    contract_of,
    evaluation_of,
    forbidden,
    noisy,
)  # fmt: skip
from overnight.rules.fold import mean_value
from overnight.rules.scale import Scale, scale_of
from overnight.rules.seeds import derive
from overnight.rules.statistics import e_value, normal_cdf

PRIOR_SIGMAS = 2.0
FUTILE = 0.60
MOST = 8
_TWO_SIDED = 1.96


class Evidence(Settled):
    """Keeps at an e-value of 1 / alpha, gives up when being better is improbable or after eight pairs."""

    def __init__(self) -> None:
        self._greedy = Greedy()

    def weigh(self, state: State, number: int) -> Verdict | Read:
        """The verdict, or the reading that it needs first; the order within pairs alternates."""
        stopped = forbidden(state, number)
        if stopped is not None:
            return stopped
        experiment, best = state.experiments[number], best_of(state)
        if state.sigma is None and len(experiment.readings) < min(2, contract_of(state).keep.repeats[1]):
            return again(state, number)
        if not noisy(state):
            return self._greedy.compare(state, number)
        return self._compare(state, experiment, best)

    def _compare(self, state: State, experiment: Experiment, best: Experiment) -> Verdict | Read:
        if belief_of(experiment).mean <= belief_of(best).mean:
            return _verdict(state, experiment, best, (), "behind the best at first sight")
        paired = {_seed(state, experiment.number, index) for index in range(MOST)}
        alone = sum(run.seed not in paired for run in experiment.readings)
        most = min(MOST, contract_of(state).keep.repeats[1] - alone)
        if most < 1:
            return _verdict(state, experiment, best, (), "keep.repeats allows no reading beside the best")
        missing = _unpaired(state, experiment, best)
        if missing is not None:
            return missing
        pairs = differences(state, experiment, best)
        value, chance = evidence(state, pairs)
        needed = 1 / contract_of(state).keep.alpha
        said = f"evidence {value:.3g} of {needed:.3g} after {len(pairs)} pair{'s' if len(pairs) > 1 else ''}"
        # A pair with a failed reading says nothing, but it was taken: the next one has a seed of its own.
        taken = _taken(state, experiment, best)
        if not pairs or value >= needed or chance <= FUTILE or taken >= most:
            return _verdict(state, experiment, best, pairs, said, sure=bool(pairs) and value >= needed)
        return _pair(state, experiment.number, best.number, taken)[0]


def differences(state: State, experiment: Experiment, best: Experiment) -> tuple[float, ...]:
    """Challenger minus best of each complete pair, on the working scale; a failed reading leaves its pair out."""
    scale = scale_of(contract_of(state))
    found = []
    for index in range(MOST):
        seed = _seed(state, experiment.number, index)
        scores = [_score(scale, item, seed) for item in (experiment, best)]
        if scores[0] is not None and scores[1] is not None:
            found.append(scores[0] - scores[1])
    return tuple(found)


def _taken(state: State, experiment: Experiment, best: Experiment) -> int:
    """How many pairs were read, with or without a number."""
    seeds = [{run.seed for run in item.readings} for item in (experiment, best)]
    return sum(all(_seed(state, experiment.number, index) in known for known in seeds) for index in range(MOST))


def evidence(state: State, pairs: tuple[float, ...]) -> tuple[float, float]:
    """(e-value that the difference is positive, probability that it is) of paired differences."""
    if not pairs:
        return 1.0, 0.5
    sigma = state.sigma or 0.0
    deviation = sigma * math.sqrt(2 / len(pairs))
    mean = sum(pairs) / len(pairs)
    if deviation <= 0:
        return (math.inf, 1.0) if mean > 0 else (0.0, 0.0)
    prior = PRIOR_SIGMAS * sigma
    value = e_value(mean / deviation, deviation, prior)
    spread = state.spread or prior
    weight = spread**2 / (spread**2 + deviation**2)
    centre = -PRIOR_SHIFT * spread + weight * (mean + PRIOR_SHIFT * spread)
    chance = normal_cdf(centre / math.sqrt(weight * deviation**2)) if weight > 0 else 0.5
    return value, chance


def _seed(state: State, number: int, index: int) -> int:
    return derive(state.seed, "pair", number, index)


def _pair(state: State, number: int, best: int, index: int) -> tuple[Read, Read]:
    seed = _seed(state, number, index)
    ours, theirs = Read(number=number, seed=seed, why="pair"), Read(number=best, seed=seed, why=f"pair-{number}")
    return (ours, theirs) if index % 2 == 0 else (theirs, ours)


def _unpaired(state: State, experiment: Experiment, best: Experiment) -> Read | None:
    """The reading that completes a pair of which one half was taken, or the first pair's first reading."""
    for index in range(MOST):
        seed = _seed(state, experiment.number, index)
        pair = _pair(state, experiment.number, best.number, index)
        taken = [any(run.seed == seed for run in state.experiments[read.number].readings) for read in pair]
        if taken == [True, True]:
            continue
        if any(taken) or index == 0:
            return pair[1] if taken[0] else pair[0]
        return None
    return None


def _score(scale: Scale, experiment: Experiment, seed: int) -> float | None:
    run = next((run for run in experiment.readings if run.seed == seed and run.failure is None), None)
    return scale.score(run.values) if run else None


def _verdict(  # noqa: PLR0913 - each says one thing of the verdict
    state: State, experiment: Experiment, best: Experiment, pairs: tuple[float, ...], said: str, *, sure: bool = False
) -> Verdict:
    contract, scale, level = contract_of(state), scale_of(contract_of(state)), belief_of(best).mean
    evaluation = evaluation_of(experiment)
    comparison = None
    gain = scale.gain(level, belief_of(experiment).mean)
    if pairs:
        mean = sum(pairs) / len(pairs)
        doubt = _TWO_SIDED * (state.sigma or 0.0) * math.sqrt(2 / len(pairs))
        gain = scale.gain(level, level + mean)
        low, high = scale.gain(level, level + mean - doubt), scale.gain(level, level + mean + doubt)
        comparison = Comparison(gain=gain, adjusted=gain, low=low, high=high, runs=len(pairs))
    promote = sure and gain >= contract.objective.min_effect
    return Verdict(
        outcome=Outcome.keep if promote else Outcome.discard,
        reason=f"{'better than' if promote else 'not surely better than'} #{best.number}: {said}",
        value=mean_value(evaluation.runs, contract.objective.metric),
        comparison=comparison or Comparison(gain=gain, adjusted=gain, runs=len(experiment.readings)),
        trust=trust_of(evaluation),
        promote=promote,
    )
