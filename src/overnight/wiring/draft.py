"""A first contract for a repository that has none: proposed, tried once, never guessed silently."""

from dataclasses import dataclass

from overnight.errors import UsageError
from overnight.model.contract import BUILT_IN_METRICS, Contract, Direction, Objective
from overnight.wiring.inspect import choose_metric, guess_direction, inspect
from overnight.wiring.options import Options
from overnight.wiring.probe import holding, open_rooms, printed_metrics
from overnight.wiring.site import Site

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
    metric, direction = wishes.metric, wishes.direction
    if direction and direction not in list(Direction):
        raise UsageError(f"--direction is minimize or maximize, not {direction!r}")
    draft = inspect(site, tree, run=wishes.run, edit=wishes.edit)
    why = [*draft.why]
    title = f"Improve {site.program.parent.name}"
    trial = Contract(title=title, prose="", objective=Objective(metric="wall_seconds"), edit=draft.edit, run=draft.run,
                     guards=draft.guards, folder=site.prefix)  # fmt: skip
    with open_rooms(site, options, trial) as rooms:
        names, failure = printed_metrics(rooms, tree)
        guards, tried = holding(rooms, tree, draft.guards) if failure is None else ((), ())
    why += tried
    if failure is not None:
        raise UsageError(
            f"{failure.detail} on the unchanged code, in the box. Mend it, or give another --run.\n{failure.tail}"
        )
    chosen = metric or choose_metric(names)
    if metric and metric not in (*names, *BUILT_IN_METRICS):
        raise UsageError(
            f"`{draft.run}` does not print {metric}; it prints {', '.join(names) or 'no numbers'}. Lines such as "
            f"`{metric}: 0.123` or `METRIC {metric}=0.123` are read; {', '.join(BUILT_IN_METRICS)} are always there"
        )
    if not chosen and names:
        raise UsageError(f"`{draft.run}` prints {', '.join(names)}: choose the one that decides with --metric NAME")
    if not chosen:
        chosen = "wall_seconds"
        why.append("metric: wall_seconds, measured by the box (the command prints no number of its own)")
    else:
        why.append(f"metric: {chosen}" + ("" if metric else " (the command prints it)"))
    way = Direction(direction) if direction else guess_direction(chosen)
    why.append(f"direction: {way}" + ("" if direction else " (guessed from the name)"))
    objective = Objective(metric=chosen, direction=way, unit="s" if chosen.endswith("_seconds") else "")
    contract = Contract(
        title=title,
        prose=_PROSE.format(title=title, metric=chosen),
        folder=site.prefix,
        objective=objective,
        edit=draft.edit,
        run=draft.run,
        guards=guards,
    )
    return contract, tuple(why)
