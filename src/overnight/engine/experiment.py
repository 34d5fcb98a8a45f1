"""Carries out the steps of a study: brief, workspace, agent, gate, scope, judge, ledger. Resumable at any point.

Each step does one thing that the ledger does not hold yet, so that the code that continues an interrupted experiment is
the code that runs a fresh one.
"""

from collections.abc import Callable

from msgspec.structs import replace

from overnight.engine.conduct import events_of
from overnight.engine.laboratory import Laboratory, remove
from overnight.errors import UsageError
from overnight.model.brief import AgentBudget
from overnight.model.event import HoldoutRead, Measured, Proposed
from overnight.model.experiment import Ask, Curve, Measurement
from overnight.model.state import Experiment
from overnight.model.step import Bit, Conclude, Enough, Propose, Publish, Read, Step
from overnight.rules.brief import compose
from overnight.rules.gate import GATE
from overnight.rules.hopeless import kept_curves, verdict_on
from overnight.rules.review import review
from overnight.rules.said import cleaned, signs
from overnight.rules.seeds import derive

_SLEPT_RETRIES = 3


def next_step(lab: Laboratory) -> Step:
    """What the study does next."""
    return lab.conductor.step(lab.recorder.state, lab.recorder.number_with)


def run_experiment(lab: Laboratory) -> str | Enough:
    """Go on until the next verdict or until nothing is pending; "" then, or why the agent could not work, or enough.

    Raises:
        UsageError: as `perform` does.
    """
    while True:
        step = next_step(lab)
        if isinstance(step, Enough):
            lab.recorder.flush()
            return step
        halted = perform(lab, step)
        if halted or not lab.recorder.state.pending:
            return halted


def perform(lab: Laboratory, step: Read | Propose | Conclude | Bit | Publish) -> str:
    """Carry out one step; "" or why the agent could not work.

    Raises:
        UsageError: what the judge reads was changed on disk, or the unchanged code was seen to tamper.
    """
    if isinstance(step, Read):
        _read(lab, step)
        return ""
    state = lab.recorder.state
    events = events_of(step, state, agent=lab.agent_name, policy=lab.conductor.name)
    if isinstance(step, Propose):
        lab.recorder.flush()
        if step.number == len(state.experiments):
            lab.recorder.append(*events)
        return _propose(lab, step.number, step.ask)
    lab.recorder.append(*events, durable=True)
    if isinstance(step, Conclude):
        lab.rested()
    return ""


def measure(lab: Laboratory, step: Read) -> Measurement:
    """One judge run, counted at once and written with whatever is appended next.

    Raises:
        UsageError: what the judge reads was changed on disk during the study.
    """
    lab.recorder.flush()
    gate = step.split.startswith(GATE)
    if gate:
        lab.recorder.append(HoldoutRead(split="gate", number=step.number), durable=True)
    experiment = lab.recorder.state.experiments[step.number]
    run = len(experiment.holdout if gate else experiment.readings)
    lab.progress("gate" if gate else "judge", step.number, lab.contract.budget.wall)
    ask = None if gate else _early_end(lab, experiment)
    measurement = reading(lab, step.number, experiment.tree, step.seed, step.split, ask=ask)
    lab.recorder.hold(Measured(number=step.number, run=run, measurement=measurement, why=step.why))
    return measurement


def _early_end(lab: Laboratory, experiment: Experiment) -> Callable[[Curve], str] | None:
    """What is asked of a run's progress: why to end it, "" to let it go on; None = it is not listened to.

    Only a candidate that was never judged is ended: what is compared with others is read to the end.
    """
    state = lab.recorder.state
    if not lab.contract.keep.early_stop:
        return None
    kept = kept_curves(state) if experiment.outcome is None and experiment.number else None
    return (lambda points: verdict_on(points, kept)) if kept else lambda _points: ""


def reading(  # noqa: PLR0913 -- keyword only: how it may end early
    lab: Laboratory,
    number: int,
    tree: str,
    seed: int,
    split: str = "",
    *,
    ask: Callable[[Curve], str] | None = None,
) -> Measurement:
    """One judge run of `tree` in the course of experiment `number`, not in the ledger; repeated if the machine slept.

    `ask` may end it early, as the judge's port says.

    Raises:
        UsageError: what the judge reads was changed on disk during the study.
    """
    for attempt in range(_SLEPT_RETRIES + 1):
        measurement = signs(
            lab.judge.measure(tree, seed, split, ask=ask) if ask else lab.judge.measure(tree, seed, split)
        )
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


def withdraw(lab: Laboratory, number: int) -> None:
    """Say that a candidate is none any more; the fold has withdrawn it with the reading that shows why.

    Raises:
        UsageError: it is the unchanged code, and there is nothing to go back to.
    """
    seen = lab.recorder.state.experiments[number].tampering[-1]
    if number == 0:
        lab.recorder.flush()
        raise UsageError(honest_code_tampers(seen))
    lab.recorder.note("warning", f"#{number} was seen to tamper and is not the best any more: {seen}", number)


def honest_code_tampers(seen: str) -> str:
    """The message for unchanged code that does what only a cheat does."""
    return (
        f"the unchanged code does what is taken for tampering: {seen.rstrip('.')}. Every candidate would be called a "
        "violation for it: change the code or the contract so that it does not, commit, and run again with --rebase"
    )


def _read(lab: Laboratory, step: Read) -> None:
    was_best = lab.recorder.state.best
    measurement = measure(lab, step)
    if was_best is None or was_best.number != step.number:
        return
    if measurement.tampering:
        withdraw(lab, step.number)
    elif measurement.failure is not None and not step.split:
        detail = measurement.failure.detail
        lab.recorder.note("warning", f"the best (#{step.number}) failed when it was read again: {detail}", step.number)


def _propose(lab: Laboratory, number: int, ask: Ask) -> str:
    state = lab.recorder.state
    parent = state.experiments[ask.parent]
    seed = derive(state.seed, number, "agent")
    brief = compose(lab.contract, state, ask, number, seed)
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
