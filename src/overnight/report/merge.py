"""What to merge: the kept changes, ranked, with the commands that bring them in."""

import math
import shlex
from collections.abc import Mapping, Sequence

from overnight.model.event import Certificate, Effect
from overnight.model.experiment import Certified
from overnight.model.state import Experiment, State
from overnight.report.certified import effect_words, ranked_effects, standing_win
from overnight.report.escape import code, fence, words
from overnight.report.estimate import believed_gain, compared, noisy
from overnight.report.summary import percentage
from overnight.report.text import amount, escape, percent, plural
from overnight.rules.certify import has_holdout
from overnight.rules.lineage import lineage

LISTED = 20
DIFFS = 3
_NAMED = 5
_LONGEST = 800


def certified_changes(state: State) -> tuple[Experiment, ...]:
    """The changes behind the certified gain, oldest first, without those that an ablation has left out."""
    win = standing_win(state)
    if win is None or win.number >= len(state.experiments):
        return ()
    line = lineage(state, win.number)
    needed = set(win.kept or line)
    return tuple(state.experiments[number] for number in line if number in needed)


def uncertified_changes(state: State) -> tuple[Experiment, ...]:
    """The kept changes that no certificate covers, those that the best is built on included; oldest first."""
    win, best = standing_win(state), state.best
    covered = set(lineage(state, win.number)) if win else set()
    numbers = {*state.kept, *(lineage(state, best.number) if best else ())} - covered - {0}
    return tuple(state.experiments[number] for number in sorted(numbers))


def to_merge(state: State, diffs: Mapping[int, str]) -> list[str]:
    """Section 2: every certified change with what is lost without it, its size and commit, then ready commands."""
    changes, win = certified_changes(state), standing_win(state)
    if not changes or win is None:
        return ["Nothing is certified, so nothing is ready to merge unread."]
    effects = {effect.number: effect for effect in win.effects}
    lines = [_behind(len(changes), win), "", *_ranked(state, changes, diffs, effects), ""]
    left_out = [effect for effect in ranked_effects(win) if effect.number in win.dropped]
    if left_out:
        unit = state.contract.objective.unit if state.contract else ""
        lines += ["Left out, because the gain does not need them:", ""]
        for effect in left_out[:LISTED]:
            said = words(state.experiments[effect.number].summary, 120)
            lines.append(f"- **#{effect.number}**{f' {said}:' if said else ''} {words(effect_words(effect, unit))}")
        lines.append("")
    return [*lines, _commands(state, changes, win.number)]


def _behind(count: int, win: Certificate) -> str:
    """What stands behind the certified gain, and how that is known."""
    if win.effects or win.kept:
        tried = "Each was taken out in turn and read in fresh pairs beside the whole, on the search's metric."
        if win.dropped:
            total = count + len(win.dropped)
            return f"The certified gain needs {count} of the {total} changes that the best is built of. {tried}"
        stay = f"All {count} changes behind the certified gain stay" if count > 1 else "The one change stays"
        return f"{stay}: nothing could be left out and be certified. {tried}"
    if count == 1:
        return "One change stands behind the certified gain."
    return (
        f"{plural(count, 'change')} stand behind the certified gain. Each gain below is the search's, over what the "
        "change was built on; only their sum is certified. `overnight certify` takes each out in turn and measures "
        "what is lost."
    )


def diffs_shown(state: State) -> list[Experiment]:
    """The changes whose diffs a report shows: the strongest three of the certified ones, else of the others."""
    win, best = standing_win(state), state.best
    certified = certified_changes(state)
    effects = {effect.number: effect for effect in win.effects} if win else {}
    line = set(lineage(state, best.number)) if best else set()
    chosen = certified or [one for one in uncertified_changes(state) if one.number in line]
    return _in_order(state, chosen, effects if certified else {})[:DIFFS]


def uncertified_heading(state: State) -> str:
    """Section 3's heading: what was never measured afresh has not failed to certify."""
    return "Kept, not certified" if uncertified_changes(state) and not _failed(state) else "Wins that did not certify"


def _failed(state: State) -> bool:
    """Whether the last certificate is of what is not certified now: it did not hold."""
    last = state.certificate
    return last is not None and last.level is Certified.no


def _untried(state: State) -> str:
    assert state.contract is not None  # noqa: S101 - a kept experiment has a contract
    if state.certificate is not None:
        return "Kept by the search since the last certificate. Read the diff before you take one."
    if has_holdout(state.contract):
        return (
            "Kept by the search. Certification has not been tried: it comes at the end of a run, while "
            "`holdout.queries` leaves looks at the holdout. Read the diff before you take one."
        )
    if noisy(state):
        return (
            "Kept by the search. Certification has not been tried: it comes at the end of a run, and `overnight "
            "certify` does it now. Read the diff before you take one."
        )
    return (
        "Kept by the search. Certification was not tried, because program.md has no `holdout.certify`: a command "
        "that measures baseline and best on what the search never sees. Read the diff before you take one."
    )


def not_certified(state: State, diffs: Mapping[int, str]) -> list[str]:
    """Section 3: kept changes that no certificate covers: those that the best is built on, then the others."""
    changes, best = uncertified_changes(state), state.best
    if not changes or best is None:
        return ["None."]
    line = set(lineage(state, best.number))
    ahead = [change for change in changes if change.number in line]
    aside = [change for change in changes if change.number not in line]
    lines: list[str] = []
    if ahead:
        shown = {} if certified_changes(state) else diffs
        why = (
            "Kept by the search, and not confirmed by fresh readings. Read the diff before you take one."
            if _failed(state)
            else _untried(state)
        )
        lines += [why, "", *_ranked(state, ahead, shown, {}), "", _commands(state, ahead, best.number)]
    if aside:
        lines += [""] if ahead else []
        lines += ["The best for a while, and what is the best now is not built on them:", ""]
        lines += [f"- {change_line(state, change)}: {words(change.summary, 120)}" for change in aside[-LISTED:]]
    return lines


def change_line(state: State, experiment: Experiment, effect: Effect | None = None) -> str:
    """One change in one line: what it is worth, size, files, commit."""
    paths = ", ".join(code(path, 60) for path in experiment.paths[:4])
    if len(experiment.paths) > 4:
        paths += f" and {len(experiment.paths) - 4} more"
    size = f"+{experiment.added} -{experiment.deleted} lines" + (f" in {paths}" if paths else "")
    unit = state.contract.objective.unit if state.contract else ""
    worth = words(effect_words(effect, unit) if effect else step_words(state, experiment))
    return f"**#{experiment.number}** {worth}; {size}, commit {code(experiment.commit[:12])}"


def step_words(state: State, one: Experiment) -> str:
    """How much better a change made what it was built on: as all readings say where they scatter, else as judged."""
    assert state.contract is not None  # noqa: S101 - a judged experiment has a contract
    unit, parent = state.contract.objective.unit, state.experiments[one.parent]
    believed = believed_gain(state, one, parent)
    than = f"#{parent.number}" if parent.number else "the unchanged code"
    if believed is not None:
        return compared(believed, than, unit)
    if one.gain is None:
        return "no number"
    if one.gain > 0:
        share = percentage(one.gain, state.baseline.value if state.baseline else None)
        return f"better by {amount(one.gain, unit, 4)}" + (f" ({percent(share)})" if share else "")
    return f"a tie in fewer lines ({amount(one.gain, unit, 4)})" if one.number in state.kept else "a tie"


def _worth(state: State, one: Experiment, effects: Mapping[int, Effect]) -> float:
    """What a change is ranked by: what is lost without it, else what it brought by all readings."""
    if effects:
        effect = effects.get(one.number)
        return effect.loss if effect is not None and effect.loss is not None else -math.inf
    believed = believed_gain(state, one, state.experiments[one.parent])
    return believed.value if believed is not None else one.gain or 0.0


def _in_order(state: State, changes: Sequence[Experiment], effects: Mapping[int, Effect]) -> list[Experiment]:
    return sorted(changes, key=lambda change: (-_worth(state, change, effects), change.number))


def _ranked(
    state: State, changes: Sequence[Experiment], diffs: Mapping[int, str], effects: Mapping[int, Effect]
) -> list[str]:
    ranked = _in_order(state, changes, effects)
    lines: list[str] = []
    for place, change in enumerate(ranked[:LISTED], start=1):
        lines.append(f"{place}. {change_line(state, change, effects.get(change.number))}")
        if change.summary:
            lines.append(f"   said by {words(change.agent, 40) or 'the agent'}: {words(change.summary)}")
        if change.number not in state.kept:
            lines.append("   a step on the way: not kept for itself, but a later change is built on it")
        if change.flags:
            rules = ", ".join(sorted({words(flag.rule, 20) for flag in change.flags}))
            lines.append(f"   to look at in its diff: {rules} (see Violations and tampering)")
        if place <= DIFFS and diffs.get(change.number):
            shown = fence(diffs[change.number], "diff", lines=24)
            lines += ["", *(f"   {line}" for line in shown.split("\n")), ""]
    if len(ranked) > LISTED:
        rest = len(ranked) - LISTED
        left = "1 smaller one is" if rest == 1 else f"{rest} smaller ones are"
        lines.append(f"\n{left} not shown; `overnight log --outcome keep` lists all.")
    return lines


def _commands(state: State, changes: Sequence[Experiment], number: int) -> str:
    win = standing_win(state)
    certified = win is not None and win.number == number
    final = win.commit if certified and win is not None and win.commit else state.experiments[number].commit
    line = lineage(state, number)
    dropped = set(win.dropped) if certified and win is not None else set()
    effects = {effect.number: effect for effect in win.effects} if certified and win else {}
    ranked = _in_order(state, changes, effects)
    options = ("" if certified else " --all") + (
        f" --segment {state.segment}" if state.segment < state.segments else ""
    )
    branch = escape(f"overnight/{state.study}")
    lines = [
        f"git diff {_short(state.base)} {_short(final)}",
        f"overnight finish{options}    # the branch {branch}, one commit a change; yours stays as it is",
        _cherry_pick(
            state, ranked, {} if win is None or not certified else {effect.number: effect for effect in win.effects}
        ),
    ]
    paths = sorted({path for one in line if one not in dropped for path in state.experiments[one].paths})
    quoted = " ".join(shlex.quote(escape(path)) for path in paths[:_NAMED])
    if 0 < len(paths) <= _NAMED and len(quoted) < _LONGEST:
        lines.append(f"git checkout {_short(final)} -- {quoted}    # only the files, from the top folder")
    return fence("\n".join(lines), "sh", width=2 * _LONGEST)


def _cherry_pick(state: State, ranked: Sequence[Experiment], effects: Mapping[int, Effect]) -> str:
    """The strongest change that stands alone; else the strongest, with a word about what it stands on."""
    alone = [change for change in ranked if change.parent == 0 and _sure(state, change, effects)]
    chosen = (alone or ranked)[0]
    what = f"only #{chosen.number}, onto your branch"
    if chosen.parent:
        what += f"; it is built on #{chosen.parent}, so it may conflict"
    return f"git cherry-pick {_short(chosen.commit)}    # {what}"


def _sure(state: State, change: Experiment, effects: Mapping[int, Effect]) -> bool:
    """Whether a change is worth something measurable, as far as that is known."""
    effect = effects.get(change.number)
    if effects:
        return effect is not None and effect.low is not None and effect.low > 0
    believed = believed_gain(state, change, state.experiments[change.parent])
    return believed is None or believed.low > 0


def _short(commit: str) -> str:
    return shlex.quote(commit[:12])
