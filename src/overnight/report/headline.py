"""The night in one sentence, and how far that sentence may be believed."""

from itertools import takewhile

from msgspec.structs import replace

from overnight.model.experiment import Certified, Outcome
from overnight.model.state import State
from overnight.report.summary import Numbers, judged, numbers, percentage, weaker_trust
from overnight.report.suspicion import rules_of
from overnight.report.text import amount, duration, one_line, percent, plural

_IDLE = 3
_NAMED = 3

TRUST = {
    "self-reported": "self-reported (the candidate printed its own number)",
    "measured": "measured by the box's own meters",
    "scored": "scored by a judge outside the candidate",
}
CERTIFIED = {
    "no": "not certified",
    "yes": "certified on fresh seeds",
    "holdout": "certified on the holdout",
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
    found = numbers(state)
    metric = one_line(found.metric, 40)
    if state.baseline is None:
        return f"The unchanged code has not been measured yet, so there is no {metric} to beat."
    if found.baseline is None:
        return f"The unchanged code could not be measured: {one_line(state.baseline.reason)}."
    was = f"{metric} of the unchanged code is {amount(found.baseline, found.unit)}"
    if not found.experiments:
        return f"{was}; no experiment has been judged yet ({TRUST[found.trust or 'self-reported']})."
    if found.gain is None or found.best is None or found.gain <= 0:
        tried = plural(found.experiments, "experiment")
        simpler = " A tie in fewer lines was kept." if found.best_number else ""
        return (
            f"No gain: {tried}, none better than {amount(found.baseline, found.unit)} {metric}.{simpler}{idle(state)}"
        )
    return (_earlier_win(state, found) or _present(found)) + idle(state)


def idle(state: State) -> str:
    """A sentence, with a space before it, when all proposals or the last few were nothing new; else ""."""
    done = judged(state)[1:]
    last = list(takewhile(lambda one: one.outcome is Outcome.duplicate, reversed(done)))
    if not last or (len(last) < len(done) and len(last) < _IDLE):
        return ""
    unchanged = all(one.same_as == one.parent for one in last)
    what = "changed nothing" if unchanged else "changed nothing or repeated an earlier candidate"
    if len(last) < len(done):
        return f" The last {len(last)} proposals {what}."
    return f" {len(last)} of {len(done)} proposals {what}." if len(done) > 1 else f" The only proposal {what}."


def _earlier_win(state: State, found: Numbers) -> str:
    """The certified win of an earlier best, where the present best is not certified; "" without one."""
    win, baseline, best = state.win, state.baseline, state.best
    if found.certified != "no" or win is None or state.contract is None or baseline is None or best is None:
        return ""
    won = state.experiments[win.number]
    if baseline.value is None or won.value is None or win.number == best.number:
        return ""
    gain = state.contract.objective.gain(baseline.value, won.value)
    trust = weaker_trust(baseline, won)
    then = {
        "best": won.value, "gain": gain, "gain_percent": percentage(gain, baseline.value), "trust": trust,
        "best_number": won.number, "certified": win.level.value,
    }  # fmt: skip
    told = _present(replace(found, **then)).removesuffix(".") if gain > 0 else ""
    since = f"The best since then, #{best.number} ({amount(best.value, found.unit)}), is not certified."
    return f"{told} (#{won.number}). {since}" if told else ""


def _present(found: Numbers) -> str:
    metric, gain = one_line(found.metric, 40), amount(found.gain, found.unit, 4)
    kind = "A win" if found.certified != "no" else "A gain that is not a win yet"
    share = f" ({percent(found.gain_percent)})" if found.gain_percent is not None else ""
    trust = TRUST[found.trust or "self-reported"]
    return (
        f"{kind}: {metric} is better by {gain}{share}, {amount(found.baseline)} -> {amount(found.best)} "
        f"({_better(found)}), {trust}, {CERTIFIED[found.certified]}."
    )


def doubt(state: State) -> str:
    """How far the gain may be believed: who says it, the noise, flags on what was kept; "" without a gain to doubt."""
    found = numbers(state)
    if not found.gain or found.gain <= 0:
        return ""
    sentences = [_noise(found), _flags(state)]
    if found.trust == "self-reported":
        sentences.insert(
            0,
            "The candidate printed this number itself, so only reading its diff can tell whether it is honest; "
            "a certificate speaks about noise only.",
        )
    return " ".join(sentence for sentence in sentences if sentence)


def _flags(state: State) -> str:
    """Which of the kept changes a reviewer should read first."""
    flagged = [state.experiments[number] for number in state.kept if state.experiments[number].flags]
    if not flagged:
        return ""
    named = ", ".join(f"#{one.number} ({rules_of(one)})" for one in flagged[-_NAMED:])
    more = f" and {len(flagged) - _NAMED} before" if len(flagged) > _NAMED else ""
    return f"Kept changes with flags for a reviewer: {named}{more}; `overnight show N` says what was seen."


def certification(state: State) -> str:
    """What the fresh measurement of baseline and best said, beside what the search said."""
    certificate = state.certificate
    if certificate is None or state.contract is None:
        return "Baseline and best have not been measured afresh."
    unit = state.contract.objective.unit
    note = f" {one_line(certificate.note)}" if certificate.note else ""
    moved = ""
    if state.best is not None and state.best.number != certificate.number:
        moved = f" Since then the best has moved on to #{state.best.number}, which is not certified."
    where = SPLIT[certificate.level]
    if certificate.baseline is None or certificate.best is None:
        missing = "the baseline" if certificate.baseline is None else "the best"
        return f"{where} {missing} (best: #{certificate.number}) gave no number, so nothing is certified.{note}{moved}"
    each = "once each" if certificate.runs == 1 else f"{certificate.runs} times each"
    gain = state.contract.objective.gain(certificate.baseline, certificate.best)
    share = percentage(gain, certificate.baseline)
    change = f"better by {amount(gain, unit, 4)}" if gain > 0 else f"worse by {amount(-gain, unit, 4)}"
    if gain == 0:
        change = "no difference"
    shown = f" ({percent(abs(share))})" if share and gain else ""
    return (
        f"{where}, baseline and best (#{certificate.number}) were measured {each}: "
        f"{amount(certificate.baseline, unit)} and {amount(certificate.best, unit)}, {change}{shown}. "
        f"{_agreement(state, gain, share)}{note}{moved}"
    )


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


def _noise(found: Numbers) -> str:
    if found.noise is None or found.smallest_gain is None or found.gain is None:
        return "The unchanged code was read only once, so the noise is unknown and a small gain may be chance."
    if found.noise == 0:
        return f"The noise is 0: {plural(found.baseline_readings, 'reading')} of the unchanged code were identical."
    least = amount(found.smallest_gain, found.unit, 3)
    noise = f"one reading scatters by {amount(found.noise, found.unit, 3)}"
    if found.gain < found.smallest_gain:
        return f"This may be chance: {noise}, so only a gain above {least} can be told from noise."
    return f"This is more than chance: {noise}, and a gain above {least} can be told from noise."


def _agreement(state: State, gain: float, share: float | None) -> str:
    certificate, baseline = state.certificate, state.baseline
    if certificate is None or baseline is None or baseline.value is None or state.contract is None:
        return ""
    value = state.experiments[certificate.number].value
    if value is None:
        return ""
    searched = state.contract.objective.gain(baseline.value, value)
    said = amount(searched, state.contract.objective.unit, 4)
    before = percentage(searched, baseline.value)
    told = f"The search said {said} ({percent(before)})" if before is not None else f"The search said {said}"
    if searched <= 0:
        return f"{told}."
    if gain <= 0:
        return f"{told}: they do not agree."
    ratio = share / before if share and before else gain / searched
    if ratio < 0.5:
        return f"{told}: the direction agrees, but less than half of the gain is left."
    return f"{told}: they agree."


def _better(found: Numbers) -> str:
    return "lower is better" if found.direction == "minimize" else "higher is better"
