"""A judge that talks to a running candidate over two pipes, each in a box of its own."""

import io
import os
import select
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import NamedTuple

from msgspec.structs import replace

from overnight.judge.outcome import ending, stopped
from overnight.judge.tail import tail
from overnight.model.box import Box, Completed
from overnight.model.experiment import Failure
from overnight.ports import Running


class Conversation(NamedTuple):
    """How both sides ended. `died`: the candidate was gone, and not by our doing, before the judge had finished."""

    judge: Completed
    candidate: Completed
    died: bool


def converse(start: Callable[[Box], Running], candidate: Box, judge: Box) -> Conversation:
    """Run `candidate` and `judge` until the judge ends; a candidate that is still there is then killed.

    The candidate's standard input and output are pipes. The judge inherits their other ends as the descriptors
    that OVERNIGHT_CANDIDATE_IN (to write) and OVERNIGHT_CANDIDATE_OUT (to read) number. When the judge closes its
    end or is gone, the candidate reads end of file; when the candidate is gone, so does the judge.

    Raises:
        MachineError: a box could not be set up; neither side is left running.
    """
    with ExitStack() as stack:
        candidate_in, to_candidate = _pipe(stack)
        from_candidate, candidate_out = _pipe(stack)
        inherited = (to_candidate.fileno(), from_candidate.fileno())
        words = {"OVERNIGHT_CANDIDATE_IN": str(inherited[0]), "OVERNIGHT_CANDIDATE_OUT": str(inherited[1])}
        serving = start(replace(candidate, stdin=candidate_in.fileno(), stdout=candidate_out.fileno()))
        stack.callback(end, serving)
        judging = start(replace(judge, fds=inherited, env=tuple(sorted({**dict(judge.env), **words}.items()))))
        stack.callback(end, judging)
        to_candidate.close()
        candidate_out.close()
        # Both ends that we still hold hang up when the other side lets go. Whose comes first tells a candidate that
        # died from one that ended because its input did.
        hangups = select.poll()
        hangups.register(candidate_in.fileno(), 0)
        hangups.register(from_candidate.fileno(), 0)
        gone = {descriptor for descriptor, _ in hangups.poll()}
        candidate_first = candidate_in.fileno() not in gone
        candidate_in.close()
        from_candidate.close()
        completed = judging.wait()
        serving.kill()
        served = serving.wait()
        # One that cannot bear the end of its input fails after the judge has let go of it.
        died = candidate_first and served.code != 0 and not killed_by_us(served)
        return Conversation(completed, served, died)


def killed_by_us(completed: Completed) -> bool:
    """Whether it was our SIGKILL; one that had just ended may be called cancelled, but its exit status is its own."""
    return completed.stopped == "cancelled" and completed.code == -signal.SIGKILL


def broken_off(talk: Conversation) -> Failure | None:
    """Why the conversation does not count, naming the side that broke it; None when it does."""
    for completed, who in ((talk.candidate, "`serve`"), (talk.judge, "`drive.judge`")):
        failure = stopped(completed, who)
        ours = completed is talk.candidate and completed.stopped == "cancelled"
        if failure is not None and not (ours and failure.code == "cancelled"):
            return failure
    if talk.judge.code == 0 and not talk.died:
        return None
    judge, candidate = f"`drive.judge` {ending(talk.judge.code)}", f"`serve` {ending(talk.candidate.code)}"
    if talk.died:
        after = "" if talk.judge.code == -signal.SIGKILL else f"; {judge}"
        detail = f"The candidate's {candidate} before the judge had finished{after}."
    elif killed_by_us(talk.candidate):
        detail = f"{judge} while the candidate was still there."
    else:
        detail = f"{judge}; the candidate's {candidate}."
    said = (b"serve:\n", talk.candidate.stderr, b"drive.judge:\n", talk.judge.stdout, talk.judge.stderr)
    return Failure(code="driver", detail=detail, tail=tail(*said))


def _pipe(stack: ExitStack) -> tuple[io.FileIO, io.FileIO]:
    reading, writing = os.pipe()
    return stack.enter_context(io.FileIO(reading, "r")), stack.enter_context(io.FileIO(writing, "w"))


def end(running: Running) -> None:
    """Leave nothing of it behind."""
    running.kill()
    running.wait()
