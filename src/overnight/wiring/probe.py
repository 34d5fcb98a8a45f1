"""Tries the judge on the unchanged and on deliberately broken code, without a ledger."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from msgspec.structs import replace

from overnight.engine.laboratory import remove
from overnight.judge.boxes import Boxes
from overnight.judge.metrics import parse
from overnight.judge.outcome import guard_failure, tests_passed
from overnight.model.box import Completed
from overnight.model.contract import BUILT_IN_METRICS, Contract, Guard
from overnight.model.experiment import Failure, Measurement
from overnight.model.value import lookup
from overnight.wiring.crafted import editable_files, planted
from overnight.wiring.options import Options
from overnight.wiring.rooms import Rooms, box_for, build_rooms
from overnight.wiring.site import Site, scratch_folder
from overnight.wiring.tracked import Tracked

_NAME = re.compile(rb"^(?:METRIC\s+)?([A-Za-z_][\w./-]*)\s*[=:]\s*[-+]?(?:\d|\.\d)", re.MULTILINE)
_BROKEN = b"\x00 broken on purpose by `overnight check --measure` \x00\n"


@contextmanager
def open_rooms(site: Site, options: Options, contract: Contract) -> Iterator[Rooms]:
    """Rooms with a scratch of their own; boxes are ended and the scratch is removed on leaving."""
    sandbox, _ = box_for(contract, options)
    tracked = Tracked(sandbox)
    scratch = scratch_folder(site, options.environment).with_name(f"{site.study}-probe")
    remove(scratch)
    scratch.mkdir(parents=True, mode=0o700)
    try:
        yield build_rooms(site, options, contract, tracked, scratch)
    finally:
        tracked.kill_all()
        remove(scratch)


def printed_metrics(rooms: Rooms, tree: str) -> tuple[tuple[str, ...], Failure | None]:
    """Names of the numbers that the contract's `run` prints on the unchanged code, in order; or why it failed."""
    completed = _run(rooms, tree, rooms.contract.run)
    if completed.code or completed.stopped:
        detail = f"`{rooms.contract.run}` was stopped ({completed.stopped})" if completed.stopped else ""
        detail = detail or f"`{rooms.contract.run}` ended with exit code {completed.code}"
        return (), Failure(code="exit", detail=detail, tail=completed.stderr[-2000:].decode("utf-8", errors="replace"))
    lines = completed.stdout.replace(b"\r", b"\n")
    names = tuple(dict.fromkeys(match[1].decode("ascii") for match in _NAME.finditer(lines)))
    return tuple(name for name in names if not isinstance(parse(completed.stdout, (name,)), Failure)), None


def holding(rooms: Rooms, tree: str, guards: tuple[Guard, ...]) -> tuple[tuple[Guard, ...], tuple[str, ...]]:
    """The command guards that hold on the unchanged code, each demanding the tests that passed; why others do not."""
    held, why = [], []
    for guard in guards:
        completed = _run(rooms, tree, guard.run)
        failure = guard_failure(guard, completed)
        if failure is None:
            passed = tests_passed(completed.stdout + b"\n" + completed.stderr)
            held.append(replace(guard, min_tests=passed))
            why.append(f"guard: `{guard.run}` must pass with {passed} tests (as now)")
        else:
            why.append(f"no guard: {failure.detail.rstrip('.')} on the unchanged code, in the box")
    return tuple(held), tuple(why)


def _run(rooms: Rooms, tree: str, command: str) -> Completed:
    """`command` once, in the candidate's box, on `tree`."""
    folder = rooms.scratch / "trial"
    remove(folder)
    rooms.trees.checkout(tree, folder)
    boxes = Boxes(
        rooms.contract,
        root=rooms.site.repository.root,
        toolchain=rooms.toolchain,
        seal=rooms.seal,
        environment=rooms.options.environment,
        interpreter=sys.executable,
        mounted=rooms.sandbox.covers().mounts,
    )
    words = {"OVERNIGHT_SEED": "0", "OVERNIGHT_SPLIT": "search"}
    return rooms.sandbox.start(boxes.candidate(folder, command, words)).wait()


def readings(rooms: Rooms, tree: str, count: int, longest: float) -> tuple[float, ...]:
    """Up to `count` readings of the objective on the unchanged code, without a ledger; one if it takes `longest` s."""
    judge, values = rooms.judge(tree), []
    for seed in range(count):
        measurement = judge.measure(tree, seed)
        value = lookup(measurement.values, rooms.contract.objective.metric)
        if value is None:
            break
        values.append(value)
        if measurement.seconds > longest or (len(values) == 2 and values[0] == values[1]):
            break
    return tuple(values)


@dataclass(frozen=True, slots=True)
class Probe:
    """What the judge says of the unchanged code and of the same code with every editable file broken."""

    metric: str
    unchanged: Measurement
    broken: Measurement | None

    @property
    def blind(self) -> bool:
        """Whether breaking every editable file makes no difference: the judge measures something else.

        A different number is fine (a broken prompt scores badly), except where the box measures it: then a program
        that does nothing would score.
        """
        if self.broken is None or self.broken.failure is not None:
            return False
        same = lookup(self.broken.values, self.metric) == lookup(self.unchanged.values, self.metric)
        return same or self.metric in BUILT_IN_METRICS


def probe(rooms: Rooms, tree: str) -> Probe:
    """Measure the unchanged code and, if that gives a number, the deliberately broken code."""
    judge, metric = rooms.judge(tree), rooms.contract.objective.metric
    unchanged = judge.measure(tree, 1)
    if unchanged.failure is not None:
        return Probe(metric, unchanged, None)
    broken = planted(rooms.site, tree, dict.fromkeys(editable_files(rooms.site, rooms.contract, tree), _BROKEN))
    return Probe(metric, unchanged, judge.measure(broken, 1))
