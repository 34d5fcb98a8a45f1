"""Where the search got stuck, what kinds of asks paid, and how good plain guessing would have been."""

from collections import Counter
from collections.abc import Sequence

from overnight.model.experiment import Asking, Outcome
from overnight.model.state import Experiment, State
from overnight.report.certified import standing_win
from overnight.report.escape import words
from overnight.report.estimate import believed_gain, search_gain
from overnight.report.summary import judged
from overnight.report.text import amount, plural
from overnight.rules.lineage import lineage

PLATEAU = 20
ENOUGH = 10
"""Fewer proposals on the unchanged code say nothing about the best of many."""
_NAMED = 5

_ASKED = {
    Asking.expand: ("change the best", "changes of the best"),
    Asking.follow_up: ("finish a first half", "follow-ups of a first half"),
    Asking.step_back: ("build on another candidate", "steps back to another candidate"),
    Asking.combine: ("combine two", "combinations"),
    Asking.scout: ("try something new", "scouts for something new"),
    Asking.simplify: ("make it simpler", "simplifications"),
}


def asked_words(kind: Asking) -> str:
    """A kind of ask in plain words."""
    return _ASKED[kind][0]


def stuck(state: State) -> list[str]:
    """Section 7: the longest stretches without a gain and the reasons that came up most."""
    done = judged(state)[1:]
    if not done:
        return ["No experiment has been judged yet."]
    start, length = _drought(done)
    tried = plural(state.since_keep, "experiment")
    lines = [f"- {tried} since the last kept change." if state.counts.kept else f"- {tried}, and none was kept."]
    if state.since_keep >= PLATEAU:
        lines.append(
            "- A plateau says that all look in the same place, not that there is nothing better: another agent, or "
            "`overnight fork N`, looks elsewhere."
        )
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
    return lines + _kinds(state, done) + [f"- {yardstick(state)}"]


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


def _kinds(state: State, done: Sequence[Experiment]) -> list[str]:
    """How often each kind of ask brought a gain, and which steps back paid."""
    asked = Counter(one.kind for one in done)
    if len(asked) < 2:
        return []
    gains = Counter(one.kind for one in done if one.outcome is Outcome.keep)
    told = ", ".join(f"{count} {_ASKED[kind][1]} ({gains[kind]})" for kind, count in asked.most_common())
    lines = [f"- Asked for, and in brackets how many became the best: {told}."]
    back = [one for one in done if one.kind in (Asking.step_back, Asking.follow_up)]
    if not back:
        return lines
    line = set(lineage(state, state.best.number)) if state.best else set()
    paid = [one for one in back if one.outcome is Outcome.keep or one.number in line]
    if not paid:
        return [*lines, f"- Stepping back did not pay: tried {plural(len(back), 'time')}."]
    named = ", ".join(f"#{one.number} on {_built_on(one)}" for one in paid[-_NAMED:])
    more = f"{len(paid) - _NAMED} earlier and " if len(paid) > _NAMED else ""
    return [*lines, f"- Stepping back paid {len(paid)} of {plural(len(back), 'time')}: {more}{named}."]


def _built_on(one: Experiment) -> str:
    return f"#{one.parent}" if one.parent else "the unchanged code"


def yardstick(state: State) -> str:
    """A sentence: the best of as many independent changes of the unchanged code as the search took readings.

    The expected maximum when so many are drawn, with replacement, from those that were made (more than those cannot be
    told); each counts with what all readings let one believe, so that luck of a reading is not taken for a gain. A
    proposal without a number gains nothing. That the agent had seen earlier ones is not taken into account.
    """
    spent = sum(len(one.readings) for one in state.experiments[1:])
    first = [one for one in judged(state)[1:] if one.parent == 0]
    made = len(first)
    ask = f"Best of {spent} independent changes of the unchanged code, the honest yardstick"
    if made < ENOUGH or not spent:
        few = f"only {made}" if made else "none"
        return f"{ask}: cannot be told, because {few} of the proposals {'was' if made == 1 else 'were'} made on it."
    unit = state.contract.objective.unit if state.contract else ""
    draws = min(spent, made)
    found = amount(best_of([_gain(state, one) for one in first], draws), unit, 3)
    if draws < spent:
        return f"{ask}: cannot be told from the {made} that were made; the best of {draws} gains about {found}."
    return f"{ask}: a gain of about {found}{_beside(state, unit)}."


def best_of(gains: Sequence[float], draws: int) -> float:
    """The expected maximum of `draws` draws with replacement from `gains`, where taking none of them gains 0."""
    ranked = sorted(max(0.0, gain) for gain in gains)
    count = len(ranked)
    return sum(
        gain * ((place / count) ** draws - ((place - 1) / count) ** draws) for place, gain in enumerate(ranked, start=1)
    )


def _gain(state: State, one: Experiment) -> float:
    source = state.experiments[one.same_as] if one.same_as is not None else one
    baseline = state.baseline
    if not source.usable or baseline is None or source.number == 0:
        return 0.0
    believed = believed_gain(state, source, baseline)
    return believed.value if believed is not None else search_gain(state, source.number) or 0.0


def _beside(state: State, unit: str) -> str:
    """What the search has brought, to stand beside it."""
    win, best = standing_win(state), state.best
    if win is not None and win.gain is not None:
        return f"; the search's certified gain is {amount(win.gain, unit, 3)}"
    gain = search_gain(state, best.number) if best is not None and best.number else None
    return f"; the search believes in {amount(gain, unit, 3)}" if gain is not None else "; the search found nothing"
