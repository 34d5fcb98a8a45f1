"""Going back to an experiment of the night and exploring from there: `fork`."""

from typing import Annotated

import typer

from overnight.cli.options import HERE, Json, Number, Repo, Study, open_study, pick


def fork(
    *,
    number: Number,
    asks: Annotated[
        int, typer.Option("--asks", min=1, max=10_000, metavar="K", help="How many experiments build on it at most.")
    ] = 8,
    study: Study = None,
    repo: Repo = HERE,
    json: Json = False,
) -> None:
    """Go back to experiment N: the next experiments build on it, until one of them is the best.

    A running night does so from its next experiment on, `overnight run` otherwise. The best stays the best until it is
    beaten. Another `overnight fork` takes the place of this one.
    """
    from overnight.cli.console import say, say_json
    from overnight.model.event import Noted
    from overnight.rules.fork import forkable
    from overnight.wiring.record import append

    site, state = open_study(repo, study)
    pick(state, number)
    forkable(state, number)
    append(site.ledger, Noted(kind="fork", text=str(asks), number=number), "fork")
    running = site.running() is not None
    if json:
        say_json({"study": state.study, "number": number, "asks": asks, "running": running})
        return
    what = "the unchanged code" if number == 0 else f"#{number}"
    count = "experiment builds" if asks == 1 else f"{asks} experiments build"
    then = "It is running and does so from its next one on." if running else f"`overnight run --more {asks}` begins."
    say(f"The next {count} on {what}, until one of them is the best. {then}")
