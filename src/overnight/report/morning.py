"""The rest of the morning report: near misses, ideas, cost, where it got stuck."""

from collections import Counter

from overnight.model.experiment import Outcome
from overnight.model.state import Experiment, State
from overnight.report.escape import words
from overnight.report.merge import LISTED, change_line
from overnight.report.summary import judged
from overnight.report.text import duration, figure, plural

NEAR = 5
IDEAS = 10


def near_misses(state: State) -> list[str]:
    """Section 4, first half: changes that were not kept although their number came close or was better."""
    if state.contract is None:
        return ["None."]
    objective = state.contract.objective
    close = [
        one
        for one in judged(state)[1:]
        if one.outcome in (Outcome.discard, Outcome.inconclusive)
        and one.gain is not None
        and (one.gain >= 0 or one.gain > -objective.min_effect)
    ]
    if not close:
        return ["No discarded change came close."]
    baseline = state.baseline.value if state.baseline else None
    close.sort(key=lambda one: (-(one.gain or 0.0), one.number))
    lines = []
    for one in close[:NEAR]:
        size = change_line(one, objective, baseline) if (one.gain or 0) > 0 else f"**#{one.number}** a tie"
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
        f"- {plural(counts.evaluations, 'judge run')}, {plural(counts.holdout_reads, 'look')} at the holdout",
        f"- {duration(state.seconds)} of agents and judge{each}",
        f"- {money}" + (f", {tokens} tokens" if tokens else ""),
    ]


def stuck(state: State) -> list[str]:
    """Section 7: the longest stretches without a gain and the reasons that came up most."""
    done = judged(state)[1:]
    if not done:
        return ["No experiment has been judged yet."]
    start, length = _drought(done)
    lines = [f"- {plural(state.since_keep, 'experiment')} since the last kept change."]
    if length > state.since_keep:
        lines.append(f"- The longest stretch without one was {plural(length, 'experiment')}, from #{start}.")
    failures = Counter(one.failure.code for one in done if one.failure is not None)
    for name, count in failures.most_common(5):
        example = next(one for one in reversed(done) if one.failure is not None and one.failure.code == name)
        assert example.failure is not None  # noqa: S101 - chosen above
        what = "discarded" if example.outcome is Outcome.discard else "without a number"
        lines.append(f"- {count} {what} for `{name}`; latest #{example.number}: "
                     f"{words(example.failure.detail, 140)}")  # fmt: skip
    if state.counts.duplicates:
        lines.append(f"- {plural(state.counts.duplicates, 'proposal')} repeated an earlier candidate exactly.")
    return lines


def _drought(done: tuple[Experiment, ...]) -> tuple[int, int]:
    """(first number, length) of the longest stretch without a kept change."""
    best = (done[0].number, 0)
    start, length = done[0].number, 0
    for one in done:
        if one.outcome is Outcome.keep:
            start, length = one.number + 1, 0
        else:
            length += 1
            best = max(best, (start, length), key=lambda stretch: stretch[1])
    return best
