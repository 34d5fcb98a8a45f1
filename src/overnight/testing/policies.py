"""What every Policy must do, as tests that a third party inherits.

    class TestMine(PolicyContract):
        def policy(self): return MyPolicy()

The methods that begin with `test_` need nothing of pytest. Each plays nights on paper: proposals move their parent's
score at random, and are judged by their first reading.
"""

from abc import ABC, abstractmethod
from random import Random

from overnight.model.contract import Contract, Objective
from overnight.model.event import Asked, Event, Gated, Judged, Measured, Opened, Promoted, Proposed
from overnight.model.experiment import Ask, Failure, Measurement, Outcome
from overnight.model.state import State
from overnight.model.step import Again
from overnight.model.value import Value
from overnight.ports import Policy
from overnight.rules.fold import Folding

MOST_AGAIN = 50
"""Readings in a row after which a policy is said to ask for readings for ever."""


class Night(Value, frozen=True, kw_only=True):
    """What a night on paper is like: `readings` of the unchanged code, noise, and shares of what goes wrong."""

    name: str
    readings: int = 3
    noise: float = 1.0
    crashing: float = 0.1
    refused: float = 0.0
    unfinished: float = 0.2
    experiments: int = 60


NIGHTS = (
    Night(name="noisy"),
    Night(name="exact", noise=0.0),
    Night(name="noise unknown", readings=1),
    Night(name="nothing but crashes", crashing=1.0),
    Night(name="the gate refuses all", refused=1.0),
    Night(name="all are first halves", unfinished=1.0),
    Night(name="long", experiments=1_000),
)


def _require(condition: bool, rule: str) -> None:  # noqa: FBT001 - reads like an assert
    if not condition:
        raise AssertionError(rule)


class PolicyContract(ABC):
    """Inherit, implement `policy`, and let pytest collect the subclass."""

    @abstractmethod
    def policy(self) -> Policy:
        """A new instance of the policy under test."""

    def test_the_same_state_and_randomness_give_the_same_answer(self) -> None:
        """So that a resumed night is the night that was interrupted."""
        for night in NIGHTS:
            for state in _Paper(night, self.policy()).states():
                first = self.policy().ask(state, Random(3))  # noqa: S311 - not for secrets
                again = self.policy().ask(state, Random(3))  # noqa: S311 - not for secrets
                _require(first == again, f"{night.name}: asked twice, it answered {first} and {again}")

    def test_it_remembers_nothing_of_its_own(self) -> None:
        """The state holds everything: an instance that has seen a night answers as a new one does."""
        for night in NIGHTS:
            used = self.policy()
            for state in _Paper(night, used).states():
                old = used.ask(state, Random(5))  # noqa: S311 - not for secrets
                new = self.policy().ask(state, Random(5))  # noqa: S311 - not for secrets
                _require(old == new, f"{night.name}: a used instance answered {old}, a new one {new}")

    def test_it_builds_only_on_what_may_be_built_on(self) -> None:
        """Parents and donors were judged, gave a number and were not refused."""
        for night in NIGHTS:
            for state in _Paper(night, self.policy()).states():
                wish = self.policy().ask(state, Random(7))  # noqa: S311 - not for secrets
                named = (wish.number,) if isinstance(wish, Again) else (wish.parent, *wish.donors)
                for number in named:
                    _require(0 <= number < len(state.experiments), f"{night.name}: there is no experiment {number}")
                    best = state.best is not None and state.best.number == number
                    usable = best or state.experiments[number].usable
                    _require(usable, f"{night.name}: it names #{number}, which may not be built on")
                if isinstance(wish, Ask):
                    _require(
                        wish.parent not in wish.donors, f"{night.name}: #{wish.parent} is to be combined with itself"
                    )

    def test_it_goes_on_asking_for_proposals(self) -> None:
        """Readings cost as much as proposals: no state makes it ask for nothing but readings."""
        for night in NIGHTS:
            paper = _Paper(night, self.policy())
            for _ in paper.states():
                _require(paper.in_a_row < MOST_AGAIN, f"{night.name}: it asked for {MOST_AGAIN} readings in a row")
            _require(paper.proposals == night.experiments, f"{night.name}: it stopped asking for proposals")


class _Paper:
    """One night of a policy, carried out on paper."""

    def __init__(self, night: Night, policy: Policy) -> None:
        self._night, self._policy = night, policy
        self._rng = Random(11)  # noqa: S311 - not for secrets
        self._folding = Folding()
        self._truths = [100.0]
        self.proposals = self.in_a_row = 0
        objective = Objective(metric="loss", min_effect=0.01)
        contract = Contract(title="t", prose="p", objective=objective, edit=("a",), run="true")
        self._add(
            Opened(study="s", digest="d", contract=contract, base="c0", tree="t0"),
            Asked(number=0, parent=0, agent=""),
            Proposed(number=0, tree="t0", commit="c0", parent_commit="c0"),
        )
        for run in range(night.readings):
            self._add(self._reading(0, run))
        self._add(Judged(number=0, outcome=Outcome.baseline, reason="", value=100.0))

    def states(self) -> "list[State]":
        """The states in which the policy was asked."""
        found = []
        while self.proposals < self._night.experiments and self.in_a_row < MOST_AGAIN:
            state = self._folding.state()
            found.append(state)
            wish = self._policy.ask(state, Random(len(found)))  # noqa: S311 - not for secrets
            if isinstance(wish, Again):
                self.in_a_row += 1
                self._add(self._reading(wish.number, len(state.experiments[wish.number].readings)))
            else:
                self.in_a_row = 0
                self._propose(state, wish)
        return found

    def _propose(self, state: State, ask: Ask) -> None:
        number, rng, night = len(state.experiments), self._rng, self._night
        self.proposals += 1
        self._truths.append(self._truths[ask.parent] + rng.gauss(0.3, 1.0))
        self._add(Asked(number=number, parent=ask.parent, agent="paper", kind=ask.kind, donors=ask.donors))
        half = rng.random() < night.unfinished
        self._add(
            Proposed(number=number, tree=f"t{number}", commit=f"c{number}", parent_commit="c", needs_followup=half)
        )
        if rng.random() < night.crashing:
            failure = Failure(code="exit", detail="it ended with 1")
            self._add(Measured(number=number, run=0, measurement=Measurement(failure=failure)))
            self._add(Judged(number=number, outcome=Outcome.crash, reason="it ended with 1", failure=failure))
            return
        reading = self._reading(number, 0)
        self._add(reading)
        value = dict(reading.measurement.values)["loss"]
        best = state.best
        better = best is None or best.value is None or value < best.value
        if better and rng.random() < night.refused:
            self._add(Gated(number=number, against=best.number if best else 0, passed=False))
            better = False
        outcome = Outcome.keep if better else Outcome.discard
        judged = Judged(number=number, outcome=outcome, reason="", value=value)
        self._add(*((judged, Promoted(number=number, commit=f"c{number}")) if better else (judged,)))

    def _reading(self, number: int, run: int) -> Measured:
        value = self._truths[number] + (self._rng.gauss(0, self._night.noise) if self._night.noise else 0.0)
        return Measured(number=number, run=run, measurement=Measurement(values=(("loss", value),), seconds=1.0))

    def _add(self, *events: Event) -> None:
        self._folding.add(events)
