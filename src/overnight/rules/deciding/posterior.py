"""The best is what all readings together say: a candidate is published once it leads by more than its own doubt.

Re-reading may show that the best was lucky; then an older one is the best again. That is evidence, not a step back.
"""

import math

from msgspec.structs import replace

from overnight.model.experiment import Comparison, Outcome, Verdict
from overnight.model.state import Experiment, State
from overnight.model.step import Publish, Read
from overnight.rules.decide import trust_of
from overnight.rules.deciding.greedy import Greedy
from overnight.rules.deciding.readings import (
    again,
    belief_of,
    beside,
    best_of,
    contract_of,
    evaluation_of,
    forbidden,
    noisy,
    within_guards,
)  # fmt: skip
from overnight.rules.fold import mean_value
from overnight.rules.guards import has_relative
from overnight.rules.scale import scale_of

FINALISTS = 6
FEW_FINALISTS = 3
SHORT = 200
"""Nights of fewer experiments spend half as much on their end."""
_TWO_SIDED = 1.96


class Posterior:
    """Publishes the node with the largest mean minus one standard deviation among those read at least twice."""

    def __init__(self) -> None:
        self._greedy = Greedy()

    def weigh(self, state: State, number: int) -> Verdict | Read:
        """The verdict of the first reading; a lead that is not yet sure is inconclusive, not kept."""
        stopped = forbidden(state, number)
        if stopped is not None:
            return stopped
        experiment, best = state.experiments[number], best_of(state)
        ahead = belief_of(experiment).mean > belief_of(best).mean
        may = len(experiment.readings) < min(2, contract_of(state).keep.repeats[1])
        if may and ahead and state.sigma is None:
            return again(state, number)
        if not noisy(state):
            return self._exact(state, number)
        if may and (_comparison(state, best, experiment).low or 0.0) > 0:
            # Hardly chance: a second reading now, so that it is the best at once and not when the search comes back.
            return again(state, number)
        missing = beside(state, number) if ahead and has_relative(contract_of(state)) else None
        return missing or self._verdict(state, experiment, best)

    def publish(self, state: State) -> Publish | None:
        """The node that is the best by now, if it is another one."""
        best = state.best
        if best is None or not noisy(state):
            return None
        leaders = [state.experiments[number] for number in state.frontier]
        proved = [
            item
            for item in leaders
            if len(item.readings) > 1 and _wins(state, item, best) and within_guards(state, item)
        ]
        if not proved:
            return None
        new = max(proved, key=lambda item: (_sure(item), -item.number))
        back = new.number in (0, *state.kept)
        change = _amount(state, abs(_gain(state, best, new)))
        if back:
            older = f"#{new.number}" if new.number else "the unchanged code"
            return Publish(
                number=new.number,
                reason=f"#{best.number} was lucky: re-reading has put {older} back, which is better by {change}",
            )
        return Publish(
            number=new.number,
            reason=f"better than #{best.number} by {change}, as {len(new.readings)} readings say",
        )

    def closing(self, state: State) -> Read | None:
        """The least-read of the best three, six times (three in a short night), once nothing more is asked for."""
        limit = FINALISTS if len(state.experiments) >= SHORT else FEW_FINALISTS
        if not noisy(state) or state.finalists >= limit or len(state.frontier) < 2:
            return None
        least = min(state.frontier[:3], key=lambda number: len(state.experiments[number].readings))
        return again(state, least, "finalist")

    def _exact(self, state: State, number: int) -> Verdict | Read:
        """Without noise the first number decides, but for what the choice of examples alone may do."""
        verdict = self._greedy.compare(state, number)
        if isinstance(verdict, Read) or not verdict.promote or not state.split_error:
            return verdict
        if state.leads(state.experiments[number]):
            return verdict
        reason = f"{verdict.reason}, which the choice of examples alone may do"
        return replace(verdict, outcome=Outcome.inconclusive, reason=reason, promote=False)

    def _verdict(self, state: State, experiment: Experiment, best: Experiment) -> Verdict:
        contract = contract_of(state)
        evaluation = evaluation_of(experiment)
        gain = _gain(state, best, experiment)
        comparison = _comparison(state, best, experiment)
        promote = len(experiment.readings) > 1 and _wins(state, experiment, best)
        amount = _amount(state, abs(gain))
        if promote:
            outcome, reason = Outcome.keep, f"better than #{best.number} by {amount}"
        elif gain > 0:
            doubt = _amount(state, abs((comparison.high or 0.0) - (comparison.low or 0.0)) / 2)
            outcome = Outcome.inconclusive
            reason = f"ahead of #{best.number} by {amount}, give or take {doubt}: not sure yet"
        else:
            outcome, reason = Outcome.discard, f"behind #{best.number} by {amount}, all readings together"
        return Verdict(
            outcome=outcome,
            reason=reason,
            value=mean_value(evaluation.runs, contract.objective.metric),
            comparison=comparison,
            trust=trust_of(evaluation),
            promote=promote,
        )


def _sure(experiment: Experiment) -> float:
    belief = belief_of(experiment)
    return belief.mean - math.sqrt(belief.variance)


def _wins(state: State, new: Experiment, best: Experiment) -> bool:
    """Whether `new` takes the place of `best`: surer, higher in mean, by `min_effect` or in fewer lines."""
    if new.number == best.number or not new.usable:
        return False
    if not best.usable:
        return True
    if not state.leads(new):
        return False
    gain = _gain(state, best, new)
    if gain <= 0 or _sure(new) <= _sure(best):
        return False
    return gain >= contract_of(state).objective.min_effect or new.loc < best.loc


def _gain(state: State, old: Experiment, new: Experiment) -> float:
    return scale_of(contract_of(state)).gain(belief_of(old).mean, belief_of(new).mean)


def _comparison(state: State, old: Experiment, new: Experiment) -> Comparison:
    scale, before, after = scale_of(contract_of(state)), belief_of(old), belief_of(new)
    doubt = _TWO_SIDED * math.sqrt(before.variance + after.variance)
    gain = scale.gain(before.mean, after.mean)
    return Comparison(
        gain=gain,
        adjusted=gain,
        low=scale.gain(before.mean, after.mean - doubt),
        high=scale.gain(before.mean, after.mean + doubt),
        runs=len(new.readings),
    )


def _amount(state: State, number: float) -> str:
    unit = contract_of(state).objective.unit
    return f"{number:.4g} {unit}".strip()
