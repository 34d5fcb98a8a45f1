"""What every command does with an error: one message, one exit code, no traceback unless the fault is ours."""

import errno
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import typer

from overnight.errors import MachineError, OvernightError, UsageError

OK, FAULT, USAGE, MACHINE, BUG, INTERRUPTED, CLOSED_PIPE = 0, 1, 2, 3, 70, 130, 141
"""Exit codes; docs/reference/exit-codes.md explains them."""

_DISK = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up",
         errno.EROFS: "the disk is read-only"}  # fmt: skip


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, with every exception turned into a message on stderr and an exit code."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
            sys.stdout.flush()
        except BrokenPipeError:
            _silence()
            raise typer.Exit(CLOSED_PIPE) from None
        except KeyboardInterrupt:
            _complain("interrupted; what was measured is in the ledger")
            raise typer.Exit(INTERRUPTED) from None
        except OvernightError as error:
            _complain(str(error))
            raise typer.Exit(code_of(error)) from None
        except Exception as error:  # a face is the last place that can say what happened
            if type(error).__module__.startswith(("typer", "click")):
                raise
            raise typer.Exit(_unexpected(error)) from None

    return run


def code_of(error: OvernightError) -> int:
    """2 for what the person can mend (a full disk is one of those), 3 for a broken machine."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UsageError) or (isinstance(cause, OSError) and cause.errno in _DISK):
            return USAGE
        cause = cause.__cause__
    return MACHINE if isinstance(error, MachineError) else FAULT


def _complain(text: str) -> None:
    from overnight.report.text import block

    print(f"overnight: {block(text)}", file=sys.stderr)


def _unexpected(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno in _DISK:
        place = f" ({error.filename})" if error.filename else ""
        _complain(f"{_DISK[error.errno]}{place}; nothing that was measured is lost: mend that and run it again")
        return USAGE
    _confess()
    return BUG


def _confess() -> None:
    import traceback

    from overnight import __version__
    from overnight.report.text import block

    print(block(traceback.format_exc()), file=sys.stderr)
    print(
        f"overnight: this is a bug in overnight {__version__}, not in your work; nothing that was measured is lost.\n"
        "Please report it with the lines above.",
        file=sys.stderr,
    )


def _silence() -> None:
    """Let the interpreter's last flush of stdout go nowhere: nobody reads it."""
    hole = os.open(os.devnull, os.O_WRONLY)
    os.dup2(hole, sys.stdout.fileno())
    os.close(hole)
