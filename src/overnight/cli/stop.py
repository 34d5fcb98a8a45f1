"""Asking a running study to end: `stop`."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.options import HERE, Json, Repo, Study, open_study

if TYPE_CHECKING:
    from overnight.ports import Ledger


def stop(
    *,
    study: Study = None,
    repo: Repo = HERE,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait for the present experiment; it is tried again next time.")
    ] = False,
    json: Json = False,
) -> None:
    """End the running night after its present experiment.

    Nothing is lost: `overnight run` goes on from there.
    """
    from overnight.cli.console import say, say_json

    site, state = open_study(repo, study)
    holder = site.running()
    answer = {"study": site.study, "running": holder is not None, "pid": holder, "asked": False, "now": False}
    if holder is None:
        text = f"Nothing is running in study {site.study}, so there is nothing to stop."
    else:
        ask(site.ledger)
        answer["asked"] = True
        under_way = f"#{state.pending[0]}" if state.pending else "its present experiment"
        text = f"Asked {_name(holder)} to end study {site.study} after {under_way}."
        if now:
            answer["now"] = _terminate(holder)
            text = f"Told {_name(holder)} to end study {site.study} now."
    if json:
        say_json(answer)
    else:
        say(f"{text} `overnight run` goes on from there." if answer["asked"] else text)


def ask(ledger: "Ledger") -> None:
    """Append the request to the ledger, whoever else appends meanwhile.

    Raises:
        ConflictError: others were first, a hundred times in a row.
    """
    from overnight.model.event import Paused
    from overnight.wiring.record import append

    append(ledger, Paused(by="person", reason="overnight stop"), "stop")


def _name(holder: int) -> str:
    return f"process {holder}" if holder > 0 else "the running process"


def _terminate(holder: int) -> bool:
    import signal

    from overnight.errors import UsageError

    if holder <= 0:
        raise UsageError("the running process has not said its number yet: run `overnight stop --now` again")
    try:
        os.kill(holder, signal.SIGTERM)
    except ProcessLookupError:
        return False
    except PermissionError:
        raise UsageError(f"process {holder} belongs to somebody else: ask them to run `overnight stop --now`") from None
    return True
