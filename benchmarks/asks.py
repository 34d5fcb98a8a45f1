"""What it costs to decide what to do next, on a study with 10,000 experiments behind it, for every search policy.

One ask is everything that happens in overnight's own process from the end of one experiment to the question put to the
agent, apart from git, boxes and disks: its events are folded, the state is built, every step is decided, the brief is
written. Readings are drawn from a normal distribution; nothing is run.
Run it: python benchmarks/asks.py
"""

import statistics
import time
from random import Random

from measuring import Figures

from overnight.engine.conduct import events_of
from overnight.model.contract import Contract, Keep, Objective
from overnight.model.event import Asked, Judged, Measured, Opened, Proposed
from overnight.model.experiment import Measurement, Outcome
from overnight.model.step import Conclude, Propose, Read
from overnight.rules.brief import compose
from overnight.rules.fold import Folding
from overnight.wiring.policies import POLICIES, conductor_of

HISTORY = 10_000
TIMED = 100
SHAPES = {"a gain now and then": 0.02, "no gain ever": 0.0, "a gain almost always": 0.9}
NOISE = 1.0


class Study:
    """A study in memory. `gaining` is the share of proposals that truly gain; the others lose a little."""

    def __init__(self, policy, gaining):
        self.contract = Contract(
            title="asks", prose="p" * 2000, objective=Objective(metric="m"), edit=("a.py",), run="true",
            keep=Keep(policy=policy),
        )  # fmt: skip
        self.conductor = conductor_of(policy)
        self.gaining, self.rng = gaining, Random(1)
        self.folding, self.truths = Folding(), [1000.0]
        opened = Opened(study="asks", digest="d", contract=self.contract, base="c0", tree="t0", seed=1)
        proposed = Proposed(number=0, tree="t0", commit="c0", parent_commit="c0")
        self.folding.add((opened, Asked(number=0, parent=0, agent=""), proposed))
        for run in range(3):
            self.measured(Read(number=0, seed=run), run)
        self.folding.add((Judged(number=0, outcome=Outcome.baseline, reason="", value=1000.0),))

    def measured(self, read, run):
        value = self.rng.gauss(self.truths[read.number], NOISE)
        reading = Measurement(values=(("m", value), ("loc", 9.0)), seconds=1.0, seed=read.seed)
        self.folding.add((Measured(number=read.number, run=run, measurement=reading, why=read.why),))

    def ask(self):
        """Go on until the next question has been put, and answer it."""
        while True:
            state = self.folding.state()
            step = self.conductor.step(state, self.folding.number_with)
            if isinstance(step, Read):
                self.measured(step, len(state.experiments[step.number].readings))
                continue
            self.folding.add(events_of(step, state, agent="none", policy="p"))
            if isinstance(step, Propose):
                break
            assert isinstance(step, Conclude) or step.reason, step
        compose(self.contract, self.folding.state(), step.ask, step.number, 1)
        move = -1.0 if self.rng.random() < self.gaining else abs(self.rng.gauss(2.0, 2.0))
        self.truths.append(self.truths[step.ask.parent] + move)
        number = step.number
        self.folding.add(
            (Proposed(number=number, tree=f"t{number}", commit=f"c{number}", parent_commit="c", summary="s" * 80),)
        )


def costs(policy, gaining):
    """(CPU seconds of each of the first asks, of each of the last)."""
    study, times = Study(policy, gaining), []
    for _ in range(HISTORY + TIMED):
        began = time.process_time()
        study.ask()
        times.append(time.process_time() - began)
    return times[:TIMED], times[-TIMED:]


def main():
    figures = Figures()
    for policy in POLICIES:
        for shape, gaining in SHAPES.items():
            first, last = (1e3 * statistics.mean(times) for times in costs(policy, gaining))
            figures.show(f"{policy}, {shape}: CPU an ask, the first {TIMED}", first, "ms")
            figures.show(f"   after {HISTORY:,}", last, "ms", most=5)
    figures.exit()


if __name__ == "__main__":
    main()
