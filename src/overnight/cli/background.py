"""A run that outlives its terminal: the work in a session of its own, the screen a viewer of the ledger."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from overnight.wiring import Site
    from overnight.wiring.options import Options


def run_in_background(site: "Site", options: "Options", arguments: list[str]) -> None:
    """Start `overnight run --foreground` detached and watch it until it ends.

    Raises:
        UsageError: whatever would be wrong with the run is said here, before anything is started.
        typer.Exit: with the exit code of the run when it failed.
    """
    import typer

    from overnight.cli.console import say
    from overnight.cli.live import follow
    from overnight.wiring import read_state
    from overnight.wiring.contract import load
    from overnight.wiring.options import stop_of
    from overnight.wiring.rooms import box_for

    loaded = load(site, options)
    planned = stop_of(loaded.contract, options, read_state(site)).experiments
    box_for(loaded.contract, options)
    _refuse_second(site)
    site.folder.mkdir(parents=True, exist_ok=True)
    log = site.folder / "run.log"
    with _Keys() as keys:
        process = start_detached([sys.executable, "-m", "overnight", *arguments, "--foreground"], log)
        say(f"running in the background as process {process.pid}; closing this terminal does not stop it")
        follow(site, until=lambda: keys.passed_on(process), planned=planned)
        code = process.wait()
    _last_words(log, code)
    if code:
        raise typer.Exit(code if code > 0 else 128 - code)


class _Keys:
    """Counts Ctrl-C while it is open; `passed_on` hands them to the run. Nothing else happens in the handler."""

    def __init__(self) -> None:
        self._pressed = 0
        self._passed = 0
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _press(self, _signal: int, _frame: object) -> None:
        self._pressed += 1

    def passed_on(self, process: "subprocess.Popen[bytes]") -> bool:
        """Tell `process` of new presses, the first as SIGINT, later ones as SIGTERM; whether it has ended."""
        from overnight.cli.console import warn

        while self._passed < self._pressed:
            self._passed += 1
            first = self._passed == 1
            process.send_signal(signal.SIGINT if first else signal.SIGTERM)
            warn("stopping after this experiment; Ctrl-C once more stops now" if first else "stopping now")
        return process.poll() is not None


def start_detached(command: list[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start `command` in a session of its own, with its words in `log` and nothing of this terminal."""
    with log.open("wb") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd=os.getcwd()  # noqa: PTH109 - the child's words name it
        )  # fmt: skip


def _refuse_second(site: "Site") -> None:
    from overnight.errors import StudyBusyError

    holder = site.running()
    if holder is not None:
        raise StudyBusyError(
            f"process {holder} is running the study {site.study} already: look with `overnight status`, end it with "
            "`overnight stop`"
        )


def _last_words(log: Path, code: int) -> None:
    from overnight.report.text import block

    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if code:
        starts = [place for place, line in enumerate(lines) if line.startswith("overnight:")]
        # The last message may have several lines: what to write into program.md, or the output of a command.
        errors = lines[starts[-1] :] if starts else lines[-3:]
        sys.stderr.write("\n".join(block(line) for line in errors) + "\n")
        return
    first = next((place for place, line in enumerate(lines) if line.startswith("ended: ")), max(0, len(lines) - 3))
    sys.stdout.write("\n".join(block(line) for line in lines[first:]) + "\n")
