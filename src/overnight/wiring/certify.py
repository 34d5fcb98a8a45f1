"""A study certified on demand: the segment's own contract, base, data and box, whatever the disk holds by now."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from msgspec import structs

from overnight.agents import Scripted
from overnight.engine.laboratory import Laboratory, remove
from overnight.engine.recorder import Recorder
from overnight.engine.stop import Stopping
from overnight.errors import UsageError
from overnight.ledger import ResultsTable, StudyLock
from overnight.model.contract import Contract, Stop
from overnight.model.state import State
from overnight.model.value import Words
from overnight.rules.lineage import lineage
from overnight.wiring.options import Options
from overnight.wiring.policies import conductor_of
from overnight.wiring.rooms import box_for, build_rooms, require_same
from overnight.wiring.site import Site, scratch_folder, write_progress
from overnight.wiring.tracked import Tracked
from overnight.workspace.replay import Replay, Step


@dataclass(frozen=True, slots=True)
class Surgeon:
    """Implements `overnight.ports.Surgeon` on one repository."""

    site: Site
    replay: Replay

    def without(self, number: int, removed: tuple[int, ...], state: State) -> str | None:
        """The tree of experiment `number` without changes `removed` of its lineage; None where others stand on them."""
        tree_of = self.site.repository.tree_of
        changes = [state.experiments[change] for change in lineage(state, number) if change in removed]
        steps = [Step(tree_of(one.parent_commit or state.base), one.tree) for one in changes]
        return self.replay.without(state.experiments[number].tree, steps)

    def commit(self, tree: str, number: int, removed: tuple[int, ...], state: State) -> str:
        """A commit of that tree, for a ledger to keep."""
        return self.replay.commit(tree, state.experiments[number].commit, removed)


@contextmanager
def open_bench(
    site: Site, state: State, options: Options, progress: Callable[[str, int], None], setting: Words = ()
) -> Iterator[Laboratory]:
    """Hold the study's lock, and measure as its last segment did; with `setting` under other contract variables.

    `progress` is told what begins. On leaving, boxes are ended and scratch is removed.

    Raises:
        UsageError: the study is running, the contract declares no such variable, or what its judge reads is not what
            it was.
        IsolationError: the box of the record does not work here any more.
    """
    contract = _contract(state)
    site = replace(site, program=site.repository.root / contract.folder / contract.program)
    if not site.program.parent.is_dir():
        raise UsageError(f"{site.program.parent} is gone, and the study ran in it: check out a commit that has it")
    sandbox, _ = box_for(contract, replace(options, isolation=state.tier.value))
    tracked = Tracked(sandbox)
    scratch = scratch_folder(site, options.environment)
    with StudyLock(site.folder / "lock"):
        remove(scratch)
        scratch.mkdir(parents=True, mode=0o700)
        try:
            measured = structs.replace(contract, variables=_varied(contract, setting)) if setting else contract
            rooms = build_rooms(site, options, measured, tracked, scratch)
            require_same(state.seals, rooms.seals)

            def told(phase: str, number: int, limit: float | None = None) -> None:
                write_progress(site, phase, number, time.time(), limit)
                progress(phase, number)

            table = ResultsTable(site.folder / "results.tsv")
            lab = Laboratory(
                contract=contract,
                recorder=Recorder(site.ledger, [table], time.time),
                workspace=rooms.trees,
                judge=rooms.judge(state.tree),
                agent=Scripted([]),
                conductor=conductor_of("ratchet"),
                agent_name="",
                scratch=rooms.scratch,
                counts=rooms.counter(state.tree),
                stop=Stop(),
                progress=told,
                monotonic=time.monotonic,
                rested=lambda: None,
                stopping=Stopping(),
                surgeon=Surgeon(site, Replay(site.repository, contract)),
            )
            try:
                yield lab
            finally:
                lab.recorder.flush()
        finally:
            tracked.kill_all()
            remove(scratch)


def _contract(state: State) -> Contract:
    if state.contract is None or state.baseline is None:
        raise UsageError("nothing was measured in this study yet, so there is nothing to certify: `overnight run`")
    return state.contract


def _varied(contract: Contract, setting: Words) -> Words:
    declared = dict(contract.variables)
    for name, _ in setting:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise UsageError(
                f"the contract declares no variable {name} (declared: {known}): --with changes what `variables` in "
                "program.md declares, for example `variables: {DEPTH: 8}`"
            )
    return tuple({**declared, **dict(setting)}.items())
