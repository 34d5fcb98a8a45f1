"""One recorded reading taken again: the segment's own contract, base, data and box, whatever the disk holds by now."""

from dataclasses import replace

from msgspec import structs

from overnight.engine.laboratory import remove
from overnight.errors import UsageError
from overnight.judge import CommandJudge
from overnight.ledger import StudyLock
from overnight.model.contract import Contract
from overnight.model.event import Noted
from overnight.model.experiment import Measurement
from overnight.model.state import State
from overnight.rules.replay import Replayed, compare, source_of
from overnight.rules.said import signs
from overnight.wiring.options import Options
from overnight.wiring.record import append
from overnight.wiring.rooms import Rooms, box_for, build_rooms, require_same
from overnight.wiring.site import Site, scratch_folder
from overnight.wiring.tracked import Tracked

_ATTEMPTS = 3


def replay(site: Site, state: State, options: Options, number: int, reading: int) -> Replayed:
    """Measure what reading `reading` of experiment `number` measured, with its seed, and put on record what came.

    It is no reading of the search: nothing else in the study changes. `options` say the environment; the box is the
    one of the record.

    Raises:
        UsageError: the study is running, was never read so, or what its judge reads is not what it was.
        IsolationError: the box of the record does not work here any more.
    """
    recorded = _recorded(state, number, reading)
    contract = _contract(state)
    folder = site.repository.root / contract.folder
    site = replace(site, program=folder / contract.program)
    if not folder.is_dir():
        raise UsageError(f"{folder} is gone, and the study ran in it: check out a commit that has it and run it again")
    sandbox, _ = box_for(contract, replace(options, isolation=recorded.tier.value))
    tracked = Tracked(sandbox)
    scratch = scratch_folder(site, options.environment)
    with StudyLock(site.folder / "lock"):
        remove(scratch)
        scratch.mkdir(parents=True, mode=0o700)
        try:
            rooms = build_rooms(site, options, contract, tracked, scratch)
            require_same(state.seals, rooms.seals)
            tree = source_of(state, number).tree
            fresh = _measure(rooms.judge(state.tree), rooms, tree, recorded.seed, state.tree)
        finally:
            tracked.kill_all()
            remove(scratch)
    found = compare(state, number, reading, fresh)
    present = state.segment == state.segments
    where = "" if present else f"segment {state.segment}: "
    note = Noted(kind="replay", text=where + _sentence(found), number=number if present else None)
    append(site.ledger, note, "replay")
    return found


def _recorded(state: State, number: int, reading: int) -> Measurement:
    source = source_of(state, number)
    readings = source.readings
    if not readings:
        why = "broke the contract and" if source.breaches else "is still under way or" if not source.outcome else ""
        raise UsageError(f"experiment {number} {why} was never measured, so no number can come back".replace("  ", " "))
    if not 0 <= reading < len(readings):
        raise UsageError(f"experiment {number} has readings 0 to {len(readings) - 1}: choose one with --reading K")
    return readings[reading]


def _contract(state: State) -> Contract:
    assert state.contract is not None  # noqa: S101 - what was read was read under a contract
    return state.contract


def _measure(judge: CommandJudge, rooms: Rooms, tree: str, seed: int, base: str) -> Measurement:
    for _ in range(_ATTEMPTS):
        fresh = signs(judge.measure(tree, seed))
        failure = fresh.failure
        if failure is None or failure.code != "slept":
            break
    if failure is not None and failure.code in ("slept", "sealed"):
        raise UsageError(f"{failure.detail.rstrip('.')}: run it again once that is mended")
    if failure is not None:
        return fresh
    return structs.replace(fresh, values=(*fresh.values, *rooms.counter(base)(tree)))


def _sentence(found: Replayed) -> str:
    was = "a failure" if found.recorded is None else f"{found.recorded:.9g}"
    now = found.failure or f"{found.fresh:.9g}"
    return f"reading {found.reading} of experiment {found.number} was {was}, again {now}: {found.came_back.value}"
