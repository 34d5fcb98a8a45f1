"""Chooses the best box that this machine really gives, proven by running one."""

import sys
from pathlib import Path

from overnight.errors import IsolationError, OvernightError, UsageError
from overnight.model.box import Box, Limits, Mount
from overnight.ports import Sandbox
from overnight.sandbox.bubblewrap import Bubblewrap
from overnight.sandbox.executables import SYSTEM
from overnight.sandbox.none import Unboxed

NAMES = ("bubblewrap", "none")
PROOF_SECONDS = 20.0


def best() -> tuple[Sandbox, tuple[str, ...]]:
    """The strongest sandbox that works here, and one sentence for every stronger one that does not."""
    if sys.platform != "linux":
        return Unboxed(), (f"Boxes need Linux; on {sys.platform} commands run without one.",)
    try:
        return available("bubblewrap"), ("Limits are soft: hard ones need cgroups, which no box here uses yet.",)
    except OvernightError as error:
        return Unboxed(), (f"bubblewrap does not work: {error}.",)


def available(name: str | None = None) -> Sandbox:
    """The sandbox called `name` ("bubblewrap", "none"), or the best one; a real command has run in it just now.

    Raises:
        UsageError: there is no sandbox of this name.
        IsolationError: it does not work on this machine; the message says why and the fix.
    """
    if name is None:
        return best()[0]
    if name == "none":
        return Unboxed()
    if name != "bubblewrap":
        raise UsageError(f"there is no sandbox {name!r}; choose one of {', '.join(NAMES)}")
    sandbox = Bubblewrap()
    mounts = tuple(Mount(target=folder, source=folder) for folder in SYSTEM if Path(folder).exists())
    box = Box(command=("/bin/sh", "-c", "echo $((6*7))"), cwd="/", mounts=mounts, limits=Limits(wall=PROOF_SECONDS))
    completed = sandbox.start(box).wait()
    if completed.code != 0 or completed.stdout != b"42\n":
        raise IsolationError(
            f"a trial command in a bubblewrap box ended with code {completed.code} instead of its answer: "
            f"{completed.stderr.decode(errors='replace').strip() or 'it printed nothing'}"
        )
    return sandbox
