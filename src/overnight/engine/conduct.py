"""What to do next in a study: one pure function from its state to a step.

Whoever carries the steps out (the engine against git, agents and boxes; a simulator against a synthetic world) appends
the same events and asks again. Decisions are so a function of the ledger and the seed alone: resumed at any cut they
are the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from msgspec.structs import replace

from overnight.model.event import Asked, Event, Gated, Judged, Promoted
from overnight.model.experiment import Ask, Asking, Outcome, Trust, Verdict
from overnight.model.state import Experiment, State
from overnight.model.step import Again, Bit, Conclude, Enough, Propose, Publish, Read, Step
from overnight.ports import Decision, Policy
from overnight.rules.decide import tampered, withheld
from overnight.rules.deciding.readings import again, best_of, contract_of, explained
from overnight.rules.gate import has_gate, looks_left, next_look
from overnight.rules.seeds import derive

Known = Callable[[str], int | None]
"""The first judged experiment with this tree, if any."""


@dataclass(frozen=True, slots=True)
class Conductor:
    """A search policy and a rule of promotion, made into the next step. `name` is the policy's, for the record."""

    name: str
    policy: Policy
    decision: Decision

    def step(self, state: State, known: Known) -> Step:
        """The next step of a study whose baseline was judged."""
        if state.pending:
            return self._pending(state, state.experiments[state.pending[0]], known)
        publication = self._publication(state)
        if publication is not None:
            return publication
        contract = contract_of(state)
        if has_gate(contract) and looks_left(state, contract) <= 0:
            return _worn_out(state.counts.gate_reads)
        return self._ask(state)

    def closing(self, state: State) -> Read | Bit | Publish | None:
        """The next step once no more proposals are asked for; None = the best is chosen."""
        return self._publication(state) or self.decision.closing(state)

    def _publication(self, state: State) -> Read | Bit | Publish | None:
        publication = self.decision.publish(state)
        if publication is None:
            return None
        look = next_look(state, contract_of(state), publication.number)
        # With the looks used up what is not known to pass is not published.
        return None if isinstance(look, Enough) else look or publication

    def _ask(self, state: State) -> Step:
        number = len(state.experiments)
        if state.fork is not None:
            return Propose(number=number, ask=Ask(parent=state.fork[0], kind=Asking.step_back))
        rng = Random(derive(state.seed, number, "ask", state.counts.evaluations))  # noqa: S311 - not for secrets
        wish = self.policy.ask(state, rng)
        if isinstance(wish, Again):
            return again(state, wish.number)
        return next_look(state, contract_of(state), wish.parent) or Propose(number=number, ask=wish)

    def _pending(self, state: State, experiment: Experiment, known: Known) -> Step:
        number = experiment.number
        if not experiment.tree:
            ask = Ask(parent=experiment.parent, hint=experiment.hint, kind=experiment.kind, donors=experiment.donors)
            return Propose(number=number, ask=ask)
        if experiment.breaches:
            return Conclude(number=number, verdict=_violation(experiment))
        same_as = known(experiment.tree)
        if same_as is not None:
            return Conclude(number=number, verdict=_duplicate(state, experiment, same_as), same_as=same_as)
        if not experiment.readings:
            return again(state, number, "run")
        weighed = self.decision.weigh(state, number)
        if isinstance(weighed, Read):
            return weighed
        return self._promotion(state, experiment, explained(state, number, withheld(weighed, state, number)))

    def _promotion(self, state: State, experiment: Experiment, verdict: Verdict) -> Step:
        """The verdict; a promotion only once the gate has been asked."""
        number = experiment.number
        if verdict.promote and experiment.tampering:
            # Not in the readings that were weighed, but on the gate.
            verdict = tampered(experiment.tampering, verdict.trust)
        if verdict.promote:
            look = next_look(state, contract_of(state), number)
            if isinstance(look, Enough):
                reason = f"{verdict.reason}, but the gate's looks are used up"
                verdict = replace(verdict, outcome=Outcome.inconclusive, reason=reason, promote=False)
            elif look is not None:
                return look
            elif experiment.gate is False:
                reason = f"{verdict.reason} here, but not on data that the search never sees"
                verdict = replace(verdict, outcome=Outcome.discard, reason=reason, promote=False)
        return Conclude(number=number, verdict=verdict)


def events_of(step: Propose | Conclude | Bit | Publish, state: State, *, agent: str, policy: str) -> tuple[Event, ...]:
    """What goes into the ledger when a step is carried out, apart from what an agent or a judge has to say."""
    if isinstance(step, Propose):
        ask = step.ask
        return (
            Asked(
                number=step.number, parent=ask.parent, agent=agent, policy=policy, hint=ask.hint, kind=ask.kind,
                donors=ask.donors,
            ),
        )  # fmt: skip
    if isinstance(step, Bit):
        return (Gated(number=step.number, against=step.against, passed=step.passed),)
    commit = state.experiments[step.number].commit
    if isinstance(step, Publish):
        return (Promoted(number=step.number, commit=commit, reason=step.reason),)
    return _judged(step, state, commit)


def _judged(step: Conclude, state: State, commit: str) -> tuple[Event, ...]:
    verdict = step.verdict
    comparison = verdict.comparison
    judged = Judged(
        number=step.number,
        outcome=verdict.outcome,
        reason=verdict.reason,
        value=verdict.value,
        gain=comparison.gain if comparison else None,
        adjusted=comparison.adjusted if comparison else None,
        trust=verdict.trust,
        failure=verdict.failure,
        same_as=step.same_as,
        best=best_of(state).number,
    )
    return (judged, Promoted(number=step.number, commit=commit)) if verdict.promote else (judged,)


def _worn_out(looks: int) -> Enough:
    return Enough(
        reason=f"the gate's {looks} looks are used up, so nothing more could be promoted honestly: name fresh data in "
        "`holdout.gate`, or raise `holdout.queries` and know that answers wear out"
    )


def _violation(experiment: Experiment) -> Verdict:
    first = experiment.breaches[0]
    more = f" (and {len(experiment.breaches) - 1} more)" if len(experiment.breaches) > 1 else ""
    detail = f": {first.detail}" if first.detail else ""
    return Verdict(outcome=Outcome.violation, reason=f"{first.path}: {first.rule}{detail}{more}")


def _duplicate(state: State, experiment: Experiment, same_as: int) -> Verdict:
    old = state.experiments[same_as]
    unchanged = same_as == experiment.parent and not experiment.paths
    what = "the agent changed nothing" if unchanged else f"the same files as #{same_as} ({old.outcome})"
    return Verdict(
        outcome=Outcome.duplicate,
        reason=f"{what}: the old measurements count",
        value=old.value,
        failure=old.failure,
        trust=old.trust if old.readings else Trust.self_reported,
    )
