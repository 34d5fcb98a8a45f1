"""Best first, with doubt: build on whichever of the leading candidates looks best in a random draw of its belief.

A candidate that is behind may so be built on (the search steps back), the more rarely the surer it is that it is behind
and the more often that was done. Thompson sampling over nodes of a tree (Thompson 1933; Russo et al., A tutorial on
Thompson sampling, 2018). Stepping back is worth most where the author of a change says that it is the first half of
something: such a change gets a few more asks although it is worse than its parent.
"""

import math
from itertools import islice
from random import Random

from overnight.model.experiment import Ask, Asking
from overnight.model.state import Experiment, State
from overnight.model.step import Again

LEADING = 8
LEADING_ON_EXAMPLES = 3
CHILD_COST = 0.2
"""Spreads by which the draw of a candidate falls with the root of the number of its children."""
CHILDREN_A_READING = 4
RECENT = 12
MOST_FOLLOWUPS = 4
FAR = 4.0
"""A first half may be this many spreads worse than its parent."""
PLATEAU = 20


class Tree:
    """The default search. Without noise it builds on the best, and on first halves."""

    def ask(self, state: State, rng: Random) -> Ask | Again:
        """What to build on, or which leading candidate to read again because much is being built on it."""
        unfinished = first_half(state)
        if unfinished is not None:
            return Ask(parent=unfinished.number, kind=Asking.follow_up)
        best = state.best
        if best is None or not state.frontier or state.sigma == 0.0:
            return Ask(parent=best.number if best else 0, kind=kind_of(state))
        leading = leaders(state)
        if not leading:
            return Ask(parent=best.number, kind=kind_of(state))
        chosen = max(leading, key=lambda item: _draw(item, state.spread, rng))
        if len(chosen.readings) < 1 + chosen.children // CHILDREN_A_READING:
            return Again(number=chosen.number)
        if chosen.number == best.number:
            return Ask(parent=chosen.number, kind=kind_of(state))
        return Ask(parent=chosen.number, kind=Asking.step_back)


def leaders(state: State) -> list[Experiment]:
    """The best of those that are ahead of what they were built on; few where examples alone can put one ahead."""
    ahead = (item for number in state.frontier if state.leads(item := state.experiments[number]))
    return list(islice(ahead, LEADING_ON_EXAMPLES if state.split_error else LEADING))


def first_half(state: State) -> Experiment | None:
    """The newest candidate that asks to be continued and may be: worse than its parent, but not by far."""
    for experiment in reversed(state.experiments[-RECENT:]):
        if not experiment.needs_followup or experiment.followups >= MOST_FOLLOWUPS:
            continue
        parent = state.experiments[experiment.parent]
        if not experiment.usable or experiment.belief is None or parent.belief is None:
            continue
        behind = parent.belief.mean - experiment.belief.mean
        if 0.0 < behind < FAR * state.spread:
            return experiment
    return None


def kind_of(state: State) -> Asking:
    """What to ask of a change of the best: on a plateau, now and then, something new or something simpler."""
    stuck, turn = divmod(state.since_keep, PLATEAU)
    if stuck and turn == 0:
        return Asking.scout
    return Asking.simplify if stuck and turn == PLATEAU // 2 else Asking.expand


def _draw(experiment: Experiment, spread: float, rng: Random) -> float:
    assert experiment.belief is not None  # noqa: S101 - the frontier holds only what was measured
    belief = experiment.belief
    return rng.gauss(belief.mean, math.sqrt(belief.variance)) - CHILD_COST * spread * math.sqrt(experiment.children)
