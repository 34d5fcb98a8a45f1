"""The product's plan of an ablation in a simulated world: which changes are told as wins in the morning."""

from collections.abc import Sequence
from dataclasses import dataclass

from world import SEARCH, World

from overnight.rules.ablation import Loss, Trial, ablate
from overnight.rules.statistics import paired_interval


@dataclass(frozen=True, kw_only=True)
class Wins:
    """So many changes are told as wins, `idle` of them cost nothing when they are left out of what is kept."""

    reported: int
    idle: int


def wins(world: World, final: int, sigma: float, pairs: int = 5) -> Wins:
    """Take changes out of `final` as the plan says, `pairs` fresh pairs of readings a trial."""
    lineage = tuple(reversed(world.lineage(final)))
    trials: dict[frozenset[int], Trial] = {}
    while (standing := ablate(lineage, trials)).ask:
        trials[frozenset(standing.ask)] = _loss(world, final, standing.ask, sigma, pairs)
    kept = world.without(final, standing.removed)
    idle = [step for step in standing.proven if world.truth(world.without(kept, (step,))) >= world.truth(kept)]
    return Wins(reported=len(standing.proven), idle=len(idle))


def _loss(world: World, final: int, steps: Sequence[int], sigma: float, pairs: int) -> Loss:
    made = world.without(final, steps)
    differences = [world.read(final, SEARCH) - world.read(made, SEARCH) for _ in range(pairs)]
    mean, low, high = paired_interval(differences, sigma=sigma, dof=100.0, split_error=0.0, alpha=0.05)
    return Loss(mean=mean, low=mean if low is None else low, high=mean if high is None else high)
