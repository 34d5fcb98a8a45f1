"""Looking at a study from above: `status` and `log`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overnight.cli.options import HERE, Json, Repo, Segment, Study, open_study

if TYPE_CHECKING:
    from overnight.model.state import Experiment, State
    from overnight.report.summary import Numbers


class Ending(StrEnum):
    """How an experiment can end, as `--outcome` takes it."""

    baseline = "baseline"
    keep = "keep"
    discard = "discard"
    crash = "crash"
    violation = "violation"
    duplicate = "duplicate"
    inconclusive = "inconclusive"


def status(*, study: Study = None, repo: Repo = HERE, segment: Segment = None, json: Json = False) -> None:
    """How far the night has come, and who says so."""
    import msgspec

    from overnight.cli.console import say, say_json
    from overnight.report.summary import numbers

    site, state = open_study(repo, study, segment)
    holder = site.running() if state.segment == state.segments else None
    found = numbers(state)
    if json:
        say_json({**msgspec.structs.asdict(found), "running": holder is not None, "pid": holder})
    else:
        say(status_text(state, found, holder))


def log(
    *,
    study: Study = None,
    repo: Repo = HERE,
    segment: Segment = None,
    last: Annotated[int | None, typer.Option("--last", min=1, metavar="N", help="Only the last N of them.")] = None,
    outcome: Annotated[
        Ending | None, typer.Option("--outcome", metavar="WORD", help="Only those that ended so: keep, discard, ...")
    ] = None,
    tsv: Annotated[bool, typer.Option("--tsv", help="Print results.tsv: five columns, tab separated.")] = False,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="With --tsv: write it to FILE instead.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Every experiment in one line, oldest first.

    With --json, one object a line.
    """
    from overnight.cli.console import say, say_json
    from overnight.errors import UsageError
    from overnight.report.headline import segment_line
    from overnight.report.rows import row
    from overnight.report.summary import judged

    if tsv and json:
        raise UsageError("--tsv and --json are two formats: choose one")
    if file is not None and not tsv:
        raise UsageError(f"a FILE belongs to --tsv: write `overnight log --tsv {file}`, or leave it out")
    _, state = open_study(repo, study, segment)
    if tsv:
        _tsv(state, file)
        return
    chosen = [one for one in judged(state) if outcome is None or one.outcome == outcome.value]
    chosen = chosen[-last:] if last else chosen
    if json:
        for one in chosen:
            say_json(row(state, one))
    elif chosen:
        say(log_text(state, chosen))
        if state.segments > 1:
            say(f"\n{segment_line(state, 'log')}")
    else:
        say("No experiment has been judged yet." if outcome is None else f"No experiment ended in {outcome.value}.")


def status_text(state: "State", found: "Numbers", holder: int | None) -> str:
    """What `status` prints for people."""
    from overnight.cli.console import pairs
    from overnight.report.certified import carries_over, certification
    from overnight.report.headline import demotions, doubt, headline, segment_line, standing
    from overnight.report.text import amount, duration, figure, one_line, percent, plural

    unit = found.unit
    noise = "unknown (nothing was read twice)" if found.baseline_readings else "unknown"
    if found.noise is not None:
        noise = (
            f"{amount(found.noise, unit, 3)}; the smallest gain it can tell: {amount(found.smallest_gain, unit, 3)}, "
            f"certified {amount(found.smallest_certified_gain, unit, 3)}"
        )
    commit = f"  (#{found.best_number}, commit {(found.best_commit or '')[:12]})" if found.best is not None else ""
    share = f" ({percent(found.gain_percent)})" if found.gain_percent is not None else ""
    money = f", ${figure(found.cost_usd, 4)}" if found.cost_usd else ""
    rows = [
        ("study", f"{one_line(found.study, 60)}, {found.direction} {one_line(found.metric, 40)}"),
        ("baseline", amount(found.baseline, unit)),
        ("best", amount(found.best, unit) + commit),
        ("gain", amount(found.gain, unit, 4) + share),
        ("believed", _believed(state)),
        ("certified", _certified(state)),
        ("noise", noise),
        ("forecast", _forecast(found)),
        ("experiments", f"{found.experiments}{_outcomes(found)}"),
        ("judge runs", f"{found.evaluations}, {plural(found.holdout_reads, 'look')} at the holdout"),
        ("gate", _gate(found)),
        ("spent", duration(found.seconds) + money),
        ("trust", f"{found.trust or 'no number yet'}; certified: {found.certified}; box: {found.tier}"),
        ("suspicious", _suspicious(found) if found.tampering or found.flagged else ""),
        ("running", _running(found, holder)),
    ]
    sentences = [headline(state), *([certification(state)] if state.certificate else []), *carries_over(state)]
    sentences += [doubt(state), *demotions(state)]
    sentences += [segment_line(state, "status")] if state.segments > 1 else []
    sentences += [one_line(sentence, 600) for sentence in found.concerns]
    told = [sentence for sentence in [*sentences, standing(state, running=holder is not None)] if sentence]
    return "\n".join([*(_wrapped(sentence) for sentence in told), "", pairs([row for row in rows if row[1]])])


def _believed(state: "State") -> str:
    """What all readings together say of the best, where readings scatter."""
    from overnight.report.estimate import believed_gain, estimate, give_or_take, noisy

    best, baseline = state.best, state.baseline
    value = estimate(state, best) if best is not None else None
    if value is None or best is None or baseline is None or not noisy(state):
        return ""
    unit = state.contract.objective.unit if state.contract else ""
    gain = believed_gain(state, best, baseline) if best.number else None
    more = f"; gain {give_or_take(gain)}" if gain is not None else ""
    return f"{give_or_take(value, unit)}{more}, by all readings"


def _certified(state: "State") -> str:
    from overnight.report.certified import gain_words, standing_win, what

    win = standing_win(state)
    if win is None:
        return ""
    unit = state.contract.objective.unit if state.contract else ""
    return f"{gain_words(win, unit)}, {what(win)}"


def _gate(found: "Numbers") -> str:
    from overnight.report.text import plural

    if found.gate_looks_left is None:
        return ""
    return f"{plural(found.gate_looks, 'look')} used, {found.gate_looks_left} left"


def log_text(state: "State", chosen: "list[Experiment]") -> str:
    """What `log` prints for people: a table that fits the terminal."""
    import sys

    from overnight.cli.console import OUTCOMES, outcome_cell, styled, table, width
    from overnight.report.rows import gist
    from overnight.report.suspicion import mark
    from overnight.report.text import amount, duration, figure, one_line

    rows = []
    colours = []
    for one in chosen:
        outcome = one.outcome.value if one.outcome else "pending"
        gain = "" if one.gain is None else f"{'+' if one.gain > 0 else ''}{figure(one.gain, 3)}"
        parent = "" if one.number == 0 else f"#{one.parent}"
        value = amount(one.value, digits=5)
        rows.append(
            [f"#{one.number}", parent, outcome_cell(outcome), value, gain, duration(one.seconds),
             mark(one) + one_line(gist(one))]
        )  # fmt: skip
        colours.append(OUTCOMES[outcome][1])
    metric = one_line(state.contract.objective.metric, 16) if state.contract else "value"
    heads = (">n", ">on", "outcome", f">{metric}", ">gain", ">time", "what")
    return table(heads, rows, width(sys.stdout), colours=colours if styled(sys.stdout) else ())


def _wrapped(sentence: str) -> str:
    """Whole words at a terminal; one line for a program."""
    import sys
    import textwrap

    from overnight.cli.console import width

    return textwrap.fill(sentence, width(sys.stdout), break_on_hyphens=False) if sys.stdout.isatty() else sentence


def _forecast(found: "Numbers") -> str:
    from overnight.report.text import duration

    fore = found.forecast or {}
    seconds, fits = fore.get("seconds"), fore.get("experiments")
    if seconds is None or fits is None:
        return "unknown"
    agent = fore.get("agent_seconds")
    own = "" if agent is None else f" and {duration(agent)} of the agent's own"
    each = f"{fore.get('readings') or 1.0:.2g} measurements of {duration(seconds)}{own}"
    return f"{fits:.0f} experiments in {duration(fore.get('night_seconds') or 0.0)}, {each} each"


def _outcomes(found: "Numbers") -> str:
    parts: tuple[tuple[int, str], ...] = (
        (found.kept, "kept"),
        (found.discarded, "discarded"),
        (found.crashed, "crashed"),
        (found.violations, "against the contract"),
        (found.duplicates, "repeated"),
        (found.inconclusive, "inconclusive"),
    )
    said = ", ".join(f"{count} {word}" for count, word in parts if count)
    return f": {said}" if said else ""


def _suspicious(found: "Numbers") -> str:
    from overnight.report.text import plural

    parts = [f"{found.tampering} broke the contract or tampered"] if found.tampering else []
    parts += [f"{plural(found.flagged, 'change')} with flags for a reviewer"] if found.flagged else []
    return ", ".join(parts)


def _running(found: "Numbers", holder: int | None) -> str:
    if holder is None:
        return "no"
    doing = f", experiment {found.pending[0]} is under way" if found.pending else ""
    stopping = "; will stop after it" if found.stopping else ""
    process = f", process {holder}" if holder else ""
    return f"yes{process}{doing}{stopping}"


def _tsv(state: "State", out: Path | None) -> None:
    from overnight.cli.console import say
    from overnight.errors import UsageError
    from overnight.ledger.mirror import render

    text: Any = render(state)
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}; choose another FILE") from error
    say(f"wrote {out}")
