"""The best of the candidates that may be built on."""

from bisect import insort

from overnight.model.state import Experiment

FRONTIER = 64


class Frontier:
    """The at most 64 usable experiments with the highest believed scores, best first; the part of a fold."""

    def __init__(self) -> None:
        self._ranked: list[tuple[float, int]] = []
        self._numbers: tuple[int, ...] | None = ()

    def numbers(self) -> tuple[int, ...]:
        """Their numbers, best first; the older of equals first."""
        if self._numbers is None:
            self._numbers = tuple(number for _, number in self._ranked)
        return self._numbers

    def changed(self, old: Experiment, new: Experiment) -> None:
        """`old` has become `new`."""
        self._numbers = None
        if old.belief is not None:
            entry = (-old.belief.mean, old.number)
            if entry in self._ranked:
                self._ranked.remove(entry)
        if new.belief is not None and new.usable:
            insort(self._ranked, (-new.belief.mean, new.number))
            del self._ranked[FRONTIER:]
