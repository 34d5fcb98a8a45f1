"""Several lines of descent that do not compete with each other, and now and then a change carried from one to another.

A classic of evolutionary search (Tanese 1989; Cantú-Paz, A survey of parallel genetic algorithms, 1998): it keeps
diversity where one basin would swallow everything.
"""

from random import Random

from overnight.model.experiment import Ask, Asking
from overnight.model.state import State

ISLANDS = 4
MIGRATION = 10
"""Every so many asks an island is shown the best of another one."""


class Islands:
    """Asks the islands in turn for a change of their own best; the first of a line decides its island."""

    def ask(self, state: State, rng: Random) -> Ask:
        """The turn's island's best; the unchanged code while the island is empty."""
        del rng
        number = len(state.experiments)
        turn = number % ISLANDS
        own = _best_of(state, turn)
        if own is None:
            return Ask(parent=0, kind=Asking.scout)
        if number % MIGRATION == 0:
            others = [other for shift in range(1, ISLANDS) if (other := _best_of(state, (turn + shift) % ISLANDS))]
            if others:
                return Ask(parent=own, kind=Asking.combine, donors=(others[0],))
        best = state.best
        return Ask(parent=own, kind=Asking.expand if best and best.number == own else Asking.step_back)


def _best_of(state: State, island: int) -> int | None:
    """The number that leads `island`, among the leading candidates of all."""
    return next((number for number in state.frontier if number and _island(state, number) == island), None)


def _island(state: State, number: int) -> int:
    while (parent := state.experiments[number].parent) != 0:
        number = parent
    return number % ISLANDS
