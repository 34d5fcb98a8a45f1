"""Proves a box by attack: what gets out of it, on this machine, now.

The attacks run side by side in boxes of their own: read a file outside, reach a listener of ours over TCP and an
abstract socket, outlive the run by a double fork, hold more memory than allowed, fork past the limit. Each attack is
bounded, so that a box that fails does no harm, and says that it was really made: a box in which nothing runs proves
nothing. Which attacks a box must withstand follows from its tier; does not know how a box isolates.
"""

import contextlib
import fcntl
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from overnight.model.box import Box, Completed, Coverage, Limits, Mount
from overnight.model.contract import Tier
from overnight.ports import Sandbox
from overnight.sandbox.executables import SYSTEM
from overnight.sandbox.refused import NotHereError

MEGABYTE = 1024**2
WALL_SECONDS = 20.0
MEMORY = 96 * MEGABYTE
PIDS = 24
PYTHON = ("-I", "-S", "-B", "-c")

PEEK = """
import os, socket
try: print("read", open({canary!r}).read())
except OSError: pass
for family, address in ((socket.AF_INET, {tcp!r}), (socket.AF_UNIX, {abstract!r})):
    try: socket.socket(family).connect(address)
    except OSError: continue
    print("reached", "a socket of this machine" if family == socket.AF_INET else "an abstract socket")
print("attacked")
"""
# The daemon holds the lock through a descriptor that it inherits, for at most ten seconds.
OUTLIVE = """
import fcntl, os, time
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
ready, told = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    for descriptor in range(3): os.close(descriptor)
    os.write(told, b"x")
    time.sleep(10)
    os._exit(0)
os.read(ready, 1)
print("attacked")
"""
# A child holds twice the limit for at most three seconds, and the command itself ends well whatever becomes of it.
HOARD = """
import os, time
if os.fork() == 0:
    held = b"x" * {bytes}
    open("held", "w")
    time.sleep(3)
    os._exit(0)
print("attacked", flush=True)
os.wait()
"""
MULTIPLY = """
import os, time
print("attacked", flush=True)
for made in range({count}):
    try:
        if os.fork() == 0:
            time.sleep(3)
            os._exit(0)
    except OSError: break
    open("made", "w").write(str(made + 1))
time.sleep(3)
"""


class _Stage(NamedTuple):
    """Where the attacks take place: `folder` holds the canary and a room for each attack."""

    folder: Path
    coverage: Coverage
    tcp: tuple[str, int]
    abstract: str


class _Attack(NamedTuple):
    """`got_out` says in a few words what got out of the box, or nothing; `room` is the attack's own folder."""

    name: str
    program: Callable[[_Stage], str]
    limits: Limits
    got_out: Callable[[Completed, Path, Coverage], str]
    applies: Callable[[Coverage], bool]


def prove(sandbox: Sandbox) -> None:
    """Attack `sandbox`; returns when it withstood everything that its tier must withstand, in well under a second.

    Raises:
        NotHereError: something got out, or the box does not run anything; with what and what to do about it.
        MachineError: our own machine is broken.
    """
    coverage = sandbox.covers()
    with tempfile.TemporaryDirectory(prefix="overnight-proof-") as name, contextlib.ExitStack() as open_sockets:
        folder = Path(os.path.realpath(name))
        (folder / "canary").write_text("sings", encoding="ascii")
        listener = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = ""
        if sys.platform == "linux":
            abstract = f"\0overnight-proof-{os.getpid()}-{folder.name}"
            hidden = open_sockets.enter_context(socket.socket(socket.AF_UNIX))
            hidden.bind(abstract)
            hidden.listen()
        stage = _Stage(folder, coverage, listener.getsockname(), abstract)
        for attack, completed in _made(sandbox, stage):
            _judge(attack, completed, folder / attack.name, coverage)


def _made(sandbox: Sandbox, stage: _Stage) -> list[tuple[_Attack, Completed]]:
    """Every attack that applies, started side by side, with its end."""
    started = []
    try:
        for attack in ATTACKS:
            if attack.applies(stage.coverage):
                started.append((attack, sandbox.start(_box(attack, stage))))  # noqa: PERF401 - known one by one
        return [(attack, running.wait()) for attack, running in started]
    except BaseException:  # whatever went wrong, no attack may go on
        for _, running in started:
            running.kill()
        raise


def _box(attack: _Attack, stage: _Stage) -> Box:
    room = stage.folder / attack.name
    room.mkdir()
    # Where a box of other user ids runs the attack, it must still be able to write here.
    room.chmod(0o777)
    python = os.path.realpath(sys.executable)
    shown = dict.fromkeys((*SYSTEM, sys.base_prefix))
    mounts = [Mount(target=place, source=place) for place in shown if Path(place).exists()]
    mounts.append(Mount(target=str(room), source=str(room), kind="write"))
    command = (python, *PYTHON, attack.program(stage))
    return Box(command=command, cwd=str(room), mounts=tuple(mounts), limits=attack.limits)


def _judge(attack: _Attack, completed: Completed, room: Path, coverage: Coverage) -> None:
    if b"attacked" not in completed.stdout:
        said = completed.stderr.decode(errors="replace").strip().splitlines()
        how = f"stopped ({completed.stopped})" if completed.stopped else f"code {completed.code}"
        raise NotHereError(
            f"a trial command in a {coverage.name} box ended with {how}: {said[-1] if said else 'it printed nothing'}",
            "mend what it says, or choose a lower box by name: --isolation NAME",
        )
    got_out = attack.got_out(completed, room, coverage)
    if got_out:
        raise NotHereError(
            f"a {coverage.name} box does not hold on this machine: {got_out}",
            "choose another box by name (--isolation NAME), and report this: it should have held",
        )


def _peeked(completed: Completed, room: Path, coverage: Coverage) -> str:  # noqa: ARG001 - one shape for all attacks
    seen = [line for line in completed.stdout.decode(errors="replace").splitlines() if line != "attacked"]
    return f"a command in it {seen[0].replace('read sings', 'read a file outside')}" if seen else ""


def _outlived(completed: Completed, room: Path, coverage: Coverage) -> str:  # noqa: ARG001 - one shape for all attacks
    with (room / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "a process in it outlived the run"
    return ""


def _hoarded(completed: Completed, room: Path, coverage: Coverage) -> str:
    if completed.stopped != "memory":
        return f"twice the memory allowed was not stopped (it ended with {completed.stopped or completed.code})"
    too_much = (room / "held").exists() or completed.peak_memory > MEMORY
    return "more memory than allowed was held" if coverage.limits == "hard" and too_much else ""


def _multiplied(completed: Completed, room: Path, coverage: Coverage) -> str:
    if completed.stopped != "pids":
        return f"more processes than allowed were not stopped (it ended with {completed.stopped or completed.code})"
    made = room / "made"
    count = int(made.read_text(encoding="ascii") or 0) if made.exists() else 0
    too_many = coverage.limits == "hard" and count >= PIDS
    return f"{count + 1} processes lived where {PIDS} are allowed" if too_many else ""


def _limited(coverage: Coverage) -> bool:
    return coverage.limits != "none"


ATTACKS = (
    _Attack(
        "peek",
        lambda stage: PEEK.format(canary=str(stage.folder / "canary"), tcp=stage.tcp, abstract=stage.abstract),
        Limits(wall=WALL_SECONDS),
        _peeked,
        lambda coverage: coverage.tier is not Tier.none,
    ),
    _Attack(
        "outlive",
        lambda _: OUTLIVE,
        Limits(wall=WALL_SECONDS),
        _outlived,
        lambda coverage: coverage.tier.rank >= Tier.confined.rank,
    ),
    _Attack(
        "hoard", lambda _: HOARD.format(bytes=2 * MEMORY), Limits(wall=WALL_SECONDS, memory=MEMORY), _hoarded, _limited
    ),
    _Attack(
        "multiply",
        lambda _: MULTIPLY.format(count=2 * PIDS),
        Limits(wall=WALL_SECONDS, pids=PIDS),
        _multiplied,
        _limited,
    ),
)
