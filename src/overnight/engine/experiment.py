"""One experiment: ask, brief, workspace, agent, gate, scope, judge, verdict, ledger. Resumable at any point.

Each step looks at what the ledger already holds of the experiment and does only what is missing, so that the code
that continues an interrupted experiment is the code that runs a fresh one.
"""

from random import Random

from msgspec.structs import replace

from overnight.engine.laboratory import Laboratory, remove
from overnight.errors import UsageError
from overnight.model.brief import AgentBudget
from overnight.model.contract import Direction
from overnight.model.event import Asked, Judged, Measured, Promoted, Proposed
from overnight.model.experiment import Ask, Evaluation, Measurement, Outcome, Trust, Verdict
from overnight.model.state import Experiment, State
from overnight.model.value import Pairs
from overnight.rules.brief import compose
from overnight.rules.decide import Reference, averages, decide, withheld
from overnight.rules.guards import has_relative
from overnight.rules.review import review
from overnight.rules.said import cleaned, signs
from overnight.rules.seeds import derive

_SLEPT_RETRIES = 3


def ask(lab: Laboratory) -> int:
    """The number of the experiment to work on: the pending one, else a new one of the policy's choice."""
    state = lab.recorder.state
    if state.pending:
        return state.pending[0]
    number = len(state.experiments)
    question = lab.policy.ask(state, Random(derive(state.seed, number, "ask")))  # noqa: S311 - not for secrets
    lab.recorder.append(
        Asked(
            number=number, parent=question.parent, agent=lab.agent_name, policy=lab.policy_name, hint=question.hint
        )
    )  # fmt: skip
    return number


def run_experiment(lab: Laboratory, number: int) -> str:
    """Bring experiment `number` to its verdict; "" or why the agent could not work (nothing is judged then)."""
    if not lab.recorder.state.experiments[number].tree:
        unavailable = _propose(lab, number)
        if unavailable:
            return unavailable
    experiment = lab.recorder.state.experiments[number]
    same_as = lab.recorder.number_with(experiment.tree)
    if experiment.breaches:
        _record(lab, number, _violation(experiment))
    elif same_as is not None:
        _record(lab, number, _duplicate(lab.recorder.state, experiment, same_as), same_as=same_as)
    else:
        _record(lab, number, *_judge(lab, number))
    lab.rested()
    return ""


def measure(lab: Laboratory, number: int, *, split: str = "", purpose: str = "run") -> Measurement:
    """One judge run of experiment `number`, in the ledger (durable) when this returns.

    Raises:
        UsageError: what the judge reads was changed on disk during the study.
    """
    measured = _read(lab, number, split=split, purpose=purpose)
    lab.recorder.append(measured, durable=True)
    return measured.measurement


def _read(lab: Laboratory, number: int, *, split: str = "", purpose: str = "run") -> Measured:
    """One judge run of experiment `number`; the caller puts it in the ledger."""
    state = lab.recorder.state
    experiment = state.experiments[number]
    run = len(experiment.holdout if split else experiment.readings)
    seed = derive(state.seed, number, split or purpose, run)
    lab.progress("certify" if split else "judge", number, lab.contract.budget.wall)
    return Measured(number=number, run=run, measurement=reading(lab, number, experiment.tree, seed, split))


def reading(lab: Laboratory, number: int, tree: str, seed: int, split: str = "") -> Measurement:
    """One judge run of `tree` in the course of experiment `number`, not in the ledger; repeated if the machine slept.

    Raises:
        UsageError: what the judge reads was changed on disk during the study.
    """
    for attempt in range(_SLEPT_RETRIES + 1):
        measurement = signs(lab.judge.measure(tree, seed, split))
        slept = measurement.failure is not None and measurement.failure.code == "slept"
        if not slept or attempt == _SLEPT_RETRIES:
            break
        lab.recorder.note("slept", "the machine slept during a reading: it does not count and is repeated", number)
    if measurement.failure is not None and measurement.failure.code == "sealed":
        lab.recorder.note("warning", measurement.failure.detail, number)
        raise UsageError(
            f"{measurement.failure.detail.rstrip('.')}. Numbers from before and after cannot be compared: restore "
            "the file and run again, or run again as it is and a new segment with a new baseline begins."
        )
    if measurement.failure is None:
        measurement = replace(measurement, values=(*measurement.values, *lab.counts(tree)))
    return measurement


def _propose(lab: Laboratory, number: int) -> str:
    state = lab.recorder.state
    experiment = state.experiments[number]
    parent = state.experiments[experiment.parent]
    seed = derive(state.seed, number, "agent")
    brief = compose(lab.contract, state, _asked(experiment), number, seed)
    lab.progress("agent", number, lab.contract.agent.wall)
    directory = lab.fresh("agent")
    lab.workspace.checkout(parent.tree, directory)
    budget = AgentBudget(wall=lab.contract.agent.wall)
    proposal = cleaned(lab.agent.propose(brief, directory / lab.contract.folder, budget))
    if proposal.unavailable:
        remove(directory)
        return proposal.unavailable
    change = lab.workspace.gate(directory, parent.commit, lab.contract, proposal.summary)
    remove(directory)
    flags = review(lab.contract, change.edits)
    lab.recorder.append(
        Proposed(
            number=number,
            tree=change.tree,
            commit=change.commit,
            parent_commit=parent.commit,
            paths=change.paths,
            added=change.added,
            deleted=change.deleted,
            loc=change.loc,
            agent=lab.agent_name,
            dropped=change.dropped,
            breaches=change.breaches,
            flags=flags,
            summary=proposal.summary,
            hypothesis=proposal.hypothesis,
            needs_followup=proposal.needs_followup,
            ideas=proposal.ideas,
            parameters=proposal.parameters,
            cost_usd=proposal.cost_usd,
            tokens=proposal.tokens,
            seconds=proposal.seconds,
            note=proposal.note,
            transcript=proposal.transcript,
        ),
        candidate=change.commit,
    )
    return ""


def _asked(experiment: Experiment) -> Ask:
    return Ask(parent=experiment.parent, hint=experiment.hint)


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


def _judge(lab: Laboratory, number: int) -> tuple[Verdict, tuple[Measured, ...]]:
    """The verdict, and the reading that it rests on where the ledger does not hold that yet.

    A verdict without further readings takes no time: reading and verdict then become one entry, which is one
    synced write and not two.
    """
    state = lab.recorder.state
    experiment = state.experiments[number]
    fresh: tuple[Measured, ...] = ()
    if not experiment.readings:
        fresh = (_read(lab, number),)
    measurement = fresh[0].measurement if fresh else experiment.readings[0]
    evaluation = Evaluation(runs=(measurement,), failure=measurement.failure)
    counted = (("loc", float(experiment.loc)),)
    verdict = decide(lab.contract, evaluation, counted=counted, against=_reference(state, None))
    if verdict.promote and has_relative(lab.contract):
        if fresh:
            lab.recorder.append(*fresh, durable=True)
            fresh = ()
        again = _reread_best(lab, number)
        verdict = decide(lab.contract, evaluation, counted=counted, against=_reference(lab.recorder.state, again))
    return withheld(verdict, lab.recorder.state, number), fresh


def _reread_best(lab: Laboratory, number: int) -> Pairs | None:
    """The best's values, measured again beside the challenger; None when that run failed.

    A best that is seen to tamper then is withdrawn by the fold, and the one before it is read in its place.

    Raises:
        UsageError: the unchanged code itself was seen to tamper.
    """
    best = _best(lab.recorder.state)
    purpose = f"beside-{number}"
    seeds = {derive(lab.recorder.state.seed, best.number, purpose, run): run for run in range(len(best.readings))}
    again = next((reading for reading in best.readings if reading.seed in seeds), None)
    if again is None:
        again = measure(lab, best.number, purpose=purpose)
    if again.tampering:
        withdraw(lab, best.number)
        return _reread_best(lab, number)
    if again.failure is not None:
        lab.recorder.note("warning", f"the best (#{best.number}) failed when it was read again: {again.failure.detail}")
        return None
    return again.values


def withdraw(lab: Laboratory, number: int) -> None:
    """Say that the best is none any more; the fold has withdrawn it with the reading that shows why.

    Raises:
        UsageError: it is the unchanged code, and there is nothing to go back to.
    """
    seen = lab.recorder.state.experiments[number].tampering[-1]
    if number == 0:
        raise UsageError(honest_code_tampers(seen))
    lab.recorder.note("warning", f"#{number} was seen to tamper and is not the best any more: {seen}", number)


def honest_code_tampers(seen: str) -> str:
    """The message for unchanged code that does what only a cheat does."""
    return (
        f"the unchanged code does what is taken for tampering: {seen.rstrip('.')}. Every candidate would be called a "
        "violation for it: change the code or the contract so that it does not, commit, and run again with --rebase"
    )


def _best(state: State) -> Experiment:
    best = state.best
    if best is None:
        raise UsageError("the study has no baseline yet: run `overnight run` again")
    return best


def _reference(state: State, fresh: Pairs | None) -> Reference:
    best = _best(state)
    contract = state.contract
    assert contract is not None  # noqa: S101 - a study with a best was opened with a contract
    values = fresh or averages(Evaluation(runs=tuple(run for run in best.readings if run.failure is None)), ())
    promoted = [state.experiments[number].value for number in (0, *state.kept)]
    known = [value for value in promoted if value is not None]
    top = min(known) if contract.objective.direction is Direction.minimize else max(known)
    return Reference(best=best, values=values, high_water=top)


def _record(
    lab: Laboratory, number: int, verdict: Verdict, measured: tuple[Measured, ...] = (), *, same_as: int | None = None
) -> None:
    state = lab.recorder.state
    best = _best(state)
    comparison = verdict.comparison
    judged = Judged(
        number=number,
        outcome=verdict.outcome,
        reason=verdict.reason,
        value=verdict.value,
        gain=comparison.gain if comparison else None,
        adjusted=comparison.adjusted if comparison else None,
        trust=verdict.trust,
        failure=verdict.failure,
        same_as=same_as,
        best=best.number,
    )
    promoted = (Promoted(number=number, commit=state.experiments[number].commit),) if verdict.promote else ()
    lab.recorder.append(*measured, judged, *promoted, durable=True)
