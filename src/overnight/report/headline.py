"""The night in one sentence, and how far that sentence may be believed."""

from itertools import takewhile

from overnight.model.contract import Direction, Objective
from overnight.model.event import Certificate
from overnight.model.experiment import Certified, Outcome
from overnight.model.state import State
from overnight.report.certified import WHERE, gain_words, standing_win, values, what
from overnight.report.estimate import Estimate, believed_gain, estimate, give_or_take, noisy
from overnight.report.summary import Numbers, judged, numbers, percentage, weaker_trust
from overnight.report.suspicion import rules_of
from overnight.report.text import amount, duration, one_line, percent, plural, rounded, span

_IDLE = 3
_NAMED = 3

TRUST = {
    "self-reported": "self-reported (the candidate printed its own number)",
    "measured": "measured by the box's own meters",
    "scored": "scored by a judge outside the candidate",
}
SPLIT = {
    Certified.no: "At certification",
    Certified.yes: "On fresh seeds",
    Certified.holdout: "On the holdout",
}


def headline(state: State) -> str:
    """One plain sentence: how much better, on what, who says so, and whether it was certified."""
    if state.contract is None:
        return "Nothing has been recorded yet."
    win = standing_win(state)
    if win is not None:
        return _won(state, win) + idle(state)
    found = numbers(state)
    unmeasured = _unmeasured(state, found)
    if unmeasured:
        return unmeasured
    if found.gain is None or found.best is None or found.gain <= 0:
        tried = plural(found.experiments, "experiment")
        simpler = " A tie in fewer lines was kept." if found.best_number else ""
        least = f"{amount(found.baseline, found.unit, 4 if noisy(state) else 6)} {one_line(found.metric, 40)}"
        sure = "surely better" if noisy(state) else "better"
        return f"No gain: {tried}, none {sure} than {least}.{simpler}{idle(state)}"
    return _present(state, found) + idle(state)


def _unmeasured(state: State, found: Numbers) -> str:
    """What there is to say before there is something to compare; "" from then on."""
    metric = one_line(found.metric, 40)
    if state.baseline is None:
        return f"The unchanged code has not been measured yet, so there is no {metric} to beat."
    if found.baseline is None:
        return f"The unchanged code could not be measured: {one_line(state.baseline.reason)}."
    if found.experiments:
        return ""
    was = f"{metric} of the unchanged code is {amount(found.baseline, found.unit)}"
    return f"{was}; no experiment has been judged yet ({TRUST[found.trust or 'self-reported']})."


def idle(state: State) -> str:
    """A sentence, with a space before it, when all proposals or the last few were nothing new; else ""."""
    done = judged(state)[1:]
    last = list(takewhile(lambda one: one.outcome is Outcome.duplicate, reversed(done)))
    if not last or (len(last) < len(done) and len(last) < _IDLE):
        return ""
    unchanged = all(one.same_as == one.parent for one in last)
    did = "changed nothing" if unchanged else "changed nothing or repeated an earlier candidate"
    if len(last) < len(done):
        return f" The last {len(last)} proposals {did}."
    return f" {len(last)} of {len(done)} proposals {did}." if len(done) > 1 else f" The only proposal {did}."


def _won(state: State, win: Certificate) -> str:
    """The certified win, with its interval; and what came after it."""
    assert state.contract is not None  # noqa: S101 - what is certified was read under a contract
    objective, best = state.contract.objective, state.best
    old, new = values(win)
    trust = TRUST[weaker_trust(state.baseline, state.experiments[win.number]) or "self-reported"]
    moved = best is not None and best.number != win.number
    which = f" ({what(win)})" if moved or win.dropped else ""
    won = (
        f"A win: {one_line(objective.metric, 40)} is better by {gain_words(win, objective.unit)}, {old} -> {new} "
        f"({_better(objective)}), {trust}, {WHERE[win.level]}{which}."
    )
    if best is None or not moved:
        return won
    now = f"#{best.number} ({amount(best.value, objective.unit)})" if best.number else "the unchanged code"
    return f"{won} The best since then, {now}, is not certified."


def _present(state: State, found: Numbers) -> str:
    """A gain without a certificate: where readings scatter what all of them say, else what was read."""
    assert state.contract is not None  # noqa: S101 - there are numbers
    objective = state.contract.objective
    believed = _believed(state)
    values = [estimate(state, one) for one in (state.baseline, state.best) if one is not None]
    if believed is not None and believed.value > 0 and len(values) == 2 and values[0] and values[1]:
        old, new = (rounded(one.value, believed.doubt) for one in values if one)
        size, share = give_or_take(believed, found.unit), percentage(believed.value, values[0].value)
        said = ", as all readings together say"
    else:
        old, new = amount(found.baseline), amount(found.best)
        size, share, said = amount(found.gain, found.unit, 4), found.gain_percent, ""
    of = f" ({percent(share)})" if share is not None else ""
    trust = TRUST[found.trust or "self-reported"]
    return (
        f"A gain that is not a win yet: {one_line(found.metric, 40)} is better by {size}{of}{said}, {old} -> {new} "
        f"({_better(objective)}), {trust}, {WHERE[Certified.no]}."
    )


def _believed(state: State) -> Estimate | None:
    """What all readings together say that the best gains; None where nothing scatters."""
    if state.best is None or state.baseline is None or state.best.number == 0:
        return None
    return believed_gain(state, state.best, state.baseline)


def doubt(state: State) -> str:
    """How far the gain may be believed: who says it, the noise, flags on what was kept; "" without a gain to doubt."""
    found = numbers(state)
    win = standing_win(state)
    if win is None and (not found.gain or found.gain <= 0):
        return ""
    best = state.best
    proved = win is not None and win.low is not None and best is not None and best.number == win.number
    sentences = ["" if proved else _noise(state, found), _flags(state)]
    if found.trust == "self-reported":
        sentences.insert(
            0,
            "The candidate printed this number itself, so only reading its diff can tell whether it is honest; "
            "a certificate speaks about noise only.",
        )
    return " ".join(sentence for sentence in sentences if sentence)


def demotions(state: State) -> list[str]:
    """A sentence for each best that gave way to an older one, the latest first: that is evidence, not a failure."""
    shown = [one_line(reason, 300).rstrip(".") for _, reason in reversed(state.demotions)]
    lines = [f"{reason[:1].upper()}{reason[1:]}." for reason in shown[:_NAMED]]
    return [*lines, f"{len(shown) - _NAMED} more gave way earlier."] if len(shown) > _NAMED else lines


def _flags(state: State) -> str:
    """Which of the kept changes a reviewer should read first."""
    flagged = [state.experiments[number] for number in state.kept if state.experiments[number].flags]
    if not flagged:
        return ""
    named = ", ".join(f"#{one.number} ({rules_of(one)})" for one in flagged[-_NAMED:])
    more = f" and {len(flagged) - _NAMED} before" if len(flagged) > _NAMED else ""
    return f"Kept changes with flags for a reviewer: {named}{more}; `overnight show N` says what was seen."


def segment_line(state: State, verb: str) -> str:
    """Which segment this is about, and how `overnight VERB` shows the one beside it."""
    other = state.segment - 1 if state.segment > 1 else state.segment + 1
    side = "before" if other < state.segment else "after"
    return (
        f"Segment {state.segment} of {state.segments}; `overnight {verb} --segment {other}` shows the one {side}. "
        "Their numbers are not comparable."
    )


def standing(state: State, *, running: bool) -> str:
    """Whether the night goes on, and if not, why it ended."""
    spent = f"{plural(state.counts.experiments, 'experiment')} in {duration(state.seconds)}"
    if state.segment < state.segments:
        return f"Ended after {spent}, before segment {state.segment + 1} began."
    if running:
        return f"Still running: {spent} so far."
    if state.closed:
        return f"Ended after {spent}: {one_line(state.closed)}."
    return f"Not running: {spent} so far; overnight run goes on from here."


def _noise(state: State, found: Numbers) -> str:
    if found.noise is None or found.smallest_gain is None or found.gain is None:
        return "The unchanged code was read only once, so the noise is unknown and a small gain may be chance."
    if found.noise == 0:
        return f"The noise is 0: {plural(found.baseline_readings, 'reading')} of the unchanged code were identical."
    noise = f"one reading scatters by {amount(found.noise, found.unit, 3)}"
    believed = _believed(state)
    if believed is None:
        least = amount(found.smallest_gain, found.unit, 3)
        chance = "may be chance" if found.gain < found.smallest_gain else "is more than chance"
        return f"This {chance}: {noise}, and a gain above {least} can be told from noise."
    chance = "may be chance" if believed.low <= 0 else "is probably more than chance"
    between = f"all readings together allow a gain of {span(believed.low, believed.high)}"
    return (
        f"This {chance}: {noise}, and {between}. The search chose it because it read well, so its number is too good "
        "on average; `overnight certify` measures it afresh."
    )


def _better(objective: Objective) -> str:
    return "lower is better" if objective.direction is Direction.minimize else "higher is better"
