"""The rest of the morning report: near misses, ideas, cost."""

from collections.abc import Sequence

from overnight.model.experiment import Outcome
from overnight.model.state import Experiment, State
from overnight.report.escape import words
from overnight.report.estimate import believed_gain, compared, noisy
from overnight.report.merge import LISTED, change_line
from overnight.report.summary import judged
from overnight.report.text import duration, figure, plural
from overnight.rules.lineage import lineage

NEAR = 5
IDEAS = 10


def near_misses(state: State) -> list[str]:
    """Section 4, first half: what was not kept and may be better than the best all the same, or nearly was.

    Where readings scatter, that is what all readings together leave open; the likeliest first.
    """
    best = state.best
    if state.contract is None or best is None:
        return ["None."]
    used = {*lineage(state, best.number), *state.kept}
    left = [
        one
        for one in judged(state)[1:]
        if one.outcome in (Outcome.discard, Outcome.inconclusive) and one.number not in used
    ]
    return (_open(state, left, best) if noisy(state) and not state.contract.tradeoffs else _close(state, left)) or [
        "Nothing else came close."
    ]


def _open(state: State, left: Sequence[Experiment], best: Experiment) -> list[str]:
    """Those that may be better than the best by all readings; not what the gate has refused."""
    assert state.contract is not None  # noqa: S101 - near_misses() looks first
    found = [(believed, one) for one in left if one.usable and (believed := believed_gain(state, one, best))]
    found = [(believed, one) for believed, one in found if believed.high > 0]
    found.sort(key=lambda item: (-item[0].value, item[1].number))
    lines = []
    for believed, one in found[:NEAR]:
        reads = plural(len(one.readings), "reading")
        said = f"; {words(one.summary, 120)}" if one.summary else ""
        than = f"#{best.number}" if best.number else "the unchanged code"
        lines.append(
            f"- **#{one.number}** {words(compared(believed, than, state.contract.objective.unit))}, after {reads}{said}"
        )
    rest = len(found) - NEAR
    lines += [f"- and {rest} more."] if rest > 0 else []
    return ["By all readings together these may be better than the best all the same:", "", *lines] if lines else []


def _close(state: State, left: Sequence[Experiment]) -> list[str]:
    """Those whose gain was a tie or better when they were judged."""
    assert state.contract is not None  # noqa: S101 - as above
    least = -state.contract.objective.min_effect
    close = [one for one in left if one.gain is not None and (one.gain >= 0 or one.gain > least)]
    close.sort(key=lambda one: (-(one.gain or 0.0), one.number))
    lines = []
    for one in close[:NEAR]:
        size = change_line(state, one) if (one.gain or 0) > 0 else f"**#{one.number}** a tie"
        said = f"; {words(one.summary, 120)}" if one.summary else ""
        lines.append(f"- {size}: {words(one.reason, 120)}{said}")
    return lines


def ideas(state: State) -> list[str]:
    """Section 4, second half: what agents proposed for later, newest first, each once."""
    tried = {" ".join(one.summary.casefold().split()) for one in state.experiments}
    found: dict[str, tuple[int, str]] = {}
    for one in reversed(state.experiments):
        for idea in one.ideas[:LISTED]:
            key = " ".join(idea[:1000].casefold().split())
            if key and key not in tried and len(found) < IDEAS:
                found.setdefault(key, (one.number, idea))
    if not found:
        return ["The agents left no ideas."]
    return [f"- from #{number}: {words(idea)}" for number, idea in found.values()]


def cost(state: State) -> list[str]:
    """Section 6: experiments, evaluations, time and money."""
    counts = state.counts
    parts = (
        (counts.kept, "kept"),
        (counts.discarded, "discarded"),
        (counts.crashed, "crashed"),
        (counts.violations, "broke the contract or tampered"),
        (counts.duplicates, "repeated an earlier candidate"),
        (counts.inconclusive, "inconclusive"),
    )
    outcomes = ", ".join(f"{count} {word}" for count, word in parts if count)
    each = f", {duration(state.seconds / counts.experiments)} each" if counts.experiments else ""
    tokens = sum(one.tokens for one in state.experiments)
    money = f"${figure(state.cost_usd, 4)}" if state.cost_usd else "no cost was reported by the agents"
    return [
        f"- {plural(counts.experiments, 'experiment')}" + (f": {outcomes}" if outcomes else ""),
        f"- {plural(counts.evaluations, 'judge run')}, {plural(counts.holdout_reads, 'look')} at the holdout"
        + (f" ({counts.gate_reads} for the gate)" if counts.gate_reads else ""),
        f"- {duration(state.seconds)} of agents and judge{each}",
        f"- {money}" + (f", {tokens} tokens" if tokens else ""),
    ]
