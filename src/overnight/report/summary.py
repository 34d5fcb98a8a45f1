"""The numbers that every face shows, derived from the state in one place, so that all of them say the same."""

from typing import Any

import msgspec

from overnight.model.contract import Objective
from overnight.model.experiment import Certified, Measurement, Outcome, Trust
from overnight.model.state import Experiment, State
from overnight.model.value import lookup
from overnight.rules.calibration import calibrate
from overnight.rules.concerns import concerns
from overnight.rules.fold import mean_value


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """A study in numbers, as `status --json` writes it.

    `baseline`, `best`, `gain`, `noise` and `smallest_gain` are in `unit`; None = not known (yet). `gain` is
    positive when the best is better, in both directions, and 0 when the best is the baseline. `gain_percent` is
    of the baseline's size. `noise` is the standard deviation of one reading, unknown while nothing was read twice, and
    `metric_noise` that of every metric that was. `smallest_gain` is the smallest gain that one verdict can tell from
    noise, `smallest_certified_gain` the smallest that certification can, both at least `min_effect`. All of them, the
    `forecast` of a whole night and the `concerns` (what is wrong with the judge's numbers, in sentences) come from all
    readings so far. Of the forecast, so many `experiments` fit into `night_seconds`; one takes `agent_seconds` and
    `readings` measurements of `seconds` each, and `certify_seconds` are kept for the end.
    `trust` is the weaker of baseline's and best's, None before the first number. `certified` speaks of the present
    best only; `certified_number` and `certified_gain` of the last certificate that confirmed a gain, None without
    one. `tampering` counts proposals that broke the contract or were seen to tamper, `flagged` those whose change has
    flags for a reviewer. `segment` (1 = the first) is the one that all this is about, of `segments`. `pending` are the
    numbers that have been asked for and not judged.
    """

    study: str
    metric: str
    direction: str
    unit: str
    baseline: float | None
    best: float | None
    gain: float | None
    gain_percent: float | None
    best_number: int | None
    best_commit: str | None
    experiments: int
    kept: int
    discarded: int
    crashed: int
    violations: int
    duplicates: int
    inconclusive: int
    evaluations: int
    holdout_reads: int
    tampering: int
    flagged: int
    trust: str | None
    certified: str
    certified_number: int | None
    certified_gain: float | None
    tier: str
    seconds: float
    cost_usd: float
    pending: tuple[int, ...]
    since_keep: int
    min_effect: float
    noise: float | None
    smallest_gain: float | None
    smallest_certified_gain: float | None
    metric_noise: dict[str, float]
    forecast: dict[str, float | None] | None
    concerns: tuple[str, ...]
    baseline_readings: int
    digest: str
    base: str
    seed: int
    segment: int
    segments: int
    stopping: bool
    closed: str


def numbers(state: State) -> Numbers:
    """Derive everything that is shown about a study as a whole."""
    objective = state.contract.objective if state.contract else Objective(metric="")
    baseline, best = state.baseline, state.best
    old = baseline.value if baseline else None
    new = best.value if best else None
    gain = None if old is None or new is None else objective.gain(old, new)
    calibration = calibrate(state) if state.contract else None
    return Numbers(
        study=state.study,
        metric=objective.metric,
        direction=objective.direction.value,
        unit=objective.unit,
        baseline=old,
        best=new,
        gain=gain,
        gain_percent=percentage(gain, old),
        best_number=best.number if best else None,
        best_commit=(best.commit or state.base or None) if best else None,
        experiments=state.counts.experiments,
        kept=state.counts.kept,
        discarded=state.counts.discarded,
        crashed=state.counts.crashed,
        violations=state.counts.violations,
        duplicates=state.counts.duplicates,
        inconclusive=state.counts.inconclusive,
        evaluations=state.counts.evaluations,
        holdout_reads=state.counts.holdout_reads,
        tampering=state.counts.tampering,
        flagged=state.counts.flagged,
        trust=weaker_trust(baseline, best),
        certified=certified(state).value,
        certified_number=state.win.number if state.win else None,
        certified_gain=state.win.gain if state.win else None,
        tier=state.tier.value,
        seconds=round(state.seconds, 3),
        cost_usd=round(state.cost_usd, 6),
        pending=state.pending,
        since_keep=state.since_keep,
        min_effect=objective.min_effect,
        noise=calibration.sigma if calibration else None,
        smallest_gain=_at_least(calibration.single if calibration else None, objective),
        smallest_certified_gain=_at_least(calibration.certified if calibration else None, objective),
        metric_noise={one.metric: one.sigma for one in state.noise},
        forecast=msgspec.structs.asdict(calibration.forecast) if calibration else None,
        concerns=tuple(one.sentence() for one in concerns(state)),
        baseline_readings=len(baseline_readings(state)),
        digest=state.digest,
        base=state.base,
        seed=state.seed,
        segment=state.segment,
        segments=state.segments,
        stopping=state.paused,
        closed=state.closed,
    )


def percentage(gain: float | None, baseline: float | None) -> float | None:
    """`gain` in percent of the size of `baseline`; None where that means nothing."""
    if gain is None or not baseline:
        return None
    share = 100.0 * gain / abs(baseline)
    return share if abs(share) < 1e12 else None


def baseline_readings(state: State) -> list[float]:
    """Every finite search reading of the unchanged code, in order of time."""
    if state.contract is None or not state.experiments:
        return []
    metric = state.contract.objective.metric
    return [value for run in state.experiments[0].readings if (value := lookup(run.values, metric)) is not None]


def _at_least(gain: float | None, objective: Objective) -> float | None:
    return None if gain is None else max(gain, objective.min_effect)


def certified(state: State) -> Certified:
    """How the present best is certified; a certificate of an earlier best does not count for it."""
    certificate, best = state.certificate, state.best
    if certificate is None or best is None or certificate.number != best.number:
        return Certified.no
    return certificate.level


def judged(state: State) -> tuple[Experiment, ...]:
    """Every experiment with a verdict, the baseline first."""
    return tuple(experiment for experiment in state.experiments if experiment.outcome is not None)


def gist(experiment: Experiment) -> str:
    """What a list says about an experiment: the agent's summary, but the reason where there is no number to show.

    Hostile text: pass it through `one_line`.
    """
    failed = experiment.outcome in (Outcome.crash, Outcome.violation, Outcome.inconclusive, Outcome.baseline)
    return experiment.reason if failed or not experiment.summary else experiment.summary


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
        "values": mean_values(source.readings),
        "trust": experiment.trust.value,
        "tier": (source.readings[-1].tier if source.readings else state.tier).value,
        "agent": experiment.agent,
        "policy": experiment.policy,
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


def weaker_trust(baseline: Experiment | None, best: Experiment | None) -> str | None:
    """The weaker trust of two experiments' values, None without any value."""
    order = list(Trust)
    known = [one.trust for one in (baseline, best) if one is not None and one.value is not None]
    return min(known, key=order.index).value if known else None
