"""Everything that can be looked at before bed: the machine, the repository, the contract, the judge against itself."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from overnight.errors import ContractError, OvernightError, RepositoryError, UsageError
from overnight.model.contract import Budget, Contract
from overnight.model.experiment import Measurement
from overnight.model.problem import Problem
from overnight.model.state import State
from overnight.model.value import lookup
from overnight.program.starts import starts_of
from overnight.rules import doctor
from overnight.rules.calibration import NIGHT_SECONDS
from overnight.rules.doctor import Finding, Health
from overnight.rules.noise import CHEAP_SECONDS, NIGHT_SHARE, wants_reading
from overnight.sandbox.ladder import rung_called
from overnight.wiring import machine
from overnight.wiring.contract import Loaded, inspect_contract
from overnight.wiring.night import identity_of
from overnight.wiring.options import Options
from overnight.wiring.probe import open_rooms
from overnight.wiring.remembered import remembered
from overnight.wiring.rooms import Rooms, required_tier
from overnight.wiring.site import Site, cache_folder, read_state, scratch_folder

Tell = Callable[[str], object]


def examine(site: Site | None, options: Options, tell: Tell) -> Iterator[Finding]:
    """One finding after the other; `tell` hears what is looked at when it takes long.

    `site` None = no repository here. Without program.md only machine and repository are looked at.

    Raises:
        UsageError: there is no box of the name that was given.
    """
    if options.isolation not in (None, "", "best", "bubblewrap"):
        rung_called(options.isolation)
    loaded, problems = _contract(site, options)
    budget = loaded.contract.budget if loaded else Budget()
    tell("trying the boxes")
    required = required_tier(loaded.contract, sys.platform) if loaded and not options.isolation else None
    yield from machine.box(options.environment, required)
    yield machine.git()
    yield from _repository(site)
    places = {"scratch": cache_folder(options.environment)}
    yield from machine.disks(places | ({"repository's disk": site.repository.common_dir} if site else {}), budget)
    yield machine.clock()
    yield machine.sleep()
    yield from machine.power(budget)
    programs = _programs(loaded.contract) if loaded else ()
    yield from machine.interpreter(options.environment, site.program.parent if site else Path.cwd(), programs)
    tell("asking the agents for their versions")
    yield machine.agents(options.environment)
    yield from problems
    if loaded is not None and site is not None:
        yield from _judge(site, options, loaded, tell)


def _repository(site: Site | None) -> Iterator[Finding]:
    if site is None:
        remedy = "Go to your repository, or make one: git init."
        yield Finding(name="repository", health=Health.warning, text="there is none here", next=remedy)
        return
    try:
        commit, _ = site.repository.head()
        site.repository.writable()
        state = read_state(site)
    except UsageError as error:
        yield Finding(name="repository", health=Health.problem, text=str(error))
        return
    dirty = len(site.repository.dirty())
    text = f"{site.repository.root} at {commit[:10]}" + (f", {dirty} uncommitted" if dirty else "")
    if state.contract is not None:
        text += f"; study {site.study}: {state.counts.experiments} experiments"
    yield Finding(name="repository", health=Health.ok, text=text)


def _contract(site: Site | None, options: Options) -> tuple[Loaded | None, tuple[Finding, ...]]:
    """The contract, None where there is none that could be run; and what is wrong with it."""
    if site is None:
        return None, ()
    if not site.program.is_file():
        text = f"there is none in {site.program.parent}"
        return None, (_about(text, "`overnight init` writes one.", Health.warning),)
    try:
        loaded = inspect_contract(site, options)
        # No box for the contract is said with the box.
        errors = [one for one in loaded.problems if one.severity == "error" and one.code != "no-box"]
    except ContractError as error:
        loaded, errors = None, list(error.problems)
    except UsageError as error:
        return None, (_about(str(error), "", Health.problem),)
    if loaded is None or errors:
        return None, tuple(_about(_placed(problem), problem.fix, Health.problem) for problem in errors)
    warnings = sum(problem.severity == "warning" for problem in loaded.problems)
    text = f"{site.program}: {loaded.contract.objective.direction} {loaded.contract.objective.metric}"
    if not warnings:
        return loaded, (_about(text, "", Health.ok),)
    said = f"{text}; {warnings} warning{'s' if warnings > 1 else ''}"
    return loaded, (_about(said, "`overnight check` shows them.", Health.warning),)


def _placed(problem: Problem) -> str:
    return f"line {problem.line}: {problem.message}" if problem.line else problem.message


def _about(text: str, remedy: str, health: Health) -> Finding:
    return Finding(name="program.md", health=health, text=text, next=remedy)


def _programs(contract: Contract) -> tuple[str, ...]:
    """What the candidate's commands start by name."""
    lines = (contract.run, contract.drive.serve if contract.drive else "")
    return tuple(start.program for line in lines if line for start in starts_of(line) if start.program)


def _judge(site: Site, options: Options, loaded: Loaded, tell: Tell) -> Iterator[Finding]:
    holder = site.running()
    if holder is not None:
        remedy = "Two that measure at once disturb each other: ask again when it has ended."
        text = f"was not read: process {holder} is running this study"
        yield Finding(name="judge", health=Health.warning, text=text, next=remedy)
        return
    contract = loaded.contract
    try:
        scratch_folder(site, options.environment)
        with open_rooms(site, options, contract) as rooms:
            state = read_state(site)
            digest = identity_of(contract, loaded.tree, rooms.seals, rooms.sandbox.covers().tier)
            readings, stopped = _against_itself(rooms, loaded.tree, _known(state, digest), tell)
    except OvernightError as error:
        yield Finding(name="judge", health=Health.problem, text=str(error))
        return
    failed = next((run.failure for run in readings if run.failure is not None), None)
    if failed is not None:
        text = f"no number on the unchanged code ({failed.code}): {failed.detail}"
        remedy = f"Its last output:\n{failed.tail}" if failed.tail else "Mend the command or the contract."
        yield Finding(name="judge", health=Health.problem, text=text, next=remedy)
        return
    yield from doctor.judge(contract, readings, stopped)
    yield _attacked(site, digest)


def _known(state: State, digest: str) -> list[Measurement]:
    """The readings of the unchanged code that the ledger holds for this very contract."""
    if state.digest != digest or not state.experiments:
        return []
    return [run for run in state.experiments[0].readings if run.failure is None]


def _against_itself(
    rooms: Rooms, tree: str, known: list[Measurement], tell: Tell
) -> tuple[tuple[Measurement, ...], str]:
    """Readings of the unchanged code, at least two where they fit into two minutes and 2 % of the night; why not more.

    Readings that the ledger holds count.
    """
    judge, metric = rooms.judge(tree), rooms.contract.objective.metric
    night = rooms.contract.stop.wall or NIGHT_SECONDS
    allowed = min(CHEAP_SECONDS, NIGHT_SHARE * night)
    readings = list(known)
    while True:
        values = [value for run in readings if (value := lookup(run.values, metric)) is not None]
        if not wants_reading(values, [run.seconds for run in readings], night):
            break
        tell(f"reading the unchanged code ({len(readings) + 1})")
        readings.append(judge.measure(tree, len(readings)))
        if readings[-1].failure is not None:
            break
    stopped = ""
    if len(readings) < 2:
        stopped = f"A second reading does not fit into the {allowed:.0f} s allowed for it; the night learns its noise."
    return tuple(readings), stopped


def _attacked(site: Site, digest: str) -> Finding:
    known = remembered(site, digest)
    if known is None or not known.text:
        remedy = "`overnight redteam` tries to cheat it, before an agent does."
        return Finding(name="redteam", health=Health.warning, text="this judge was not attacked yet", next=remedy)
    health = Health.ok if known.text.startswith("nothing") else Health.warning
    remedy = "" if health is Health.ok else "`overnight redteam` shows what to write against it."
    return Finding(name="redteam", health=health, text=known.text, next=remedy)


def site_or_none(find: Callable[[], Site], *, named: bool) -> Site | None:
    """The study's place; None where there is no repository and none was named.

    Raises:
        UsageError: the place that was named cannot be used.
    """
    try:
        return find()
    except RepositoryError:
        if named:
            raise
        return None
