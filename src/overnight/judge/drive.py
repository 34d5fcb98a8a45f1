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
    """How both sides ended. `died`: the candidate was gone, and not by our doing, before the judge had finished.

    `candidate` is the last copy that was served, `earlier` are those before it.
    """

    judge: Completed
    candidate: Completed
    died: bool
    earlier: tuple[Completed, ...] = ()


class _Line(NamedTuple):
    """Two pipes between the judge and one copy of the candidate; each is read on its left end."""

    candidate_in: io.FileIO
    to_candidate: io.FileIO
    from_candidate: io.FileIO
    candidate_out: io.FileIO


def converse(start: Callable[[Box], Running], candidate: Box, judge: Box, copies: int = 1) -> Conversation:
    """Run `candidate` and `judge` until the judge ends; a candidate that is still there is then killed.

    The candidate's standard input and output are pipes. The judge inherits their other ends as the descriptors
    that OVERNIGHT_CANDIDATE_IN (to write) and OVERNIGHT_CANDIDATE_OUT (to read) number. When the judge closes its
    end or is gone, the candidate reads end of file; when the candidate is gone, so does the judge.

    Of several `copies` the second one's descriptors are in OVERNIGHT_CANDIDATE_IN_2 and _OUT_2, and so on. A copy
    starts when the judge has let go of the one before it, or that one of the judge, and every process of it is dead:
    no two are ever alive at once. A copy whose descriptors the judge has closed is not started.

    Raises:
        MachineError: a box could not be set up; neither side is left running.
    """
    with ExitStack() as stack:
        lines = [_Line(*_pipe(stack), *_pipe(stack)) for _ in range(copies)]
        serving = _serve(start, candidate, lines[0], stack)
        judging = start(_asking(judge, lines))
        stack.callback(end, judging)
        for line in lines:
            line.to_candidate.close()
        candidate_first, earlier = _first_to_let_go(lines[0]), []
        for line in lines[1:]:
            if _is_given_up(line):
                break
            serving.kill()
            earlier.append(serving.wait())
            serving = _serve(start, candidate, line, stack)
            candidate_first = _first_to_let_go(line)
        completed = judging.wait()
        serving.kill()
        served = serving.wait()
        # One that cannot bear the end of its input fails after the judge has let go of it.
        died = candidate_first and served.code != 0 and not killed_by_us(served)
        return Conversation(completed, served, died, tuple(earlier))


def _serve(start: Callable[[Box], Running], candidate: Box, line: _Line, stack: ExitStack) -> Running:
    serving = start(replace(candidate, stdin=line.candidate_in.fileno(), stdout=line.candidate_out.fileno()))
    stack.callback(end, serving)
    line.candidate_out.close()
    return serving


def _asking(judge: Box, lines: list[_Line]) -> Box:
    """The judge with its ends of the lines, and the variables that number them."""
    words = dict(judge.env)
    for number, line in enumerate(lines, 1):
        suffix = f"_{number}" if number > 1 else ""
        words[f"OVERNIGHT_CANDIDATE_IN{suffix}"] = str(line.to_candidate.fileno())
        words[f"OVERNIGHT_CANDIDATE_OUT{suffix}"] = str(line.from_candidate.fileno())
    inherited = tuple(file.fileno() for line in lines for file in (line.to_candidate, line.from_candidate))
    return replace(judge, fds=inherited, env=tuple(sorted(words.items())))


def _first_to_let_go(line: _Line) -> bool:
    """Wait until one side has let go of the line, and close it; whether it was the candidate.

    Both ends that we still hold hang up when the other side lets go. Whose comes first tells a candidate that died
    from one that ended because its input did.
    """
    hangups = select.poll()
    hangups.register(line.candidate_in.fileno(), 0)
    hangups.register(line.from_candidate.fileno(), 0)
    gone = {descriptor for descriptor, _ in hangups.poll()}
    candidate_first = line.candidate_in.fileno() not in gone
    line.candidate_in.close()
    line.from_candidate.close()
    return candidate_first


def _is_given_up(line: _Line) -> bool:
    """Whether the judge has closed its end of a line that nobody was served on yet, or is gone."""
    hangups = select.poll()
    hangups.register(line.candidate_in.fileno(), 0)
    return bool(hangups.poll(0))


def killed_by_us(completed: Completed) -> bool:
    """Whether it was our SIGKILL; one that had just ended may be called cancelled, but its exit status is its own."""
    return completed.stopped == "cancelled" and completed.code == -signal.SIGKILL


def broken_off(talk: Conversation) -> Failure | None:
    """Why the conversation does not count, naming the side that broke it; None when it does."""
    sides = [(served, "`serve`") for served in (*talk.earlier, talk.candidate)]
    for completed, who in (*sides, (talk.judge, "`drive.judge`")):
        failure = stopped(completed, who, private=completed is talk.judge)
        ours = completed is not talk.judge and completed.stopped == "cancelled"
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
    served = b"".join(side.stderr for side in (*talk.earlier, talk.candidate))
    said = (b"serve:\n", served, b"drive.judge:\n", talk.judge.stdout, talk.judge.stderr)
    return Failure(code="driver", detail=detail, tail=tail(*said), private=True)


def _pipe(stack: ExitStack) -> tuple[io.FileIO, io.FileIO]:
    reading, writing = os.pipe()
    return stack.enter_context(io.FileIO(reading, "r")), stack.enter_context(io.FileIO(writing, "w"))


def end(running: Running) -> None:
    """Leave nothing of it behind."""
    running.kill()
    running.wait()
