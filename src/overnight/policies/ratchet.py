"""Karpathy's ratchet: always build on the best so far."""

from random import Random

from overnight.model.experiment import Ask
from overnight.model.state import State


class Ratchet:
    """Asks for a change of the best so far."""

    def ask(self, state: State, rng: Random) -> Ask:
        """The best so far, else the baseline; draws nothing from `rng`."""
        del rng
        best = state.best
        return Ask(parent=best.number if best else 0)
