"""`overnight redteam`: cheats and null candidates against the person's own judge, before bed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overnight.cli.options import HERE, Json, Repo, Study, present_folder
from overnight.cli.run import IsolationName

if TYPE_CHECKING:
    from overnight.engine.redteam import Target
    from overnight.rules.redteam.answers import Baseline, Result
    from overnight.rules.redteam.attack import Attack
    from overnight.wiring.redteam import Attackable

_COLOURS = {"prevented": "32", "detected": "32", "got through": "31", "noise": "33", "not applicable": "2"}
_MARGIN = " " * 16

Program = Annotated[Path | None, typer.Argument(metavar="[PROGRAM]", help="program.md or its folder, if not this one.")]


def redteam(
    program: Program = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only attacks that need not wait for the code to do its work.")
    ] = False,
    with_changes: Annotated[
        bool, typer.Option("--with-changes", help="Attack the working tree as it is, not the last commit.")
    ] = False,
    isolation: IsolationName = None,
    study: Study = None,
    repo: Repo = HERE,
    json: Json = False,
) -> None:
    """Attack your own judge before bed: cheating and empty candidates, measured as the night measures.

    Prints what got through, why it matters, and what to write into program.md. Exit code 1 when something got through,
    or when the noise of the judge alone would be kept; else 0. Your files are not touched.
    """
    from overnight.cli.console import say, say_json
    from overnight.engine.redteam import read_baseline
    from overnight.engine.redteam import redteam as attacked
    from overnight.wiring import find_site
    from overnight.wiring.options import Options
    from overnight.wiring.redteam import open_target

    site = find_site(present_folder(program or repo), study)
    options = Options(isolation=isolation, with_changes=with_changes, environment=dict(os.environ))
    found: list[Result] = []
    with open_target(site, options) as ready, passing() as status:
        if not json:
            _begin(ready, str(site.program))
        status("reading the unchanged code")
        baseline = read_baseline(ready.target, 1 if quick else 2)
        status("")
        if not json:
            say(_expected(ready.target, baseline, quick=quick))
        for result in attacked(ready.target, baseline, quick=quick, tell=lambda attack: status(_now(attack))):
            status("")
            found.append(result)
            if not json:
                say(_line(result))
        ready.finish(summary(found) + (" (--quick)" if quick else ""))
    if json:
        say_json(_document(ready, str(site.program), baseline, found))
    else:
        say(_ending(found))
    if any(result.status in ("got through", "noise") for result in found):
        raise typer.Exit(1)


@contextmanager
def passing() -> Iterator[Any]:
    """A function that shows one passing line on a terminal, and takes it away when it is given ""."""
    from overnight.cli.console import styled, width

    shown = styled(sys.stderr)

    def status(text: str) -> None:
        if shown:
            sys.stderr.write(f"\r\x1b[K{text[: width(sys.stderr) - 1]}")
            sys.stderr.flush()

    try:
        yield status
    finally:
        status("")


def _now(attack: "Attack") -> str:
    return f"now: {attack.title} ..."


def _begin(ready: "Attackable", program: str) -> None:
    from overnight.cli.console import say
    from overnight.report.text import block, one_line

    for notice in ready.notices:
        say(f"note: {block(notice)}")
    say(
        f"attacking the judge of {one_line(program, 400)}, box {ready.coverage.tier.value}; nothing of yours is changed"
    )


def _expected(target: "Target", baseline: "Baseline", *, quick: bool) -> str:
    """What was read of the unchanged code, and how long the rest takes at most."""
    from overnight.report.text import amount, duration, one_line, plural
    from overnight.rules.redteam.attack import attacks

    objective = target.contract.objective
    each = max(run.seconds for run in baseline.readings)
    planned = [attack for attack in attacks(target.contract) if not (quick and attack.works)]
    slow = sum(attack.works for attack in planned)
    seconds = slow * each + (len(planned) - slow) * min(each, 1.0) + 3
    return (
        f"the unchanged code reads {one_line(objective.metric, 40)} {amount(baseline.value, objective.unit)} in "
        f"{duration(each)}; {plural(len(planned), 'attack')} follow, about {duration(seconds)}\n"
    )


def _line(result: "Result") -> str:
    from textwrap import fill

    from overnight.cli.console import styled, width
    from overnight.report.text import one_line

    word = result.status.value.upper() if result.status == "got through" else result.status.value
    text = f"{one_line(result.title, 120)} - {one_line(result.detail, 240)}"
    line = fill(text, max(40, width(sys.stdout)), initial_indent=_MARGIN, subsequent_indent=_MARGIN)
    cell = f"{word:<{len(_MARGIN)}}"
    if styled(sys.stdout):
        cell = f"\x1b[{_COLOURS[result.status.value]}m{cell}\x1b[0m"
    return cell + line[len(_MARGIN) :]


def summary(found: "list[Result]") -> str:
    """The sum of it in one sentence."""
    from overnight.report.text import plural

    through = [result.name for result in found if result.status == "got through"]
    tried = sum(result.status in ("prevented", "detected", "got through") for result in found)
    noisy = any(result.status == "noise" for result in found)
    if through:
        also = "; and noise alone would be kept" if noisy else ""
        return f"{len(through)} of {plural(tried, 'attack')} got through: {', '.join(through)}{also}"
    nothing = f"nothing got through: {plural(tried, 'attack')} prevented or detected"
    return f"noise alone would be kept; {nothing}" if noisy else nothing


def _ending(found: "list[Result]") -> str:
    """What got through, grouped by what to do about it, and what was not tried."""
    from overnight.report.text import block, plural

    lines = ["", f"{summary(found)[0].upper()}{summary(found)[1:]}."]
    left = sum(result.status == "not applicable" for result in found)
    if left:
        lines.append(f"Not tried, for the reasons above: {plural(left, 'attack')}.")
    remedies: dict[tuple[str, str], list[str]] = {}
    for result in found:
        if result.mend:
            remedies.setdefault((result.why, result.mend), []).append(result.title)
    for number, ((why, mend), titles) in enumerate(remedies.items(), 1):
        lines += ["", *_wrapped(f"{number}. {'; '.join(titles)}"), *_wrapped(f"   {why}")]
        lines += [line for part in mend.split("\n") for line in _wrapped(f"   {part}")]
    if not remedies:
        lines += ["", "next: overnight run"]
    else:
        lines += ["", "next: write what is missing into program.md, commit it, and run `overnight redteam` again"]
    return block("\n".join(lines))


def _wrapped(line: str) -> list[str]:
    """`line` in lines that fit; what is meant for program.md stays whole, to be copied."""
    import re
    from textwrap import wrap

    from overnight.cli.console import width

    if re.match(r"\s*(?:- |[a-z_]+:)", line):
        return [line]
    return wrap(line, max(40, width(sys.stdout)), subsequent_indent="   ")


def _document(ready: "Attackable", program: str, baseline: "Baseline", found: "list[Result]") -> dict[str, Any]:
    import msgspec

    through = [result.name for result in found if result.status == "got through"]
    noisy = any(result.status == "noise" for result in found)
    return {
        "program": program,
        "tier": ready.coverage.tier.value,
        "metric": baseline.contract.objective.metric,
        "baseline": baseline.value,
        "got_through": through,
        "noise": noisy,
        "ok": not through and not noisy,
        "summary": summary(found),
        "attacks": [msgspec.to_builtins(msgspec.structs.asdict(result)) for result in found],
    }
