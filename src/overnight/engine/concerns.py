"""Says what is wrong with the judge's numbers while the night runs, each thing once."""

from overnight.engine.laboratory import Laboratory
from overnight.rules.concerns import concerns

EVERY = 10
"""Experiments between two looks."""


class Concerned:
    """What a run has said so far; a run that goes on later says it again, as its person may be another one."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._looked = -EVERY

    def look(self, lab: Laboratory) -> None:
        """Note every new concern; looks only now and then."""
        state = lab.recorder.state
        if state.counts.experiments - self._looked < EVERY:
            return
        self._looked = state.counts.experiments
        for concern in concerns(state, lab.stop.wall):
            if concern.code not in self._said:
                self._said.add(concern.code)
                lab.recorder.note("warning", concern.sentence())
