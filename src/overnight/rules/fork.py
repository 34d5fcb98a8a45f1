"""Going back to an experiment: which ones can be built on, and for how long."""

from overnight.errors import UsageError
from overnight.model.state import Experiment, State


def forkable(state: State, number: int) -> Experiment:
    """Experiment `number`, if the study may go on from there.

    Raises:
        UsageError: it never ran, gave no number, broke the contract or tampered.
    """
    one = state.experiments[number]
    why = _obstacle(one)
    if why:
        raise UsageError(f"experiment {number} {why}, so nothing can be built on it: choose another, `overnight log` "
                         "lists all")  # fmt: skip
    return one


def _obstacle(one: Experiment) -> str:
    if one.outcome is None:
        return "is still under way"
    if one.breaches:
        return "broke the contract and its files were refused"
    if one.tampering:
        return "was seen to tamper with the measurement"
    if not one.readings:
        return f"never ran, it repeats experiment {one.same_as}" if one.same_as is not None else "never ran"
    if all(run.failure is not None for run in one.readings):
        return "gave no number"
    return ""


class Forking:
    """The part of a fold that knows where the person wants the search to go on, event by event.

    `now` is (experiment, how many more asks shall build on it), None when the search chooses for itself.
    """

    def __init__(self) -> None:
        self.now: tuple[int, int] | None = None

    def wanted(self, number: int, asks: int) -> None:
        """The person wants the next `asks` experiments built on `number`; what they wanted before is over."""
        self.now = (number, max(1, asks))

    def asked(self, parent: int) -> None:
        """An experiment on `parent` has begun."""
        if self.now is not None and self.now[0] == parent:
            self.now = (parent, self.now[1] - 1) if self.now[1] > 1 else None

    def promoted(self, parent: int) -> None:
        """What was built on `parent` is the best: the search needs to be told nothing any more."""
        if self.now is not None and self.now[0] == parent:
            self.now = None

    def withdrawn(self, number: int) -> None:
        """`number` was seen to tamper: nothing is built on it any more."""
        if self.now is not None and self.now[0] == number:
            self.now = None
