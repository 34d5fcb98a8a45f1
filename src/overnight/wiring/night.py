"""Puts one night together: contract, box, judge, agent, ledger; opens or continues the segment."""

import platform
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from overnight import __version__
from overnight.engine.baseline import open_segment
from overnight.engine.laboratory import Laboratory, remove
from overnight.engine.recorder import Recorder
from overnight.engine.stop import Stopping
from overnight.ledger import ResultsTable, StudyLock
from overnight.model.box import Coverage
from overnight.model.contract import Contract, Stop, Tier
from overnight.model.event import Measured, Opened
from overnight.model.state import State
from overnight.model.value import Words, digest
from overnight.ports import Sink
from overnight.rules.blind import EMPTY
from overnight.wiring.agents import baseline_parameters, build_agent
from overnight.wiring.contract import Loaded, load
from overnight.wiring.crafted import empty_tree
from overnight.wiring.options import Options, policy_name, stop_of
from overnight.wiring.policies import conductor_of
from overnight.wiring.remembered import remembered
from overnight.wiring.rooms import Rooms, box_for, build_rooms
from overnight.wiring.site import Site, scratch_folder, write_progress
from overnight.wiring.tracked import Tracked


@dataclass(frozen=True, slots=True)
class Night:
    """A study that holds its lock and is ready for `run_study`. `notices` are sentences for the person."""

    rooms: Rooms
    laboratory: Laboratory
    coverage: Coverage
    notices: tuple[str, ...]

    @property
    def state(self) -> State:
        """The present state."""
        return self.laboratory.recorder.state


@contextmanager
def open_night(site: Site, options: Options, sinks: Sequence[Sink], stopping: Stopping) -> Iterator[Night]:
    """Take the study's lock and put everything together; on leaving, boxes are ended and scratch is removed.

    Raises:
        UsageError: anything that the person can mend, before anything was started.
    """
    loaded = load(site, options)
    conductor_of(policy_name(loaded.contract, options))
    site.repository.writable()
    sandbox, reasons = box_for(loaded.contract, options)
    tracked = Tracked(sandbox)
    site.folder.mkdir(parents=True, exist_ok=True)
    scratch = scratch_folder(site, options.environment)
    with StudyLock(site.folder / "lock"):
        remove(scratch)
        scratch.mkdir(parents=True, mode=0o700)
        try:
            rooms = build_rooms(site, options, loaded.contract, tracked, scratch)
            unboxed = tracked.covers().tier is Tier.none
            reasons = (
                (f"no box: the candidate's code can do whatever you can ({' '.join(reasons)})",) if unboxed else ()
            )
            yield _night(rooms, loaded, sinks, stopping, reasons)
        finally:
            tracked.kill_all()
            remove(scratch)


def identity_of(contract: Contract, tree: str, seals: Words, tier: Tier) -> str:
    """The segment's identity: the enforced contract, the sealed tree, sealed data, and the box that measures."""
    return digest((*contract.identity(), tree, seals, tier))


def _night(rooms: Rooms, loaded: Loaded, sinks: Sequence[Sink], stopping: Stopping, reasons: tuple[str, ...]) -> Night:
    site, options, contract = rooms.site, rooms.options, rooms.contract
    table = ResultsTable(site.folder / "results.tsv")
    recorder = Recorder(site.ledger, [table, *sinks], time.time)
    table.rebuild(recorder.state)
    tier = rooms.sandbox.covers().tier
    base, tree, moved = _base(rooms, loaded, recorder.state, tier)
    agent_name = options.agent or contract.agent.use
    begins = _begins(rooms, recorder.state, (base, tree), tier)
    agent = build_agent(agent_name, rooms, tree, recorder.state.segments + begins)
    laboratory = Laboratory(
        contract=contract,
        recorder=recorder,
        workspace=rooms.trees,
        judge=rooms.judge(tree),
        agent=agent,
        conductor=conductor_of(policy_name(contract, options)),
        agent_name=agent_name,
        scratch=rooms.scratch,
        counts=rooms.counter(tree),
        stop=stop_of(contract, options, recorder.state),
        progress=lambda phase, number, limit=None: write_progress(site, phase, number, time.time(), limit),
        monotonic=time.monotonic,
        rested=site.ledger.compact_if_due,
        stopping=stopping,
        empty=empty_tree(site, contract, tree),
        despite=options.despite,
    )
    opened = _begin(laboratory, rooms, loaded, (base, tree), tier)
    _recall(laboratory, site)
    endless = laboratory.stop == Stop()
    reminder = ("no limit was given: it goes on until Ctrl-C or `overnight stop`",) if endless else ()
    notices = (*loaded.notices, *rooms.toolchain.warnings, *moved, *opened, *reasons, *reminder)
    return Night(rooms, laboratory, rooms.sandbox.covers(), notices)


def _recall(laboratory: Laboratory, site: Site) -> None:
    """Put on record what `redteam` read of the empty candidate before this segment began."""
    state = laboratory.recorder.state
    known = remembered(site, state.digest)
    found = dict(known.readings).get(EMPTY) if known else None
    if found is not None and EMPTY not in dict(state.crafted):
        laboratory.recorder.append(Measured(number=0, run=0, measurement=found, crafted=EMPTY))


def _base(rooms: Rooms, loaded: Loaded, state: State, tier: Tier) -> tuple[str, str, tuple[str, ...]]:
    """The commit and tree to measure against: the running segment's where it goes on, else the present ones."""
    goes_on = state.digest and state.digest == identity_of(rooms.contract, state.tree, rooms.seals, tier)
    if not goes_on or rooms.options.rebase:
        return loaded.commit, loaded.tree, ()
    differing = _differing(rooms.site, state.tree, loaded.tree)
    if differing and (rooms.options.with_changes or state.baseline is None):
        # The working tree was asked for by name; and what never gave a number need not be stayed with.
        return loaded.commit, loaded.tree, ()
    if differing:
        moved = (
            f"HEAD is now {loaded.commit[:10]}; this study goes on measuring {state.base[:10]}, on which it began, "
            f"with the old {', '.join(differing[:3])}{' ...' if len(differing) > 3 else ''}. `overnight run --rebase` "
            "begins a new segment on HEAD"
        )
        return state.base, state.tree, (moved,)
    return state.base, state.tree, ()


def _differing(site: Site, old: str, new: str) -> tuple[str, ...]:
    """Paths in which two trees differ, program.md left out: it is read from disk anyway."""
    if old == new:
        return ()
    before, after = site.repository.files(old), site.repository.files(new)
    program = site.program.relative_to(site.repository.root).as_posix()
    return tuple(sorted(path for path in {*before, *after} - {program} if before.get(path) != after.get(path)))


def _begins(rooms: Rooms, state: State, base: tuple[str, str], tier: Tier) -> bool:
    """Whether this start begins a new segment rather than going on with the last one."""
    commit, tree = base
    goes_on = state.digest == identity_of(rooms.contract, tree, rooms.seals, tier)
    return not goes_on or (rooms.options.rebase and state.base != commit)


def _reseed(laboratory: Laboratory, seed: int | None) -> tuple[str, ...]:
    state = laboratory.recorder.state
    if seed is None or seed == state.seed:
        return ()
    if len(state.experiments) > 1:
        return (f"this segment draws from seed {state.seed} since it began; --seed {seed} is not used",)
    laboratory.recorder.note("seed", str(seed))
    return ()


def _begin(laboratory: Laboratory, rooms: Rooms, loaded: Loaded, base: tuple[str, str], tier: Tier) -> tuple[str, ...]:
    """Open a new segment where this start is not a continuation; sentences about what that means."""
    state, options = laboratory.recorder.state, rooms.options
    commit, tree = base
    identity = identity_of(rooms.contract, tree, rooms.seals, tier)
    if not _begins(rooms, state, base, tier):
        return _reseed(laboratory, options.seed)
    open_segment(
        laboratory,
        Opened(
            study=rooms.site.study,
            digest=identity,
            contract=rooms.contract,
            base=commit,
            tree=tree,
            seals=rooms.seals,
            seed=options.seed if options.seed is not None else secrets.randbelow(2**31),
            version=__version__,
            host=platform.node(),
            tier=tier,
            dirty=loaded.dirty[:50],
            warnings=loaded.warnings,
        ),
        baseline_parameters(laboratory.agent_name, rooms, tree),
    )
    if not state.counts.experiments:
        return ()
    changed = (
        "contract, judge, data, base or box have changed: a new segment with a new baseline begins. The "
        f"earlier ones ({state.counts.experiments}) stay in the ledger and are not compared with the new ones"
    )
    return (changed,)
