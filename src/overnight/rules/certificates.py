"""The part of a fold that knows about certification: trials, certificates, and what tampering takes back."""

from overnight.model.event import Certificate, Measured
from overnight.model.experiment import Certified, Measurement
from overnight.model.state import Trial

BASELINE, BEST = "baseline", "best"
"""Trials of a whole candidate: their names end in one of these, after the number of the one to be certified."""


def is_own(trial: str) -> bool:
    """Whether a trial reads an experiment's own candidate, and not what was made of it."""
    return trial.rpartition("/")[2] in {BASELINE, BEST}


class Certificates:
    """What was measured afresh, event by event."""

    def __init__(self) -> None:
        self.all: list[Certificate] = []
        self.win: Certificate | None = None
        self._trials: dict[tuple[str, int], tuple[Measurement, ...]] = {}

    @property
    def last(self) -> Certificate | None:
        """The newest certificate in the contract's own setting, whatever it says."""
        return next((made for made in reversed(self.all) if not made.setting), None)

    def trials(self) -> tuple[Trial, ...]:
        """Fresh readings since the last certificate, in the order in which their first readings were taken."""
        return tuple(Trial(name=name, number=number, runs=runs) for (name, number), runs in self._trials.items())

    def measured(self, event: Measured, measurement: Measurement) -> None:
        """A fresh reading was taken."""
        key = (event.trial, event.number)
        self._trials[key] = (*self._trials.get(key, ()), measurement)

    def certified(self, event: Certificate, *, withdrawn: bool) -> None:
        """A certificate was written; of a candidate that is `withdrawn` it is no win."""
        self.all.append(event)
        if event.setting:
            self._trials = {key: runs for key, runs in self._trials.items() if "=" not in key[0]}
            return
        self._trials.clear()
        if event.level is not Certified.no and not withdrawn:
            self.win = event
        elif self.win is not None and self.win.number == event.number:
            # What did not hold when it was proved once more is proved no longer.
            self.win = None

    def withdraw(self, number: int) -> None:
        """The candidate was seen to tamper: what it won is no win."""
        if self.win is not None and self.win.number == number:
            self.win = None
