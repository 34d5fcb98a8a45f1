"""The `overnight` command: its verbs in the order of the night."""

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from overnight.cli import (
    certify,
    check,
    demo,
    doctor,
    finish,
    fork,
    init,
    look,
    morning,
    one,
    redteam,
    replay,
    run,
    stop,
)
from overnight.cli.guard import guarded

BEFORE = "Before bed"
NIGHT = "During the night"
AFTER = "After breakfast"

_EPILOG = (
    "Exit codes: 0 done · 1 could not finish · 2 something to mend on your side (the message says what) · "
    "3 this machine failed (nothing is lost) · 70 a bug in overnight · 130 interrupted."
)

app = typer.Typer(
    name="overnight",
    rich_markup_mode="rich",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from overnight import __version__

        print(f"overnight {__version__}")
        raise typer.Exit


@app.callback()
def overnight(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Write program.md, go to sleep, wake up to improvements that are real, with the proof beside each one.

    Your branch, index and working tree are never touched: everything lives in refs/overnight/.
    """
    del version


_VERBS = (
    ("demo", demo.demo, BEFORE),
    ("init", init.init, BEFORE),
    ("check", check.check, BEFORE),
    ("doctor", doctor.doctor, BEFORE),
    ("redteam", redteam.redteam, BEFORE),
    ("run", run.run, NIGHT),
    ("status", look.status, NIGHT),
    ("log", look.log, NIGHT),
    ("show", one.show, AFTER),
    ("diff", one.diff, AFTER),
    ("report", morning.report, AFTER),
    ("certify", certify.certify, AFTER),
    ("finish", finish.finish, AFTER),
    ("replay", replay.replay, AFTER),
    ("fork", fork.fork, AFTER),
    ("stop", stop.stop, NIGHT),
)
for _name, _command, _panel in _VERBS:
    app.command(_name, rich_help_panel=_panel)(guarded(_command))


def _fill_closed_streams() -> None:
    """Let a stream that was closed before the start go nowhere, before another file takes its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as above


def main() -> None:
    """Run the command line and exit with its code."""
    _fill_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="overnight")
