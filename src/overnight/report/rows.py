"""One experiment as the rows of `log --json` and `show N --json`, and what a list says of it."""

from typing import Any

import msgspec

from overnight.model.experiment import Measurement, Outcome
from overnight.model.state import Experiment, State
from overnight.report.estimate import estimate
from overnight.rules.fold import mean_value


def gist(experiment: Experiment) -> str:
    """What a list says about an experiment: the agent's summary, but the reason where there is no number to show.

    Hostile text: pass it through `one_line`.
    """
    failed = experiment.outcome in (Outcome.crash, Outcome.violation, Outcome.baseline)
    unread = experiment.outcome is Outcome.inconclusive and experiment.value is None
    return experiment.reason if failed or unread or not experiment.summary else experiment.summary


def value_read(state: State, experiment: Experiment) -> float | None:
    """The objective's mean over what was read, whether it counts or not; None when nothing was."""
    if state.contract is None:
        return None
    return mean_value(counted(state, experiment).readings, state.contract.objective.metric)


def counted(state: State, experiment: Experiment) -> Experiment:
    """The experiment whose readings count for this one: itself, or what it repeats."""
    if experiment.same_as is None or experiment.readings:
        return experiment
    return state.experiments[experiment.same_as]


def mean_values(readings: tuple[Measurement, ...]) -> dict[str, float]:
    """Mean of every metric over the readings that have it."""
    collected: dict[str, list[float]] = {}
    for reading in readings:
        for name, value in reading.values:
            collected.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in collected.items()}


def row(state: State, experiment: Experiment) -> dict[str, Any]:
    """One experiment as `log --json` writes it; a duplicate shows the readings that count for it."""
    source = counted(state, experiment)
    first = experiment.number == 0
    failure = experiment.failure
    believed = estimate(state, source)
    return {
        "segment": state.segment,
        "number": experiment.number,
        "commit": experiment.commit or (state.base if first else ""),
        "parent": None if first else experiment.parent,
        "parent_commit": experiment.parent_commit or None,
        "outcome": experiment.outcome.value if experiment.outcome else "pending",
        "reason": experiment.reason,
        "value": experiment.value,
        "gain": experiment.gain,
        "estimate": believed.value if believed else None,
        "estimate_sd": believed.sd if believed else None,
        "values": mean_values(source.readings),
        "trust": experiment.trust.value,
        "tier": (source.readings[-1].tier if source.readings else state.tier).value,
        "agent": experiment.agent,
        "policy": experiment.policy,
        "kind": None if first else experiment.kind.value,
        "gate": experiment.gate,
        "summary": experiment.summary,
        "hypothesis": experiment.hypothesis,
        "paths": experiment.paths,
        "added": experiment.added,
        "deleted": experiment.deleted,
        "loc": experiment.loc,
        "failure": None if failure is None else {"code": failure.code, "detail": failure.detail},
        "same_as": experiment.same_as,
        "breaches": [msgspec.structs.asdict(breach) for breach in experiment.breaches],
        "tampering": experiment.tampering,
        "flags": [msgspec.structs.asdict(flag) for flag in experiment.flags],
        "note": experiment.note,
        "cost_usd": experiment.cost_usd,
        "tokens": experiment.tokens,
        "seconds": round(experiment.seconds, 3),
        "at": experiment.judged_at,
    }


def details(state: State, experiment: Experiment) -> dict[str, Any]:
    """One experiment with everything that is known of it, as `show N --json` writes it."""
    shown = row(state, experiment)
    if experiment.failure is not None:
        shown["failure"]["tail"] = experiment.failure.tail
    children = [other.number for other in state.experiments[1:] if other.parent == experiment.number]
    return shown | {
        "study": state.study,
        "tree": experiment.tree,
        "hint": experiment.hint,
        "donors": experiment.donors,
        "ideas": experiment.ideas,
        "needs_followup": experiment.needs_followup,
        "parameters": dict(experiment.parameters),
        "dropped": experiment.dropped,
        "transcript": experiment.transcript,
        "children": [number for number in children if number != experiment.number],
        "promoted": experiment.number in state.kept,
        "readings": [_reading(run) for run in experiment.readings],
        "holdout": [_reading(run) for run in experiment.holdout],
    }


def _reading(run: Measurement) -> dict[str, Any]:
    failure = run.failure
    return {
        "values": dict(run.values),
        "failure": None if failure is None else msgspec.structs.asdict(failure),
        "seconds": run.seconds,
        "seed": run.seed,
        "tier": run.tier.value,
        "limits": run.limits,
        "trust": run.trust.value,
        "guard_trust": run.guard_trust,
        "split": run.split,
        "host": run.host,
        "tampering": run.tampering,
        "progress": run.progress,
    }
