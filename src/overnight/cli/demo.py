"""`overnight demo`: a real language model gets better, with no key, no GPU and no download."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from overnight.cli.options import Json

EXPERIMENTS = 40


def demo(
    folder: Annotated[
        Path | None, typer.Option("--dir", metavar="D", help="Keep its repository in D (new, or an earlier demo).")
    ] = None,
    experiments: Annotated[
        int, typer.Option("--experiments", "-n", min=0, metavar="N", help="How many experiments.")
    ] = EXPERIMENTS,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Seed of every random draw.")] = 1,
    json: Json = False,
) -> None:
    """Watch a byte-level language model get better: about two minutes, then a report.

    The repository that it leaves is an ordinary study: look at it with `overnight log --repo D`, go on with `overnight
    run --repo D`.
    """
    from overnight.cli.console import say, warn
    from overnight.cli.run import finish, run_here
    from overnight.report.text import block, plural
    from overnight.wiring import find_site, read_state
    from overnight.wiring.install import install
    from overnight.wiring.options import Options

    tell = warn if json else say
    place = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="overnight-demo-"))
    if not (place / "program.md").is_file():
        install("lm", place)
    planned = plural(experiments, "experiment")
    tell(f"demo: a byte-level language model in {place}; {planned}, agent: tuner, no key, no network")
    site = find_site(place)
    options = Options(experiments=experiments, seed=seed, isolation="best", environment=dict(os.environ))
    if json:
        finish(run_here(site, options, quiet=True), json=True)
        return
    if sys.stdout.isatty():
        from overnight.cli.background import run_in_background

        limits = ["--experiments", str(experiments), "--seed", str(seed), "--isolation", "best"]
        run_in_background(site, options, ["run", "--repo", str(place), *limits])
    else:
        run_here(site, options)
    from overnight.cli.morning import beside
    from overnight.report.markdown import render

    state = read_state(site)
    say()
    say(block(render(state, beside=beside(site, state))))
    say(f"the repository is in {place}: try `overnight log --repo {place}`")
