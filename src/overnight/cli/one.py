"""Looking at one experiment: `show N` and `diff N`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.options import HERE, Json, Number, Repo, Segment, Study, open_study, pick

if TYPE_CHECKING:
    from overnight.model.experiment import Measurement
    from overnight.model.state import Experiment, State

_CHILDREN = 12


def show(
    *, number: Number, study: Study = None, repo: Repo = HERE, segment: Segment = None, json: Json = False
) -> None:
    """Everything about experiment N: verdict, readings, failure, words."""
    from overnight.cli.console import say, say_json
    from overnight.report.rows import details

    site, state = open_study(repo, study, segment)
    experiment = pick(state, number)
    if json:
        say_json(details(state, experiment))
    else:
        say(show_text(state, experiment, site.folder / "transcripts"))


def diff(
    *,
    number: Number,
    study: Study = None,
    repo: Repo = HERE,
    segment: Segment = None,
    base: Annotated[bool, typer.Option("--base", help="Against the unchanged code instead of its parent.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to FILE, unescaped, for `git apply`.")
    ] = None,
    json: Json = False,
) -> None:
    r"""What experiment N changed, against the one that it was built on.

    Printed, control characters in the diff are spelled out, such as \x1b; --out writes them as they are.
    """
    from overnight.cli.console import say, say_json, warn
    from overnight.report.patch import paths
    from overnight.report.text import block
    from overnight.wiring.site import require_whole

    site, state = open_study(repo, study, segment)
    experiment = pick(state, number)
    old, new, why = ends(state, experiment, base=base)
    require_whole(site)
    patch = site.repository.diff(old, new) if old != new else ""
    if json:
        added, deleted = site.repository.numbers(old, new)
        say_json(
            {
                "number": number,
                "old": old,
                "new": new,
                "diff": patch,
                "added": added,
                "deleted": deleted,
                "paths": paths(patch),
            }
        )
    elif out is not None:
        _write(out, patch)
        say(f"wrote {out}")
    elif patch:
        sys.stdout.write(block(patch))
    else:
        warn(f"#{number} {why or 'does not differ'}.")


def ends(state: "State", experiment: "Experiment", *, base: bool) -> tuple[str, str, str]:
    """(old commit, new commit, why there is no difference) of an experiment's diff."""
    from overnight.model.experiment import Outcome

    if experiment.number == 0:
        return state.base, state.base, "is the unchanged code, so there is no diff"
    if experiment.outcome is Outcome.violation and not experiment.tampering:
        return state.base, state.base, "broke the contract: its files were refused, so there is no diff"
    if not experiment.commit:
        return state.base, state.base, "is still under way: the agent has not handed anything in yet"
    old = state.base if base else experiment.parent_commit or state.base
    return old, experiment.commit, "changed nothing"


def show_text(state: "State", experiment: "Experiment", transcripts: "Path") -> str:
    """What `show` prints for people. Every word of an agent or candidate is escaped."""
    from overnight.cli.console import outcome_cell, pairs
    from overnight.report.rows import row
    from overnight.report.suspicion import flag_text
    from overnight.report.text import amount, block, duration, figure, one_line, plural

    unit = state.contract.objective.unit if state.contract else ""
    shown = row(state, experiment)
    gain = "" if experiment.gain is None else f", gain {amount(experiment.gain, unit, 4)} over the best of that time"
    built = "the unchanged code" if experiment.parent == 0 else f"#{experiment.parent}"
    reason = f": {one_line(experiment.reason, 400)}" if experiment.reason else ""
    size = f"+{experiment.added} -{experiment.deleted} lines" if experiment.number else plural(experiment.loc, "line")
    money = f", ${figure(experiment.cost_usd, 4)}" if experiment.cost_usd else ""
    facts = [
        ("outcome", outcome_cell(shown["outcome"]) + reason),
        ("value", _value(state, experiment) + gain),
        ("believed", _believed(state, experiment)),
        ("gate", _gate(state, experiment)),
        ("promoted", _promoted(state, experiment)),
        ("trust", f"{experiment.trust.value if shown['values'] else '-'}, box {shown['tier']}"),
        ("built on", "" if experiment.number == 0 else built),
        ("children", _children(state, experiment)),
        ("commit", shown["commit"]),
        ("files", ", ".join(one_line(path, 80) for path in experiment.paths[:20])),
        ("size", size),
        ("same as", "" if experiment.same_as is None else f"#{experiment.same_as}, whose readings count"),
        ("agent", one_line(experiment.agent, 80)),
        ("asked for", _asked(experiment)),
        ("said", one_line(experiment.summary, 400)),
        ("hypothesis", one_line(experiment.hypothesis, 400)),
        *(("idea", one_line(idea, 400)) for idea in experiment.ideas[:20]),
        *(("set", f"{one_line(name, 60)} = {one_line(value, 100)}") for name, value in experiment.parameters[:40]),
        *(("breach", _breach(breach.path, breach.rule, breach.detail)) for breach in experiment.breaches[:20]),
        *(("tampering", one_line(sentence, 400)) for sentence in experiment.tampering[:20]),
        *(("flag", flag_text(flag)) for flag in experiment.flags),
        ("dropped", ", ".join(one_line(path, 80) for path in experiment.dropped[:20])),
        ("note", one_line(experiment.note, 400)),
        ("transcript", one_line(str(transcripts / experiment.transcript), 400) if experiment.transcript else ""),
        ("spent", duration(experiment.seconds) + money),
    ]  # fmt: skip
    which = f", segment {state.segment} of {state.segments}" if state.segments > 1 else ""
    lines = [f"Experiment #{experiment.number} of {one_line(state.study, 60)}{which}", ""]
    lines.append(pairs([fact for fact in facts if fact[1]]))
    lines += _readings("readings", experiment.readings, 20) + _readings("holdout", experiment.holdout, 20)
    if experiment.failure is not None:
        lines += ["", f"failure ({experiment.failure.code}): {one_line(experiment.failure.detail, 400)}"]
        tail = experiment.failure.tail.rstrip("\n")
        lines += [f"  | {line[:400]}" for line in block(tail).split("\n")[-40:]] if tail else []
    return "\n".join(lines)


def _value(state: "State", experiment: "Experiment") -> str:
    """The value that counts; where a guard or the bounds took it away, what was read."""
    from overnight.report.rows import value_read
    from overnight.report.text import amount

    unit = state.contract.objective.unit if state.contract else ""
    read = value_read(state, experiment)
    if experiment.value is not None or read is None:
        return amount(experiment.value, unit)
    return f"- ({amount(read, unit)} was read and does not count)"


def _believed(state: "State", experiment: "Experiment") -> str:
    """What all readings together say of it, where readings scatter."""
    from overnight.report.estimate import estimate, give_or_take, noisy
    from overnight.report.text import plural

    found = estimate(state, experiment)
    if found is None or not noisy(state):
        return ""
    unit = state.contract.objective.unit if state.contract else ""
    return f"{give_or_take(found, unit)}, from {plural(len(experiment.readings), 'reading')}"


def _gate(state: "State", experiment: "Experiment") -> str:
    from overnight.rules.gate import has_gate

    if state.contract is None or not has_gate(state.contract) or not experiment.number:
        return ""
    if experiment.gate is None:
        return "not asked"
    return "passed" if experiment.gate else "not passed: no better than the best there"


def _asked(experiment: "Experiment") -> str:
    """The kind of ask, with donors and hint."""
    from overnight.report.search import asked_words
    from overnight.report.text import one_line

    if not experiment.number:
        return ""
    donors = f" with {', '.join(f'#{number}' for number in experiment.donors[:10])}" if experiment.donors else ""
    hint = f": {one_line(experiment.hint, 400)}" if experiment.hint else ""
    kind = experiment.kind.value.replace("_", " ")
    return f"{kind} ({asked_words(experiment.kind)}{donors}){hint}"


def _children(state: "State", experiment: "Experiment") -> str:
    """What was built on it, the kept ones marked."""
    numbers = [one.number for one in state.experiments[1:] if one.parent == experiment.number]
    shown = ", ".join(f"#{number}{' (kept)' if number in state.kept else ''}" for number in numbers[:_CHILDREN])
    return f"{shown} and {len(numbers) - _CHILDREN} more" if len(numbers) > _CHILDREN else shown


def _promoted(state: "State", experiment: "Experiment") -> str:
    number = experiment.number
    if experiment.tampering and experiment.outcome is not None and experiment.outcome.value == "keep":
        return "was kept, and is not the best any more since it was seen to tamper"
    if number not in state.kept:
        return ""
    later = state.kept[state.kept.index(number) + 1 :]
    return f"was the best until #{later[0]}" if later else "is the best so far"


def _readings(title: str, runs: "tuple[Measurement, ...]", most: int) -> list[str]:
    from overnight.report.text import duration, figure, one_line

    lines = ["", f"{title}:"] if runs else []
    for place, run in enumerate(runs[:most]):
        numbers = ", ".join(f"{one_line(name, 40)} {figure(value, 9)}" for name, value in run.values[:40])
        if run.failure is not None:
            numbers = f"{run.failure.code}: {one_line(run.failure.detail, 200)}"
        split = f"{run.split}, " if run.split else ""
        guard = f", guard trust {run.guard_trust}" if run.guard_trust else ""
        numbers += "; tampering was seen" if run.tampering else ""
        lines.append(f"  {place}  {numbers}  ({split}seed {run.seed}, {duration(run.seconds)}, "
                     f"{run.trust.value}, box {run.tier.value}, limits {run.limits}{guard})")  # fmt: skip
    if len(runs) > most:
        lines.append(f"  and {len(runs) - most} more (--json shows all)")
    return lines


def _breach(path: str, rule: str, detail: str) -> str:
    from overnight.report.text import one_line

    why = f": {one_line(detail, 200)}" if detail else ""
    return f"{one_line(path, 120)} ({one_line(rule, 80)}{why})"


def _write(out: Path, patch: str) -> None:
    from overnight.errors import UsageError

    try:
        out.write_text(patch, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}; choose another FILE") from error
