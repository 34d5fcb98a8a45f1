"""How a boxed command ended, as a failure or as nothing to complain about."""

import re
from typing import Literal

from overnight.judge.tail import tail
from overnight.model.box import Completed
from overnight.model.contract import Guard
from overnight.model.experiment import Failure

_Code = Literal["timeout", "cpu", "memory", "pids", "disk", "output", "cancelled"]
_STOPPED: dict[str, tuple[_Code, str]] = {
    "wall": ("timeout", "ran longer than budget.wall allows"),
    "cpu": ("cpu", "used more CPU time than budget.cpu_seconds allows"),
    "memory": ("memory", "used more memory than budget.memory allows"),
    "pids": ("pids", "started more processes than budget.pids allows"),
    "disk": ("disk", "wrote more than budget.disk allows"),
    "output": ("output", "printed more than budget.output allows"),
    "cancelled": ("cancelled", "was cancelled"),
}
_UNUSABLE = {126: "; the shell could not execute it", 127: "; the shell could not find it"}

_TESTS = (
    re.compile(rb"\b([0-9]{1,9}) passed\b"),  # pytest, cargo, jest
    re.compile(rb"^Ran ([0-9]{1,9}) tests? in ", re.MULTILINE),  # unittest
    re.compile(rb"^(?:#|\xe2\x84\xb9) pass ([0-9]{1,9})\s*$", re.MULTILINE),  # node, TAP
)
_NOT_TESTS = re.compile(rb"^.*(?:Suites|Files).*$", re.MULTILINE)


class FailedError(Exception):
    """The run has failed, and this is the failure; never leaves this room."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.detail)


def stopped(completed: Completed, who: str, *, private: bool = False) -> Failure | None:
    """The failure of a command that was not allowed to end by itself; `who` begins the sentence.

    `private`: the command sees hidden files.
    """
    reason = completed.stopped or ("output" if completed.flooded else "")
    if not reason and not completed.slept:
        return None
    said = tail(completed.stdout, completed.stderr)
    if completed.slept:
        detail = "The machine was suspended during the run, so its times mean nothing."
        return Failure(code="slept", detail=detail, tail=said, private=private)
    code, what = _STOPPED[reason]
    return Failure(code=code, detail=f"{who} {what}.", tail=said, private=private)


def failed(completed: Completed, who: str, *, private: bool = False) -> Failure | None:
    """The failure of a command that was stopped or did not exit with 0; `private` as in `stopped`."""
    failure = stopped(completed, who, private=private)
    if failure is None and completed.code != 0:
        said = tail(completed.stdout, completed.stderr)
        return Failure(code="exit", detail=f"{who} {ending(completed.code)}.", tail=said, private=private)
    return failure


def ending(code: int) -> str:
    """An exit status in words."""
    if code < 0:
        return f"was killed by signal {-code}"
    return f"exited with code {code}{_UNUSABLE.get(code, '')}"


def guard_failure(guard: Guard, completed: Completed) -> Failure | None:
    """Why a command guard does not hold, or None."""
    failure = failed(completed, f"The guard `{guard.run}`")
    if failure is not None:
        if failure.code in ("slept", "cancelled"):
            return failure
        detail = f"{failure.detail} A guard sees the candidate's files, not what `run` wrote."
        return Failure(code="guard", detail=detail, tail=failure.tail)
    count = tests_passed(completed.stdout + b"\n" + completed.stderr)
    if guard.min_tests and count < guard.min_tests:
        detail = f"The guard `{guard.run}` reported {count} passed tests; min_tests is {guard.min_tests}."
        return Failure(code="guard", detail=detail, tail=tail(completed.stdout, completed.stderr))
    return None


def tests_passed(output: bytes) -> int:
    """Passed tests by the summaries of pytest, unittest, node, TAP, cargo, jest or vitest; 0 when none is there."""
    summary = _NOT_TESTS.sub(b"", output)
    for pattern in _TESTS:
        counts = pattern.findall(summary)
        if counts:
            return sum(int(count) for count in counts)
    return 0
