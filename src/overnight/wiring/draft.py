"""A first contract for a repository that has none: proposed, tried once, never guessed silently."""

from dataclasses import dataclass

from msgspec.structs import replace

from overnight.errors import UsageError
from overnight.model.contract import BUILT_IN_METRICS, Contract, Direction, Objective
from overnight.rules.noise import detectable
from overnight.wiring.environments import environments
from overnight.wiring.inspect import choose_metric, guess_direction, inspect
from overnight.wiring.options import Options
from overnight.wiring.probe import holding, open_rooms, printed_metrics, readings
from overnight.wiring.site import Site

TRIAL_READINGS = 3
TRIAL_SECONDS = 10.0

_PROSE = """# {title}

Make `{metric}` better. Say here, in plain words, what a good night looks like: what you know already, what has been
tried, which ideas are worth a look, what would be a change for the worse although the number improves.
"""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person said on the command line; empty = propose something."""

    run: str = ""
    edit: tuple[str, ...] = ()
    metric: str = ""
    direction: str = ""


def draft_contract(site: Site, options: Options, tree: str, wishes: Wishes) -> tuple[Contract, tuple[str, ...]]:
    """A contract for the repository at `tree`, and sentences that say where each part comes from.

    The command is run once in the box to see which numbers it prints, and so are the tests that would guard it.

    Raises:
        UsageError: nothing to measure was found, or the command does not work.
    """
    if wishes.direction and wishes.direction not in list(Direction):
        raise UsageError(f"--direction is minimize or maximize, not {wishes.direction!r}")
    draft = inspect(site, tree, run=wishes.run, edit=wishes.edit)
    trial = Contract(
        title=f"Improve {site.program.parent.name}",
        prose="",
        objective=Objective(metric="wall_seconds"),
        edit=draft.edit,
        run=draft.run,
        guards=draft.guards,
        folder=site.prefix,
        env_dirs=environments(site.program.parent),
    )
    with open_rooms(site, options, trial) as rooms:
        names, failure = printed_metrics(rooms, tree)
        if failure is not None:
            raise UsageError(
                f"{failure.detail} on the unchanged code, in the box. Mend it, or give another --run.\n{failure.tail}"
            )
        guards, tried = holding(rooms, tree, draft.guards)
    objective, reasons = _objective(draft.run, names, wishes)
    measured = replace(trial, objective=objective, guards=guards)
    objective, noise = _min_effect(site, options, measured, tree)
    prose = _PROSE.format(title=trial.title, metric=objective.metric)
    return replace(measured, objective=objective, prose=prose), (*draft.why, *tried, *reasons, *noise)


def _objective(run: str, names: tuple[str, ...], wishes: Wishes) -> tuple[Objective, tuple[str, ...]]:
    """What decides, among the `names` that the command prints and what the box measures; and why."""
    metric = wishes.metric
    if metric and metric not in (*names, *BUILT_IN_METRICS):
        raise UsageError(
            f"`{run}` does not print {metric}; it prints {', '.join(names) or 'no numbers'}. Lines such as "
            f"`{metric}: 0.123` or `METRIC {metric}=0.123` are read; {', '.join(BUILT_IN_METRICS)} are always there"
        )
    chosen = metric or choose_metric(names)
    if not chosen and names:
        raise UsageError(f"`{run}` prints {', '.join(names)}: choose the one that decides with --metric NAME")
    if chosen:
        reason = f"metric: {chosen}" + ("" if metric else " (the command prints it)")
    else:
        chosen = "wall_seconds"
        reason = "metric: wall_seconds, measured by the box (the command prints no number of its own)"
    way = Direction(wishes.direction) if wishes.direction else guess_direction(chosen)
    direction = f"direction: {way}" + ("" if wishes.direction else " (guessed from the name)")
    unit = "s" if chosen.endswith("_seconds") else ""
    return Objective(metric=chosen, direction=way, unit=unit), (reason, direction)


def _min_effect(site: Site, options: Options, contract: Contract, tree: str) -> tuple[Objective, tuple[str, ...]]:
    """The objective with a `min_effect` that one reading can tell from noise, where a few readings are cheap."""
    with open_rooms(site, options, contract) as rooms:
        values = readings(rooms, tree, TRIAL_READINGS, TRIAL_SECONDS)
    smallest = detectable(values)
    if not smallest:
        return contract.objective, ()
    rounded = float(f"{smallest:.1e}")
    reason = f"min_effect: {rounded:g} (what one reading can tell from the noise of {len(values)} readings)"
    return replace(contract.objective, min_effect=rounded), (reason,)
