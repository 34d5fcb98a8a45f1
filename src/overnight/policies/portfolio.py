"""The default search, and on a plateau other ways in turn: a fresh start, changes combined, an older candidate.

A shared plateau means a shared basin, not a floor: a fresh mind on a stuck candidate is the cheapest cure known.
"""

from random import Random

from overnight.model.experiment import Ask, Asking
from overnight.model.state import State
from overnight.model.step import Again
from overnight.policies.tree import PLATEAU, Tree

STINT = 5
"""Asks in a row of one way out of a plateau."""


class Portfolio:
    """`Tree` until nothing was kept for twenty experiments; then its turn comes every fourth stint."""

    def __init__(self) -> None:
        self._tree = Tree()

    def ask(self, state: State, rng: Random) -> Ask | Again:
        """What the present stint asks for."""
        best = state.best
        if best is None or state.since_keep < PLATEAU:
            return self._tree.ask(state, rng)
        turn = (state.since_keep - PLATEAU) // STINT % 4
        leading = [number for number in state.frontier[:8] if number != best.number]
        if turn == 0:
            return Ask(parent=best.number, kind=Asking.scout)
        if turn == 1 and leading:
            return Ask(parent=best.number, kind=Asking.combine, donors=(rng.choice(leading),))
        if turn == 2 and leading:
            return Ask(parent=rng.choice(leading), kind=Asking.step_back)
        return self._tree.ask(state, rng)
