"""What readings say of candidates: normal beliefs, updated reading by reading, and the noise of the judge.

The best so far is never the luckiest number seen: a re-reading moves its belief like any other (conjugate updating of a
normal mean with known variance, e.g. Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.5).
"""

import math
from collections import deque
from statistics import median

from overnight.model.contract import Contract
from overnight.model.experiment import Belief, Measurement, Noise
from overnight.model.state import Experiment
from overnight.model.value import lookup
from overnight.rules.scale import scale_of

RECENT_MOVES = 60
PRIOR_SHIFT = 0.5
"""A child is expected this many spreads below its parent: most changes do not help."""
_MAD = 1.4826
_HUGE = 1e150


class Beliefs:
    """The part of a fold that knows about noise; advances by one successful search reading at a time."""

    def __init__(self, contract: Contract) -> None:
        self._scale = scale_of(contract)
        self._objective = contract.objective
        self._squares: dict[str, tuple[float, int]] = {}
        self._score_squares = 0.0
        self._score_pairs = 0
        self._moves: deque[float] = deque(maxlen=RECENT_MOVES)
        self._spread = 0.0
        self._noise: tuple[Noise, ...] = ()

    @property
    def sigma(self) -> float | None:
        """Standard deviation of one reading on the working scale; None before any candidate was read twice."""
        return math.sqrt(self._score_squares / (2 * self._score_pairs)) if self._score_pairs else None

    @property
    def spread(self) -> float:
        """Robust standard deviation of the recent differences between children and their parents, 0 without any."""
        return self._spread

    @property
    def noise(self) -> tuple[Noise, ...]:
        """The noise of each metric that was read twice, in its unit."""
        return self._noise

    def after(self, experiment: Experiment, parent: Belief | None, measurement: Measurement) -> Belief | None:
        """The belief in `experiment`, which holds its earlier readings, once `measurement` has been taken too."""
        score = self._scale.score(measurement.values)
        if measurement.failure is not None or score is None or self._implausible(measurement):
            return experiment.belief
        previous = next((run for run in reversed(experiment.readings) if run.failure is None), None)
        if previous is not None:
            self._compare(previous, measurement, score)
        if experiment.belief is not None:
            return self._updated(experiment.belief, score)
        if parent is None:
            return Belief(mean=score, variance=self._variance(score), seen=score, readings=1)
        self._moved(score - parent.mean)
        spread = self._spread or math.sqrt(self._variance(score))
        prior = Belief(mean=parent.mean - PRIOR_SHIFT * spread, variance=spread * spread + parent.variance)
        return self._updated(prior, score)

    def _implausible(self, measurement: Measurement) -> bool:
        value, bounds = lookup(measurement.values, self._objective.metric), self._objective.bounds
        return value is not None and bounds is not None and not bounds[0] <= value <= bounds[1]

    def _variance(self, score: float) -> float:
        """Of one reading. While no candidate was read twice it is a guess, on the large side of the smallest effect."""
        sigma = self.sigma
        if sigma is not None:
            return sigma * sigma
        guess = self._spread / 2 or (0.01 if self._scale.log else max(self._objective.min_effect, 0.01 * abs(score)))
        return guess * guess

    def _updated(self, belief: Belief, score: float) -> Belief:
        variance = self._variance(score)
        total = belief.variance + variance
        share = belief.variance / total if total > 0.0 else 1.0
        readings = belief.readings + 1
        return Belief(
            mean=belief.mean + share * (score - belief.mean) if share < 1.0 else score,
            variance=belief.variance * (1.0 - share),
            seen=belief.seen + (score - belief.seen) / readings,
            readings=readings,
        )

    def _moved(self, move: float) -> None:
        self._moves.append(move)
        middle = median(self._moves)
        self._spread = _MAD * median(abs(step - middle) for step in self._moves)
        if self._spread <= 0.0:
            # More than half of the changes changed nothing: the few that did say how far changes go.
            self._spread = math.sqrt(sum(step * step for step in self._moves) / len(self._moves))

    def _compare(self, previous: Measurement, measurement: Measurement, score: float) -> None:
        before = self._scale.score(previous.values)
        if before is not None:
            self._score_squares += _square(score - before)
            self._score_pairs += 1
        old = dict(previous.values)
        for name, value in measurement.values:
            if name in old:
                squares, pairs = self._squares.get(name, (0.0, 0))
                self._squares[name] = (squares + _square(value - old[name]), pairs + 1)
        self._noise = tuple(
            Noise(metric=name, sigma=math.sqrt(squares / (2 * pairs)), pairs=pairs)
            for name, (squares, pairs) in self._squares.items()
        )


def _square(difference: float) -> float:
    """Finite whatever was printed."""
    return min(abs(difference), _HUGE) ** 2
