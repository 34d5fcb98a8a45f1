"""What a reviewer should look at: broken contracts, signs of tampering, strange numbers, and flags on changes."""

from collections import Counter
from collections.abc import Sequence

from overnight.model.experiment import Flag, Outcome
from overnight.model.state import Experiment, State
from overnight.report.escape import code, words
from overnight.report.merge import LISTED
from overnight.report.summary import judged
from overnight.report.text import one_line, plural

SUSPICIOUS = {"sealed", "bounds", "twice", "malformed"}
_SHOWN = 3
_FLAGGED = 10


def violations(state: State) -> list[str]:
    """Section 5: what broke the contract or looked like tampering, with the evidence, and what was flagged."""
    done = judged(state)
    lines = _broken(done) + _tampering(done) + _strange(done)
    if not lines:
        lines.append("- None.")
    lines += [f"- **accepted by name at the start**: {words(text, 400)}" for text in state.despite[:LISTED]]
    lines += [f"- warning at the start: {words(warning, 300)}" for warning in state.warnings[:LISTED]]
    flagged = _flagged(state, done)
    return [*lines, "", *flagged] if flagged else lines


def flag_text(flag: Flag) -> str:
    """One flag in one line, safe to print: `frames at train.py:12: ...`."""
    line = f":{flag.line}" if flag.line else ""
    where = f" at {one_line(flag.path, 80)}{line}" if flag.path else ""
    return f"{one_line(flag.rule, 20)}{where}: {one_line(flag.detail, 200)}"


def mark(experiment: Experiment) -> str:
    """What a list says before an experiment's words: `(tampered, 2 flags) `, or nothing."""
    parts = ["tampered"] if experiment.tampering and experiment.outcome is not Outcome.violation else []
    parts += [plural(len(experiment.flags), "flag")] if experiment.flags else []
    return f"({', '.join(parts)}) " if parts else ""


def rules_of(experiment: Experiment) -> str:
    """The rules of an experiment's flags, each once: `exit, frames`."""
    return ", ".join(sorted({one_line(flag.rule, 20) for flag in experiment.flags}))


def _broken(done: Sequence[Experiment]) -> list[str]:
    broken = [one for one in done if one.outcome is Outcome.violation and not one.tampering]
    lines = [
        f"- **#{one.number}** by {words(one.agent, 40) or 'an agent'} was never judged: {_evidence(one)}"
        for one in broken[:LISTED]
    ]
    if len(broken) > LISTED:
        lines.append(f"- and {len(broken) - LISTED} more; `overnight log --outcome violation` lists all.")
    return lines


def _tampering(done: Sequence[Experiment]) -> list[str]:
    seen = [one for one in done if one.tampering]
    lines = []
    for one in seen[:LISTED]:
        end = "its number does not count" if one.outcome is Outcome.violation else "it is not the best any more"
        said = "; ".join(words(sentence.rstrip("."), 200) for sentence in one.tampering[:_SHOWN])
        lines.append(f"- **#{one.number}** by {words(one.agent, 40) or 'an agent'} tampered, so {end}: {said}")
    if len(seen) > LISTED:
        lines.append(f"- and {len(seen) - LISTED} more that tampered.")
    return lines


def _strange(done: Sequence[Experiment]) -> list[str]:
    strange = [one for one in done if one.failure is not None and one.failure.code in SUSPICIOUS]
    lines = []
    for one in strange[:LISTED]:
        assert one.failure is not None  # noqa: S101 - filtered above
        what = "was discarded" if one.outcome is Outcome.discard else "has no number"
        lines.append(f"- **#{one.number}** {what} ({one.failure.code}): {words(one.failure.detail)}")
    if len(strange) > LISTED:
        lines.append(f"- and {len(strange) - LISTED} more without a number for such reasons.")
    return lines


def _flagged(state: State, done: Sequence[Experiment]) -> list[str]:
    """Flags of kept changes one by one, of all others as a count: only what is kept can be merged."""
    flagged = [one for one in done if one.flags]
    if not flagged:
        return []
    counts = Counter(rule for one in flagged for rule in {flag.rule for flag in one.flags})
    told = ", ".join(f"{words(rule, 20)} {count}" for rule, count in counts.most_common())
    advice = "A flag is advice from the text of the change alone; it never decides, and no flag does not mean honest."
    lines = [f"{plural(len(flagged), 'change')} of {len(done) - 1} with flags ({told}). {advice}", ""]
    kept = [one for one in flagged if one.number in set(state.kept)]
    for one in kept[:_FLAGGED]:
        lines += [f"- **#{one.number}** (kept) {words(flag_text(flag), 300)}" for flag in one.flags[:_SHOWN]]
        if len(one.flags) > _SHOWN:
            lines.append(f"- **#{one.number}** has {len(one.flags) - _SHOWN} more; `overnight show {one.number}`.")
    others = [one.number for one in flagged if one not in kept[:_FLAGGED]]
    if others:
        listed = ", ".join(f"#{number}" for number in others[:LISTED])
        more = f" and {len(others) - LISTED} more" if len(others) > LISTED else ""
        lines.append(f"- others: {listed}{more}; `overnight show N` lists the flags of one.")
    return lines


def _evidence(one: Experiment) -> str:
    if not one.breaches:
        return words(one.reason)
    shown = [
        f"{code(breach.path, 80)} ({words(breach.rule, 60)}"
        + (f": {words(breach.detail, 100)})" if breach.detail else ")")
        for breach in one.breaches[:_SHOWN]
    ]
    more = f" and {len(one.breaches) - _SHOWN} more" if len(one.breaches) > _SHOWN else ""
    return ", ".join(shown) + more
