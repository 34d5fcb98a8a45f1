"""A judge that talks to a running candidate over a port; neither has the machine's network, nor the other's.

Each box has a loopback of its own. A process of ours (`relay`) listens in the judge's and connects in the candidate's.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from overnight.errors import MachineError
from overnight.judge import relay
from overnight.judge.drive import Conversation, end, killed_by_us
from overnight.judge.outcome import FailedError, ending, stopped
from overnight.judge.tail import tail
from overnight.model.box import Box, Completed
from overnight.model.experiment import Failure
from overnight.ports import Networked, Running

HOST, PORT = "127.0.0.1", 8000
SERVE_WORDS = {"OVERNIGHT_PORT": str(PORT)}
JUDGE_WORDS = {
    "OVERNIGHT_CANDIDATE_HOST": HOST,
    "OVERNIGHT_CANDIDATE_PORT": str(PORT),
    "OVERNIGHT_CANDIDATE_URL": f"http://{HOST}:{PORT}",
}
_OPENING = 0.5
"""The part of `budget.wall` in which the candidate must have opened its port."""
_ENDING = 5.0
"""Seconds in which the end of a side that is dead must be seen."""
_HELD = 'read -r go && exec </dev/null && exec "$@"'
"""The judge's box is built while the candidate starts, and goes on when it reads a line."""


def converse_over_port(start: Callable[[Box], Running], candidate: Box, judge: Box) -> Conversation:
    """Run `candidate` and, once it listens on OVERNIGHT_PORT, `judge`, until one of them ends; then kill the other.

    The judge reaches the candidate at OVERNIGHT_CANDIDATE_HOST and _PORT of its own network, and nothing else;
    any number of connections, at once and one after the other. The limits of both run from the start.

    Raises:
        FailedError: the candidate ended, or half of its wall time passed, before it listened.
        MachineError: a box could not be set up or joined; neither side is left running.
    """
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(3, "overnight-drive"))
        reading, writing = os.pipe()
        stack.callback(os.close, writing)
        try:
            serving = start(_with(candidate, SERVE_WORDS))
            stack.callback(end, serving)
            held = replace(judge, command=("/bin/sh", "-c", _HELD, "sh", *judge.command), stdin=reading)
            judging = start(_with(held, JUDGE_WORDS))
            stack.callback(end, judging)
        finally:
            os.close(reading)
        sides = _Sides(pool.submit(serving.wait), pool.submit(judging.wait))
        relayed = _relay(stack, serving, judging, candidate.limits.wall * _OPENING)
        if relayed is not None:
            said = pool.submit(_line, relayed)
            wait([*_futures(sides), said], return_when=FIRST_COMPLETED)
            if said.done() and not any(side.done() for side in sides):
                _require_open(said.result(), serving, candidate.limits.wall * _OPENING)
                os.write(writing, b"go\n")
                wait(_futures(sides), return_when=FIRST_COMPLETED)
                candidate_first = not sides.judge.done()
                (judging if candidate_first else serving).kill()
                asked, served = sides.judge.result(), sides.candidate.result()
                died = candidate_first and not killed_by_us(served)
                if died and killed_by_us(asked):
                    asked = replace(asked, stopped="")  # it is dead because the candidate is: nobody cancelled the run
                return Conversation(asked, served, died)
        if relayed is None:
            # One side is dead: that must be seen before the other is ended, or it would count as ended by us.
            wait(_futures(sides), timeout=_ENDING, return_when=FIRST_COMPLETED)
        judging.kill()
        serving.kill()
        raise FailedError(_before_open(sides.judge.result(), sides.candidate.result()))


class _Sides(NamedTuple):
    """How each side will have ended."""

    candidate: "Future[Completed]"
    judge: "Future[Completed]"


def _futures(sides: _Sides) -> "list[Future[Any]]":
    return [sides.candidate, sides.judge]


def _with(box: Box, words: dict[str, str]) -> Box:
    return replace(box, env=tuple(sorted({**dict(box.env), **words}.items())))


def _relay(stack: ExitStack, serving: Running, judging: Running, seconds: float) -> socket.socket | None:
    """Start the process that joins the two networks; our end of its line, or None when a side is already dead."""
    if not (isinstance(serving, Networked) and isinstance(judging, Networked)):
        raise MachineError("`drive: {over: port}` needs boxes with a network of their own, which this sandbox lacks")
    with ExitStack() as passed:
        networks = []
        for side in (serving, judging):
            network = side.network()
            if network is None:
                return None
            passed.callback(os.close, network)
            networks.append(network)
        ours, theirs = socket.socketpair()
        stack.callback(ours.close)
        passed.callback(theirs.close)
        told = (theirs.fileno(), *networks)
        words = [sys.executable, "-I", "-S", "-B", str(Path(relay.__file__)), *map(str, told), str(PORT), str(seconds)]
        quiet = subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                words, stdin=quiet, stdout=quiet, stderr=quiet, cwd="/", env={}, pass_fds=told, process_group=0
            )
        except OSError as error:
            raise MachineError(f"the relay between judge and candidate could not be started: {error}") from error
        stack.callback(_end_relay, process)
        return ours


def _end_relay(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _line(control: socket.socket) -> str:
    said = b""
    while not said.endswith(b"\n") and (piece := control.recv(4096)):
        said += piece
    return said.decode(errors="replace").strip()


def _require_open(said: str, serving: Running, seconds: float) -> None:
    if said == "open":
        return
    if said != "late":
        why = said.removeprefix("failed ") or "it ended without a word"
        raise MachineError(f"the relay between judge and candidate does not work: {why}")
    serving.kill()
    served = serving.wait()
    failure = None if killed_by_us(served) else stopped(served, "`serve`")
    detail = f"`serve` did not listen on port {PORT} ($OVERNIGHT_PORT) within {seconds:g} s, half of budget.wall."
    raise FailedError(failure or Failure(code="driver", detail=detail, tail=tail(served.stdout, served.stderr)))


def _before_open(judge: Completed, served: Completed) -> Failure:
    """Why there was no conversation at all."""
    for completed, who in ((served, "`serve`"), (judge, "`drive.judge`")):
        failure = None if killed_by_us(completed) else stopped(completed, who)
        if failure is not None:
            return failure
    if killed_by_us(served):
        return Failure(code="cancelled", detail="The run was cancelled.")
    detail = f"The candidate's `serve` {ending(served.code)} before it listened on port {PORT} ($OVERNIGHT_PORT)."
    return Failure(code="driver", detail=detail, tail=tail(served.stdout, served.stderr))
