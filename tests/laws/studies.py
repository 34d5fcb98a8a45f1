"""Studies on paper: the conductor's steps carried out against numbers instead of agents, boxes and git."""

from random import Random

from nights import contract, opening

from overnight.engine.conduct import events_of
from overnight.model.event import Asked, HoldoutRead, Judged, Measured, Proposed
from overnight.model.experiment import Failure, Measurement, Outcome
from overnight.model.step import Enough, Propose, Publish, Read
from overnight.rules.fold import Folding
from overnight.wiring.policies import conductor_of


class Paper:
    """A study in memory. `groups` are its events as a ledger would hold them, `steps` what the conductor asked for.

    A proposal moves its parent's truth by a normal step; a reading scatters by `noise` with its seed, fails with
    probability `failing` and shows tampering with probability `sly`. `side` scatters about 10.
    """

    def __init__(self, policy, seed, *, noise=1.0, failing=0.05, sly=0.02, **terms):
        self.contract = contract(**terms)
        self.conductor = conductor_of(policy)
        self.folding, self.groups, self.steps, self.states = Folding(), [], [], []
        self.seed, self.noise, self.failing, self.sly = seed, noise, failing, sly
        self.rng, self.truths, self.trees = Random(seed), [100.0], ["t0"]
        self.add(
            opening(contract=self.contract, seed=seed),
            Asked(number=0, parent=0, agent=""),
            Proposed(number=0, tree="t0", commit="c0", parent_commit="c0", loc=9),
        )
        for run in range(3):
            self.add(Measured(number=0, run=run, measurement=self.reading(Read(number=0, seed=run))))
        self.add(Judged(number=0, outcome=Outcome.baseline, reason="", value=100.0))

    def add(self, *events):
        self.groups.append(events)
        self.folding.add(events)

    def reading(self, step):
        rng = Random(f"{self.seed} {self.trees[step.number]} {step.seed} {step.split}")
        luck, value, side = rng.random(), rng.gauss(self.truths[step.number], self.noise), rng.gauss(10, 1)
        if step.number and luck < self.failing:
            failure = Failure(code="exit", detail="it ended with 1")
            return Measurement(failure=failure, seconds=1.0, seed=step.seed, split=step.split)
        seen = ("it opened the trap",) if step.number and luck > 1 - self.sly else ()
        values = (("m", value), ("side", side))
        return Measurement(values=values, seconds=1.0, seed=step.seed, split=step.split, tampering=seen)

    def take(self, step):
        """Carry out one step."""
        self.states.append(self.folding.state())
        self.steps.append(step)
        state = self.states[-1]
        if isinstance(step, Read):
            if step.split:
                self.add(HoldoutRead(split="gate", number=step.number))
            experiment = state.experiments[step.number]
            run = len(experiment.holdout if step.split else experiment.readings)
            self.add(Measured(number=step.number, run=run, measurement=self.reading(step), why=step.why))
            return
        self.add(*events_of(step, state, agent="paper", policy="p"))
        if isinstance(step, Propose):
            self.propose(step.number, step.ask)

    def propose(self, number, ask):
        same = self.rng.random() < 0.05
        self.trees.append(self.trees[ask.parent] if same else f"t{number}")
        self.truths.append(self.truths[ask.parent] + (0.0 if same else self.rng.gauss(0.3, 1.0)))
        half, lines = self.rng.random() < 0.2, self.rng.choice([8, 9, 10])
        self.add(
            Proposed(
                number=number, tree=self.trees[-1], commit=f"c{number}", parent_commit="c", loc=lines,
                paths=() if same else ("a.py",), needs_followup=half,
            )
        )  # fmt: skip

    def run(self, experiments):
        """Go on until so many are judged, or the conductor has enough; then choose the best. The last state."""
        while True:
            state = self.folding.state()
            if not state.pending and state.counts.experiments >= experiments:
                break
            step = self.conductor.step(state, self.folding.number_with)
            if isinstance(step, Enough):
                break
            self.take(step)
        while (step := self.conductor.closing(self.folding.state())) is not None:
            self.take(step)
        return self.folding.state()

    def before(self, kind):
        """(step, the state that it was decided on) of each step of that kind."""
        return [(step, state) for step, state in zip(self.steps, self.states, strict=True) if isinstance(step, kind)]

    def promotions(self):
        """(number, state before) of everything that became the best, by verdict or later."""
        found = [(step.number, state) for step, state in self.before(Publish)]
        judged = zip(self.steps, self.states, strict=True)
        return found + [
            (step.number, state) for step, state in judged if getattr(getattr(step, "verdict", None), "promote", False)
        ]
