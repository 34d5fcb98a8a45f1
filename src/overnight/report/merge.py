"""What to merge: the kept changes, ranked, with the commands that bring them in."""

import shlex
from collections.abc import Mapping, Sequence

from overnight.model.contract import Objective
from overnight.model.state import Experiment, State
from overnight.report.escape import code, fence, words
from overnight.report.summary import percentage
from overnight.report.text import amount, escape, percent, plural
from overnight.rules.lineage import lineage

LISTED = 20
DIFFS = 3
_NAMED = 5
_LONGEST = 800


def certified_changes(state: State) -> tuple[Experiment, ...]:
    """The kept changes that the last certificate of a gain covers: those that its candidate is built on."""
    certificate = state.win
    if certificate is None or certificate.number >= len(state.experiments):
        return ()
    covered = set(lineage(state, certificate.number))
    return tuple(state.experiments[number] for number in state.kept if number in covered and number)


def uncertified_changes(state: State) -> tuple[Experiment, ...]:
    """The kept changes that no certificate covers."""
    covered = {experiment.number for experiment in certified_changes(state)}
    return tuple(state.experiments[number] for number in state.kept if number and number not in covered)


def to_merge(state: State, diffs: Mapping[int, str]) -> list[str]:
    """Section 2: every certified change with its gain, size and commit, then ready commands."""
    changes = certified_changes(state)
    if not changes:
        return ["Nothing is certified, so nothing is ready to merge unread."]
    assert state.win is not None  # noqa: S101 - certified_changes() is empty without one
    lines = [
        f"{plural(len(changes), 'kept change')} stand behind the certified gain"
        if len(changes) > 1
        else "One kept change stands behind the certified gain."
    ]
    if len(changes) > 1:
        lines[0] += "; each gain below was measured on top of the changes before it, and only their sum is certified."
    return [*lines, "", *_ranked(state, changes, diffs), "", _commands(state, changes, state.win.number)]


def uncertified_heading(state: State) -> str:
    """Section 3's heading: what was never measured afresh has not failed to certify."""
    never_tried = state.certificate is None and uncertified_changes(state)
    return "Kept, not certified" if never_tried else "Wins that did not certify"


def _untried(state: State) -> str:
    assert state.contract is not None  # noqa: S101 - a kept experiment has a contract
    if state.contract.holdout is None or not state.contract.holdout.certify:
        return (
            "Kept by the search. Certification was not tried, because program.md has no `holdout.certify`: a command "
            "that measures baseline and best on what the search never sees. Read the diff before you take one."
        )
    return (
        "Kept by the search. Certification has not been tried: it comes at the end of a run, while `holdout.queries` "
        "leaves looks at the holdout. Read the diff before you take one."
    )


def not_certified(state: State, diffs: Mapping[int, str]) -> list[str]:
    """Section 3: kept changes that no certificate covers."""
    changes = uncertified_changes(state)
    if not changes:
        return ["None."]
    shown = {} if certified_changes(state) else diffs
    return [
        "Kept by the search, never confirmed on fresh measurements. Read the diff before you take one."
        if state.certificate
        else _untried(state),
        "",
        *_ranked(state, changes, shown),
        "",
        _commands(state, changes, state.kept[-1]),
    ]


def change_line(experiment: Experiment, objective: Objective, baseline: float | None) -> str:
    """One change in one line: gain, size, files, commit."""
    gain = experiment.gain
    if gain is None:
        verdict = "no number"
    elif gain > 0:
        share = percentage(gain, baseline)
        verdict = f"better by {amount(gain, objective.unit, 4)}" + (f" ({percent(share)})" if share else "")
    else:
        verdict = f"a tie in fewer lines ({amount(gain, objective.unit, 4)})"
    paths = ", ".join(code(path, 60) for path in experiment.paths[:4])
    if len(experiment.paths) > 4:
        paths += f" and {len(experiment.paths) - 4} more"
    size = f"+{experiment.added} -{experiment.deleted} lines" + (f" in {paths}" if paths else "")
    return f"**#{experiment.number}** {verdict}, {size}, commit {code(experiment.commit[:12])}"


def _ranked(state: State, changes: Sequence[Experiment], diffs: Mapping[int, str]) -> list[str]:
    assert state.contract is not None  # noqa: S101 - a kept experiment has a contract
    baseline = state.baseline.value if state.baseline else None
    ranked = sorted(changes, key=lambda change: (-(change.gain or 0.0), change.number))
    lines: list[str] = []
    for place, change in enumerate(ranked[:LISTED], start=1):
        lines.append(f"{place}. {change_line(change, state.contract.objective, baseline)}")
        if change.summary:
            lines.append(f"   said by {words(change.agent, 40) or 'the agent'}: {words(change.summary)}")
        if change.flags:
            rules = ", ".join(sorted({words(flag.rule, 20) for flag in change.flags}))
            lines.append(f"   to look at in its diff: {rules} (see Violations and tampering)")
        if place <= DIFFS and diffs.get(change.number):
            shown = fence(diffs[change.number], "diff", lines=24)
            lines += ["", *(f"   {line}" for line in shown.split("\n")), ""]
    if len(ranked) > LISTED:
        rest = len(ranked) - LISTED
        left = "1 smaller one is" if rest == 1 else f"{rest} smaller ones are"
        lines.append(f"\n{left} left out; `overnight log --outcome keep` lists all.")
    return lines


def _commands(state: State, changes: Sequence[Experiment], number: int) -> str:
    final = state.experiments[number].commit
    ranked = sorted(changes, key=lambda change: (-(change.gain or 0.0), change.number))
    certified = state.win is not None and state.win.number == number
    options = ("" if certified else " --all") + (
        f" --segment {state.segment}" if state.segment < state.segments else ""
    )
    branch = escape(f"overnight/{state.study}")
    lines = [
        f"git diff {_short(state.base)} {_short(final)}",
        f"overnight finish{options}    # the branch {branch}, one commit a change; yours stays as it is",
        _cherry_pick(ranked),
    ]
    paths = sorted({path for change in changes for path in change.paths})
    quoted = " ".join(shlex.quote(escape(path)) for path in paths[:_NAMED])
    if 0 < len(paths) <= _NAMED and len(quoted) < _LONGEST:
        lines.append(f"git checkout {_short(final)} -- {quoted}    # only the files, from the top folder")
    return fence("\n".join(lines), "sh", width=2 * _LONGEST)


def _cherry_pick(ranked: Sequence[Experiment]) -> str:
    """The strongest change that stands alone; else the strongest, with a word about what it stands on."""
    alone = [change for change in ranked if change.parent == 0]
    chosen = (alone or ranked)[0]
    what = f"only #{chosen.number}, onto your branch"
    if not alone:
        what += f"; it is built on #{chosen.parent}, so it may conflict"
    return f"git cherry-pick {_short(chosen.commit)}    # {what}"


def _short(commit: str) -> str:
    return shlex.quote(commit[:12])
