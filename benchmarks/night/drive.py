"""The product's own conductor, fold and certificate, driven without git, boxes, agents or files.

`Rehearsal` is a study whose proposals and readings come from somewhere else: a simulated world (`night`), or another
program (`stdio.py`). It appends the events that the engine would append, and folds them with the product's fold.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from ablation import wins
from msgspec.structs import replace
from outcome import Best, Claim, Night, over
from world import CERTIFY, GATE, SEARCH, World

from overnight.engine.conduct import events_of
from overnight.model.contract import Contract, Direction, Holdout, Keep, Objective
from overnight.model.event import Asked, Certificate, Event, HoldoutRead, Judged, Measured, Opened, Proposed
from overnight.model.experiment import Certified, Failure, Measurement, Outcome, Trust
from overnight.model.state import Experiment, State
from overnight.model.step import Enough, Fresh, Propose, Read
from overnight.model.value import lookup
from overnight.rules.certify import Subject, due, next_fresh
from overnight.rules.deciding.readings import again
from overnight.rules.fold import Folding, mean_value
from overnight.rules.noise import wants_reading
from overnight.wiring.policies import conductor_of

METRIC = "score"
FAILURES = 3
"""Unchanged code that fails so often cannot be improved on."""
SHORT = 200
"""Nights of fewer evaluations spend half as much on their end."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a study is told before it begins. `budget` is in evaluations, every reading costs one.

    `fit` is the standard error that the search split's examples leave in the difference of a change from what it was
    built on, `held` the same of a final candidate and the baseline on the holdout; 0 = there is none. `gate` = there is
    a gate split, `certify` the name of the split that certification reads.
    """

    policy: str
    budget: int
    seed: int
    direction: Direction = Direction.maximize
    fit: float = 0.0
    held: float = 0.0
    gate: bool = False
    certify: bool = False

    @property
    def pairs(self) -> int:
        """Fresh pairs of baseline and final."""
        return 5 if self.budget >= SHORT else 3

    def reserve(self, state: State) -> int:
        """Evaluations kept for the end: finalists and pairs; without noise one pair where there is a holdout."""
        if state.sigma == 0.0:
            return 2 * self.certify
        return 2 * self.pairs + (6 if self.budget >= SHORT else 3)


@dataclass(frozen=True, kw_only=True)
class Want:
    """What the study needs next. `number` is the parent of a proposal, or the experiment to be read on `split`."""

    do: Literal["propose", "read", "stop"]
    number: int = 0
    split: str = SEARCH
    donors: tuple[int, ...] = ()


class Rehearsal:
    """A study in memory. Ask `want`, answer with `proposed` or `measured`, in turns."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._conductor = conductor_of(terms.policy)
        self._folding = Folding()
        self._asked: Propose | Read | Fresh | None = None
        self._closing = self._over = False
        self._state: State | None = None
        opened = Opened(
            study="night", digest="", contract=_contract(terms), base="c0", tree="t0", seed=terms.seed
        )  # fmt: skip
        self._append(
            opened, Asked(number=0, parent=0, agent=""), Proposed(number=0, tree="t0", commit="c0", parent_commit="")
        )

    @property
    def state(self) -> State:
        """The fold of all that happened."""
        if self._state is None:
            state = self._folding.state()
            error = self.terms.held if self._closing else self.terms.fit
            self._state = replace(state, split_error=error) if error else state
        return self._state

    @property
    def claim(self) -> Claim:
        """What is printed of the best: its certificate, or what is believed of it while there is none."""
        shown = self.state.certificate
        if shown is None or shown.gain is None or shown.number != final_of(self.state).number:
            return Claim(gain=believed(self.state))
        return Claim(gain=shown.gain, low=shown.low, high=shown.high, certified=shown.level is not Certified.no)

    def want(self, left: int) -> Want:
        """The next thing to do with `left` evaluations to go."""
        step = self._next(left)
        self._asked = step
        if step is None:
            return Want(do="stop")
        if isinstance(step, Propose):
            return Want(do="propose", number=step.ask.parent, donors=step.ask.donors)
        if isinstance(step, Fresh):
            if step.split:
                self._append(HoldoutRead(split="certify", number=step.number))
            return Want(do="read", number=step.number, split=CERTIFY if step.split else SEARCH)
        if step.split:
            self._append(HoldoutRead(split="gate", number=step.number))
        return Want(do="read", number=step.number, split=GATE if step.split else SEARCH)

    def proposed(self, *, needs_followup: bool) -> None:
        """The candidate that was asked for exists; its number is that of the newest experiment."""
        number = len(self._folding.state().experiments) - 1
        self._append(
            Proposed(
                number=number,
                tree=f"t{number}",
                commit=f"c{number}",
                parent_commit="",
                needs_followup=needs_followup,
            )
        )

    def measured(self, value: float | None) -> None:
        """The reading that was asked for; None = it gave no number."""
        step = self._asked
        if not isinstance(step, Read | Fresh):
            raise TypeError("no reading was asked for")
        values = ((METRIC, value),) if value is not None else ()
        failure = Failure(code="no-metric", detail="no number") if value is None else None
        reading = Measurement(
            values=values, failure=failure, seconds=1.0, seed=step.seed, trust=Trust.scored, split=step.split
        )
        experiment = self.state.experiments[step.number]
        if isinstance(step, Fresh):
            taken = sum(len(trial.runs) for trial in self.state.trials if trial.name == step.trial)
            self._append(Measured(number=step.number, run=taken, measurement=reading, trial=step.trial))
            return
        run = len(experiment.holdout if step.split else experiment.readings)
        self._append(Measured(number=step.number, run=run, measurement=reading, why=step.why))

    def _next(self, left: int) -> Propose | Read | Fresh | None:
        if self._over:
            return None
        step = self._baseline()
        if step is None and not self._over:
            step = self._searching(left) or self._choosing(left) or self._certifying()
        if step is None or (left <= 0 and not isinstance(step, Propose)):
            self._over = True
            return None
        return step

    def _append(self, *events: Event) -> None:
        self._folding.add(events)
        self._state = None

    def _baseline(self) -> Read | None:
        state = self.state
        if state.baseline is not None:
            return None
        readings = state.experiments[0].readings
        values = [value for run in readings if (value := lookup(run.values, METRIC)) is not None]
        if len(readings) - len(values) >= FAILURES:
            self._over = True
            return None
        if wants_reading(values, [1.0] * len(values), self.terms.budget):
            return again(state, 0, "run")
        self._append(
            Judged(number=0, outcome=Outcome.baseline, reason="", value=mean_value(readings, METRIC))
        )  # fmt: skip
        return None

    def _searching(self, left: int) -> Propose | Read | None:
        while not self._closing and left > self._needed():
            state = self.state
            step = self._conductor.step(state, self._folding.number_with)
            if isinstance(step, Enough):
                break
            if isinstance(step, Read):
                return step
            self._append(*events_of(step, state, agent="", policy=""))
            if isinstance(step, Propose):
                return step
        self._closing, self._state = True, None
        return None

    def _needed(self) -> int:
        """Evaluations to keep: for a new candidate all of the end, to finish one that is undecided the proof alone."""
        reserve = self.terms.reserve(self.state)
        return min(2 * self.terms.pairs, reserve) if self.state.pending else reserve

    def _choosing(self, left: int) -> Read | None:
        while left > 2 * self.terms.pairs:
            state = self.state
            step = self._conductor.closing(state)
            if step is None or isinstance(step, Read):
                return step
            self._append(*events_of(step, state, agent="", policy=""))
        return None

    def _certifying(self) -> Fresh | None:
        if not due(self.state):
            return None
        step = next_fresh(self.state, Subject(number=final_of(self.state).number))
        if isinstance(step, Certificate):
            self._append(step)
            return None
        return step


def final_of(state: State) -> Experiment:
    """The best so far; the unchanged code when nothing was published."""
    return state.best or state.experiments[0]


def night(terms: Terms, world: World, *, ablate: bool = False) -> Night:
    """One night of the product's policy in a simulated world; `ablate` takes its changes out again afterwards."""
    study, numbers, bests = Rehearsal(terms), [0], [Best(at=0, number=0, claim=0.0)]
    while (want := study.want(terms.budget - world.readings)).do != "stop":
        if want.do == "read":
            study.measured(world.read(numbers[want.number], want.split))
        else:
            parent, donors = numbers[want.number], [numbers[donor] for donor in want.donors]
            numbers.append(world.merge(parent, donors) if donors else world.propose(parent))
            study.proposed(needs_followup=world.candidates[numbers[-1]].hinted)
        final = final_of(study.state)
        if numbers[final.number] != bests[-1].number:
            bests.append(
                Best(at=world.readings, number=numbers[final.number], claim=believed(study.state))
            )  # fmt: skip
    seen = over(world, bests, study.claim)
    if not ablate:
        return seen
    told = wins(world, bests[-1].number, study.state.sigma or 0.0)
    return dataclasses.replace(seen, reported=told.reported, idle=told.idle)


def believed(state: State) -> float:
    """How much better than the unchanged code the best is, as all search readings say."""
    means = [item.belief.mean if item.belief else 0.0 for item in (final_of(state), state.experiments[0])]
    return means[0] - means[1]


def _contract(terms: Terms) -> Contract:
    holdout = None
    if terms.gate or terms.certify:
        holdout = Holdout(
            gate="gate" if terms.gate else "", certify="certify" if terms.certify else "", queries=10 * terms.budget
        )  # fmt: skip
    return Contract(
        title="night",
        prose="",
        objective=Objective(metric=METRIC, direction=terms.direction),
        edit=("*",),
        run="true",
        holdout=holdout,
        keep=Keep(policy=terms.policy, pairs=terms.pairs),
    )
