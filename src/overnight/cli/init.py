"""`overnight init`: from a repository, or a template, to a measured baseline."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overnight.cli.options import HERE, Json, Repo, Study, present_folder
from overnight.cli.run import IsolationName

if TYPE_CHECKING:
    from collections.abc import Callable

    from overnight.model.state import State
    from overnight.wiring import Site
    from overnight.wiring.draft import Wishes
    from overnight.wiring.options import Options


def init(
    template: Annotated[
        str | None,
        typer.Option("--template", metavar="NAME", help="Begin from a template in an empty folder: lm, speed."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Where: the repository, or the new folder.")
    ] = None,
    run: Annotated[str, typer.Option("--run", metavar="COMMAND", help="The command to measure.")] = "",
    edit: Annotated[
        list[str] | None, typer.Option("--edit", metavar="GLOB", help="A file or glob that may change; repeatable.")
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            "--metric", metavar="NAME", help="A number that the command prints, or wall_seconds, cpu_seconds."
        ),
    ] = "",
    direction: Annotated[
        str, typer.Option("--direction", metavar="WORD", help="minimize or maximize; guessed from the name.")
    ] = "",
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Measure the unchanged code now (up to two minutes).")
    ] = True,
    honest: Annotated[
        bool, typer.Option("--honest", help="In a karpathy repository: write a judge that train.py cannot fool.")
    ] = False,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="With --honest: score all of the validation text, not a sample of it."),
    ] = False,
    isolation: IsolationName = None,
    study: Study = None,
    repo: Repo = HERE,
    json: Json = False,
) -> None:
    """Write program.md for this repository (never over an existing one) and measure the unchanged code.

    The readings go to the ledger: `overnight run` goes on from them.
    """
    from overnight.cli.console import say, warn
    from overnight.wiring import find_site
    from overnight.wiring.install import install
    from overnight.wiring.options import Options

    tell = warn if json else say
    place = present_folder(folder or repo)
    if template:
        install(template, place)
        tell(f"wrote the template {template} into {place}, with its first commit")
    site = find_site(place, study)
    if honest or audit:
        together = honest and not (run or edit or metric or direction)
        _make_honest(site, together=together, audit=audit, json=json)
        return
    options = Options(experiments=0, isolation=isolation, environment=dict(os.environ))
    wrote = _draft(site, options, tell, (run, tuple(edit or ()), metric, direction))
    state = _measure(site, options, tell) if measure else None
    _finish(site, state, wrote=wrote, json=json)


def _draft(
    site: "Site", options: "Options", tell: "Callable[[str], None]", wished: tuple[str, tuple[str, ...], str, str]
) -> bool:
    """Write program.md where there is none, and say whether that was so; `wished`: run, edit, metric, direction."""
    from overnight.errors import UsageError
    from overnight.wiring.draft import Wishes

    run, edit, metric, direction = wished
    if not site.program.exists():
        return _write(site, options, tell, Wishes(run=run, edit=edit, metric=metric, direction=direction))
    if any(wished):
        raise UsageError(f"{site.program} exists and is never overwritten: edit it, or move it away and run init again")
    tell(f"{site.program} is there and stays as it is")
    return False


def _make_honest(site: "Site", *, together: bool, audit: bool, json: bool) -> None:
    from overnight.cli.console import say, say_json
    from overnight.errors import UsageError
    from overnight.wiring.honest import make_honest

    if not together:
        raise UsageError("--honest goes with --audit or alone, and --audit only with it: the rest is in program.md")
    made = make_honest(site, audit=audit)
    if json:
        say_json(
            {"study": site.study, "program": str(site.program), "wrote": list(made.wrote), "then": list(made.then)}
        )
        return
    for sentence in made.says:
        say(f"  {sentence}")
    say()
    for command in made.then:
        say(f"then: {command}")


def _write(site: "Site", options: "Options", tell: Any, wishes: "Wishes") -> bool:
    from overnight.program import render
    from overnight.wiring.draft import draft_contract

    commit, tree = site.repository.head()
    tell(f"looking at commit {commit[:10]}")
    contract, why = draft_contract(site, options, tree, wishes)
    for sentence in why:
        tell(f"  {sentence}")
    with site.program.open("x", encoding="utf-8") as file:
        file.write(render(contract))
    tell(f"wrote {site.program}: read it and correct it, it is yours")
    return True


def _measure(site: "Site", options: "Options", tell: Any) -> "State":
    from overnight.cli.plain import LineSink
    from overnight.engine.baseline import measure_baseline
    from overnight.engine.stop import Stopping
    from overnight.report.text import block
    from overnight.wiring.night import open_night

    with open_night(site, options, [LineSink(tell)], Stopping()) as night:
        for notice in night.notices:
            tell(f"note: {block(notice)}")
        tell(f"box: {night.coverage.tier} ({night.coverage.name})")
        tell("measuring the unchanged code, one to five times, for at most about two minutes ...")
        return measure_baseline(night.laboratory)


def _finish(site: "Site", state: "State | None", *, wrote: bool, json: bool) -> None:
    from msgspec.structs import asdict

    from overnight.cli.console import say, say_json
    from overnight.program import slug
    from overnight.report.summary import numbers
    from overnight.report.text import duration, plural
    from overnight.report.text import figure as shown
    from overnight.rules.calibration import calibrate
    from overnight.rules.concerns import concerns
    from overnight.wiring.contract import read_contract

    contract, _ = read_contract(site)
    found = numbers(state) if state else None
    night = calibrate(state).forecast if state else None
    wrong = concerns(state) if state else ()
    if json:
        say_json(
            {
                "study": site.study,
                "program": str(site.program),
                "wrote": wrote,
                "metric": contract.objective.metric,
                "direction": contract.objective.direction.value,
                "baseline": found.baseline if found else None,
                "readings": found.baseline_readings if found else 0,
                "noise": found.noise if found else None,
                "smallest_gain": found.smallest_gain if found else None,
                "forecast": asdict(night) if night else None,
                "concerns": [asdict(one) for one in wrong],
            }
        )
        return
    if found and night and found.baseline is not None:
        unit = f" {found.unit}" if found.unit else ""
        say()
        count = plural(found.baseline_readings, "reading")
        say(f"baseline            {found.metric} = {shown(found.baseline)}{unit} ({count})")
        say(f"noise of a reading  {_noise(found.noise, unit)}")
        say(f"smallest gain seen  {_smallest(found.smallest_gain, unit)}")
        hours = night.night_seconds / 3600
        counted = " (re-readings and certification are counted)" if night.certify_seconds else ""
        each = duration(night.seconds or 0.0)
        say(
            f"tonight             {each} a measurement: about {night.experiments} experiments in {hours:g} hours, less "
            f"your agent's own time{counted}"
        )
        for one in wrong:
            say(f"before bed          {one.sentence()}")
    say()
    if wrote:
        say("when program.md says what you mean: git add program.md && git commit -m 'Add program.md'")
    where = f" --repo {shlex.quote(str(site.program.parent))}" if site.program.parent != Path.cwd() else ""
    named = f" --study {site.study}" if site.study != slug(site.program.parent.name) else ""
    say(f"then: overnight run{where}{named}")


def _noise(value: float | None, unit: str) -> str:
    from overnight.report.text import figure as shown

    if value is None:
        return "unknown: a single reading says nothing about noise"
    if value == 0:
        return "none: identical readings"
    return f"{shown(value)}{unit}"


def _smallest(value: float | None, unit: str) -> str:
    return "any: readings are identical" if value == 0 else _noise(value, unit)
