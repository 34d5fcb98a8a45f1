"""`overnight run`: begin the night or go on with it."""

import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overnight.cli.options import HERE, Json, Repo, Study, present_folder

if TYPE_CHECKING:
    from overnight.engine.stop import Stopping
    from overnight.model.state import State
    from overnight.ports import Sink
    from overnight.wiring import Site
    from overnight.wiring.options import Options

Experiments = Annotated[
    int | None,
    typer.Option(
        "--experiments", "-n", min=0, metavar="N", help="Stop when N experiments are done, counted over all starts."
    ),
]
Wall = Annotated[str | None, typer.Option("--wall", metavar="TIME", help="Stop after this long: 8h, 90m, 300s.")]
AgentName = Annotated[
    str | None,
    typer.Option(
        "--agent",
        metavar="NAME",
        help='Who proposes changes: tuner (no key needed), or "command LINE" for any program.',
    ),
]
PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="NAME",
        help="How to search and decide: auto, default, ratchet, linear, audit, islands or portfolio.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, metavar="S", help="Seed of every random draw.")]
IsolationName = Annotated[
    str | None,
    typer.Option(
        "--isolation",
        metavar="NAME",
        help="The box to use, by name: capped, contained, confined ... `none` is no box. Every record says which.",
    ),
]


def run(
    experiments: Experiments = None,
    more: Annotated[
        int | None, typer.Option("--more", min=1, metavar="N", help="Do N experiments more than are done.")
    ] = None,
    wall: Wall = None,
    agent: AgentName = None,
    policy: PolicyName = None,
    seed: Seed = None,
    isolation: IsolationName = None,
    with_changes: Annotated[
        bool, typer.Option("--with-changes", help="Measure the working tree as it is, not the last commit.")
    ] = False,
    rebase: Annotated[
        bool, typer.Option("--rebase", help="Begin a new segment on the present HEAD, with a new baseline.")
    ] = False,
    despite: Annotated[
        list[str] | None,
        typer.Option(
            "--despite",
            metavar="NAME",
            help="Run although a check says no, named in its message: empty-candidate. The report says so.",
        ),
    ] = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Run in this process: closing the terminal ends it.")
    ] = False,
    study: Study = None,
    repo: Repo = HERE,
    json: Json = False,
) -> None:
    """Run experiments until a limit is reached. Run it again and it goes on where it was.

    At a terminal the work goes on in the background when the terminal closes; the screen is a view of it. Ctrl-C once
    finishes the present experiment, twice stops now. Nothing that was measured is lost either way.
    """
    options = options_from(
        experiments=experiments,
        more=more,
        wall=wall,
        agent=agent,
        policy=policy,
        seed=seed,
        isolation=isolation,
        with_changes=with_changes,
        rebase=rebase,
        despite=overruled(despite or []),
    )
    from overnight.wiring import find_site

    site = find_site(present_folder(repo), study)
    if foreground or json or not sys.stdout.isatty():
        finish(run_here(site, options, quiet=json), json)
    else:
        from overnight.cli.background import run_in_background

        run_in_background(site, options, sys.argv[1:])


def overruled(names: list[str]) -> tuple[str, ...]:
    """The names given with --despite.

    Raises:
        UsageError: no check has this name.
    """
    from overnight.errors import UsageError
    from overnight.rules.blind import DESPITE

    for name in names:
        if name != DESPITE:
            raise UsageError(f"--despite {name!r} is no check that can be overruled: there is only {DESPITE}")
    return tuple(dict.fromkeys(names))


def options_from(
    *, wall: str | None, more: int | None, experiments: int | None, isolation: str | None, **rest: Any
) -> "Options":
    """The command line's options as the wiring takes them.

    Raises:
        UsageError: they contradict each other, or a duration cannot be read.
    """
    from overnight.errors import UsageError
    from overnight.program.units import duration
    from overnight.wiring.options import Options

    if more is not None and experiments is not None:
        raise UsageError("--experiments is a total and --more adds to what is done: give one of them")
    try:
        seconds = None if wall is None else duration(wall)
    except ValueError as error:
        raise UsageError(f"--wall {wall!r} is not {error}") from None
    return Options(
        wall=seconds, more=more, experiments=experiments, isolation=isolation, environment=dict(os.environ), **rest
    )


def run_here(site: "Site", options: "Options", *, quiet: bool = False, watch: "Sink | None" = None) -> "State":
    """Run the study in this process, one plain line an event on stdout (on stderr when `quiet`)."""
    from overnight.cli.awake import keep_awake
    from overnight.cli.console import say, warn
    from overnight.cli.plain import LineSink
    from overnight.engine.stop import Stopping
    from overnight.engine.study import run_study
    from overnight.report.text import block
    from overnight.wiring.night import open_night

    tell: Callable[[str], None] = warn if quiet else say
    stopping = Stopping()
    _obey(stopping, tell)
    with open_night(site, options, [watch or LineSink(tell)], stopping) as night:
        for notice in night.notices:
            tell(f"note: {block(notice)}")
        asleep = keep_awake(os.getpid())
        if asleep:
            tell(f"note: {asleep}")
        tell(f"box: {night.coverage.tier} ({night.coverage.name}), limits {night.coverage.limits}")
        return run_study(night.laboratory)


def _obey(stopping: "Stopping", tell: Callable[[str], None]) -> None:
    def asked(_signal: int, _frame: Any) -> None:
        if not stopping.asked:
            tell("stopping after this experiment; once more stops now")
        stopping.request()

    def now(_signal: int, _frame: Any) -> None:
        stopping.requests += 1
        stopping.request()

    signal.signal(signal.SIGINT, asked)
    signal.signal(signal.SIGTERM, now)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def finish(state: "State", json: bool) -> None:
    """The last words of a run: the headline and where to look, or the status as JSON."""
    from overnight.cli.console import say, say_json
    from overnight.report.summary import numbers

    if json:
        import msgspec

        say_json({**msgspec.structs.asdict(numbers(state)), "running": False, "pid": None, "ended": state.closed})
        return
    from overnight.report.headline import headline

    say(headline(state))
    say("next: `overnight report` for the whole story, `overnight log` for every experiment")
