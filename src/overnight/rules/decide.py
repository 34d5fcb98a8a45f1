"""The verdict: one pure function from measurements to keep, discard or crash, with the reason in words."""

from collections.abc import Sequence

from msgspec.structs import replace

from overnight.model.contract import Contract
from overnight.model.experiment import Comparison, Evaluation, Failure, Outcome, Trust, Verdict
from overnight.model.state import Experiment, State
from overnight.model.value import Pairs, Value, lookup
from overnight.rules.fold import mean_value
from overnight.rules.guards import broken

_DISCARDED = {"guard", "bounds", "hopeless"}


class Reference(Value, frozen=True, kw_only=True):
    """The best so far, to compare with: all its metrics in `values` (re-read where a guard is relative).

    `high_water` is the best value ever promoted: a tie may not be worse than it by `min_effect` or more, so that
    a chain of ties cannot walk downhill.
    """

    best: Experiment
    values: Pairs
    high_water: float


def averages(evaluation: Evaluation, extra: Pairs) -> Pairs:
    """Mean of each metric over the runs that have it, then `extra` (what was counted from the tree)."""
    sums: dict[str, list[float]] = {}
    for run in evaluation.runs:
        for name, value in run.values:
            sums.setdefault(name, []).append(value)
    means = {name: sum(values) / len(values) for name, values in sums.items()}
    return tuple({**means, **dict(extra)}.items())


def trust_of(evaluation: Evaluation) -> Trust:
    """The weakest trust among the runs; self-reported when nothing ran."""
    order = list(Trust)
    return min((run.trust for run in evaluation.runs), key=order.index, default=Trust.self_reported)


def tradeoff_cost(contract: Contract, old: Pairs, new: Pairs) -> tuple[float, str]:
    """(what the change of the traded metrics costs in units of the objective, a name for what is missing)."""
    cost = 0.0
    for trade in contract.tradeoffs:
        before, after = lookup(old, trade.metric), lookup(new, trade.metric)
        if before is None or after is None:
            return 0.0, trade.metric
        cost += (after - before) / trade.amount * trade.rate
    return cost, ""


def refused(contract: Contract, evaluation: Evaluation, *, counted: Pairs, against: Reference) -> Verdict | None:
    """The verdict on a candidate whose number may not be compared, None where it may.

    `counted` are loc and diff_lines of the candidate. A reading that shows tampering decides before its numbers, or
    its failure, are looked at.
    """
    trust = trust_of(evaluation)
    seen = [sentence for run in evaluation.runs for sentence in run.tampering]
    if seen:
        return tampered(seen, trust)
    if evaluation.failure is not None:
        return failed(evaluation.failure, trust)
    values = averages(evaluation, counted)
    failure = broken(contract, values, against.values)
    if failure is not None:
        return failed(failure, trust)
    _, missing = tradeoff_cost(contract, against.values, values)
    if missing:
        return failed(Failure(code="no-metric", detail=f"the trade-off's metric {missing} was not measured"), trust)
    return None


def decide(
    contract: Contract,
    evaluation: Evaluation,
    *,
    counted: Pairs,
    against: Reference,
) -> Verdict:
    """Karpathy's ratchet: keep what gains at least `min_effect` over the best; a tie goes to fewer lines."""
    verdict = refused(contract, evaluation, counted=counted, against=against)
    if verdict is not None:
        return verdict
    trust, objective = trust_of(evaluation), contract.objective
    values = averages(evaluation, counted)
    value = mean_value(evaluation.runs, objective.metric)
    old = lookup(against.values, objective.metric)
    if value is None or old is None:
        return failed(Failure(code="no-metric", detail=f"{objective.metric} was not measured"), trust)
    cost, _ = tradeoff_cost(contract, against.values, values)
    gain = objective.gain(old, value)
    comparison = Comparison(gain=gain, adjusted=gain - cost, runs=len(evaluation.runs))
    promote, reason = _ratchet(contract, comparison, value, counted, against)
    outcome = Outcome.keep if promote else Outcome.discard
    return Verdict(
        outcome=outcome, reason=reason, value=value, comparison=comparison, trust=trust, promote=promote
    )  # fmt: skip


def _ratchet(
    contract: Contract, comparison: Comparison, value: float, counted: Pairs, against: Reference
) -> tuple[bool, str]:
    objective, best = contract.objective, against.best
    gain, need = comparison.adjusted, objective.min_effect
    unit = f" {objective.unit}" if objective.unit else ""
    traded = " after trade-offs" if comparison.adjusted != comparison.gain else ""
    if gain > 0 and gain >= need:
        return True, f"better than #{best.number} by {gain:.6g}{unit}{traded}"
    if gain <= -need and gain < 0:
        return False, f"worse than #{best.number} by {-gain:.6g}{unit}{traded}"
    tie = f"a tie with #{best.number}" if need else f"the same as #{best.number}"
    change = f"{gain:+.6g}{unit}{traded}"
    lines = lookup(counted, "loc")
    fewer = lines is not None and lines < best.loc
    slipped = objective.gain(against.high_water, value)
    if fewer and (slipped > -need or slipped >= 0):
        saved = best.loc - int(lines or 0)
        return True, f"{tie} ({change}) in {saved} fewer {'line' if saved == 1 else 'lines'}"
    least = f", less than {need:g}" if need else ""
    return False, f"{tie} ({change}{least}) and no simpler"


def tampered(seen: Sequence[str], trust: Trust) -> Verdict:
    """The verdict on a candidate that was seen to touch what no honest one touches: a violation, without a value."""
    more = f" (and {len(seen) - 1} more)" if len(seen) > 1 else ""
    return Verdict(outcome=Outcome.violation, reason=f"tampering: {seen[0]}{more}", trust=trust)


def withheld(verdict: Verdict, state: State, number: int) -> Verdict:
    """`verdict` on experiment `number`, but no promotion of what is built on a candidate that was seen to tamper.

    Its own reading showed nothing, so it is a discard with its value, not a violation.
    """
    step = state.experiments[number].parent
    while verdict.promote and step > 0:
        ancestor = state.experiments[step]
        if ancestor.tampering:
            reason = f"built on #{step}, which was seen to tamper with the measurement"
            return replace(verdict, outcome=Outcome.discard, reason=reason, promote=False)
        step = min(ancestor.parent, step - 1)
    return verdict


def failed(failure: Failure, trust: Trust) -> Verdict:
    """The verdict on a candidate without an acceptable number: crash, or discard where a limit was broken."""
    outcome = Outcome.discard if failure.code in _DISCARDED else Outcome.crash
    return Verdict(outcome=outcome, reason=failure.detail, failure=failure, trust=trust)
