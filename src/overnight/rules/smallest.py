"""The plan of an ablation in readings: fresh pairs of the best with and without some of its changes.

They are read on the search metric with fresh seeds, never on the holdout: which of the changes are needed is a question
about the best, and every look at the certify split beyond baseline and final would wear it out.
"""

from collections.abc import Callable, Mapping

from overnight.model.event import Effect
from overnight.model.experiment import Measurement
from overnight.model.state import State
from overnight.model.step import Fresh
from overnight.model.value import lookup
from overnight.rules.ablation import Loss, Standing, Trial, ablate, most_trials
from overnight.rules.certify import pairs_of
from overnight.rules.deciding.readings import contract_of
from overnight.rules.lineage import lineage
from overnight.rules.seeds import derive
from overnight.rules.statistics import paired_interval, successive_dof

Without = Callable[[tuple[int, ...]], str | None]
"""The tree of the best without some changes, None where later ones stand on them. The same changes, the same tree."""


def next_reading(state: State, number: int, without: Without) -> Fresh | Standing:
    """The next reading for the ablation of experiment `number`, or what it has found."""
    line = lineage(state, number)
    trials: dict[frozenset[int], Trial] = {}
    for _ in range(2 * most_trials(len(line)) + 2 * len(line) + 2):
        standing = ablate(line, trials)
        if not standing.ask:
            return standing
        tree = without(standing.ask)
        if tree is None:
            trials[frozenset(standing.ask)] = "entangled"
            continue
        found = _trial(state, number, standing.ask, tree)
        if isinstance(found, Fresh):
            return found
        trials[frozenset(standing.ask)] = found
    return ablate(line, trials)


def effects(standing: Standing) -> tuple[Effect, ...]:
    """What is lost without each change of the line, where that is known."""
    found = {
        change: Effect(number=change, loss=loss.mean, low=loss.low, high=loss.high) for change, loss in standing.losses
    }
    found |= {change: Effect(number=change, entangled=True) for change in standing.entangled if change not in found}
    return tuple(found[change] for change in sorted(found))


def _trial(state: State, number: int, removed: tuple[int, ...], tree: str) -> Fresh | Trial:
    """The next reading of one trial, or what came of it."""
    taken: Mapping[str, tuple[Measurement, ...]] = {trial.name: trial.runs for trial in state.trials}
    name = "+".join(map(str, removed))
    sides = (f"{number}/with-{name}", f"{number}/without-{name}")
    whole, rest = (taken.get(side, ()) for side in sides)
    if any(run.failure is not None for run in rest):
        return "fails"
    if min(len(whole), len(rest)) >= pairs_of(state):
        return _loss(state, whole, rest)
    pair = min(len(whole), len(rest))
    seed = derive(state.seed, "ablate", state.counts.certificates, name, pair)
    order = (0, 1) if pair % 2 == 0 else (1, 0)
    side = next(index for index in order if len((whole, rest)[index]) == pair)
    read = state.experiments[number].tree if side == 0 else tree
    return Fresh(number=number, trial=sides[side], tree=read, seed=seed)


def _loss(state: State, whole: tuple[Measurement, ...], rest: tuple[Measurement, ...]) -> Trial:
    contract = contract_of(state)
    metric, objective = contract.objective.metric, contract.objective
    differences = [
        objective.gain(without, full)
        for run, other in zip(whole, rest, strict=False)
        if (full := lookup(run.values, metric)) is not None and (without := lookup(other.values, metric)) is not None
    ]
    if not differences:
        return "fails"
    noise = next((item for item in state.noise if item.metric == metric), None)
    mean, low, high = paired_interval(
        differences,
        sigma=noise.sigma if noise else None,
        dof=successive_dof(noise.pairs) if noise else 0.0,
        split_error=0.0,
        alpha=contract.keep.alpha,
    )
    return Loss(mean=mean, low=mean if low is None else low, high=mean if high is None else high)
