"""The numbers that every face shows, derived from the state in one place, so that all of them say the same."""

import msgspec

from overnight.model.contract import Objective
from overnight.model.experiment import Certified, Trust
from overnight.model.state import Experiment, State
from overnight.model.value import lookup
from overnight.report.estimate import estimate
from overnight.report.splits import gate_left
from overnight.rules.calibration import calibrate
from overnight.rules.concerns import concerns


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
    best only; `certified_number`, `certified_gain` and the interval `certified_low`..`certified_high` at confidence
    1 - `certified_alpha` of the last certificate that confirmed a gain, None without one. `estimate` is what all
    readings together let one believe of the best's true value, trade-offs included, and `estimate_sd` its standard
    deviation. `gate_looks` were taken at the gate split, `gate_looks_left` may still be, None without one. `demotions`
    counts bests that gave way to an older one because re-reading showed that they were lucky.
    `tampering` counts proposals that broke the contract or were seen to tamper, `flagged` those whose change has flags
    for a reviewer. `segment` (1 = the first) is the one that all this is about, of `segments`. `pending` are the
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
    certified_low: float | None
    certified_high: float | None
    certified_alpha: float | None
    estimate: float | None
    estimate_sd: float | None
    gate_looks: int
    gate_looks_left: int | None
    demotions: int
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
    believed = estimate(state, best) if best else None
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
        certified_low=state.win.low if state.win else None,
        certified_high=state.win.high if state.win else None,
        certified_alpha=state.win.alpha if state.win else None,
        estimate=believed.value if believed else None,
        estimate_sd=believed.sd if believed else None,
        gate_looks=state.counts.gate_reads,
        gate_looks_left=gate_left(state),
        demotions=len(state.demotions),
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


def weaker_trust(baseline: Experiment | None, best: Experiment | None) -> str | None:
    """The weaker trust of two experiments' values, None without any value."""
    order = list(Trust)
    known = [one.trust for one in (baseline, best) if one is not None and one.value is not None]
    return min(known, key=order.index).value if known else None
