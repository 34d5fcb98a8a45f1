"""What the rules of promotion share: the next reading, the best to compare with, and what forbids a comparison."""

from msgspec.structs import replace

from overnight.errors import UsageError
from overnight.model.contract import Contract, Direction
from overnight.model.experiment import Belief, Evaluation, Verdict
from overnight.model.state import Experiment, State
from overnight.model.step import Read
from overnight.model.value import lookup
from overnight.rules.decide import Reference, averages, refused
from overnight.rules.fold import mean_value
from overnight.rules.guards import broken, disagreement, has_relative, unsure
from overnight.rules.seeds import derive


class Settled:
    """What was judged stays judged: nothing is published later, and nothing is read at the end."""

    def publish(self, state: State) -> None:
        """Nothing."""

    def closing(self, state: State) -> None:
        """Nothing."""


def contract_of(state: State) -> Contract:
    """The contract of a segment that was opened."""
    if state.contract is None:
        raise UsageError("the study was never opened: run `overnight run`")
    return state.contract


def best_of(state: State) -> Experiment:
    """The best so far.

    Raises:
        UsageError: there is no baseline yet.
    """
    if state.best is None:
        raise UsageError("the study has no baseline yet: run `overnight run` again")
    return state.best


def belief_of(experiment: Experiment) -> Belief:
    """What is believed of an experiment that gave a number."""
    assert experiment.belief is not None  # noqa: S101 - only asked of what has a successful reading
    return experiment.belief


def noisy(state: State) -> bool:
    """Whether readings of the same code differ, or might: noise that is not known counts as noise."""
    return state.sigma is None or state.sigma > 0.0


def evaluation_of(experiment: Experiment) -> Evaluation:
    """All search readings; the first failure among them fails the candidate."""
    failure = next((run.failure for run in experiment.readings if run.failure is not None), None)
    return Evaluation(runs=experiment.readings, failure=failure)


def again(state: State, number: int, why: str = "again") -> Read:
    """One more reading of `number` on a fresh seed."""
    return Read(number=number, seed=derive(state.seed, number, "run", len(state.experiments[number].readings)), why=why)


def beside(state: State, number: int) -> Read | None:
    """The reading of the best that is missing beside challenger `number`; None = it has been taken."""
    best, purpose = best_of(state), f"beside-{number}"
    seeds = {derive(state.seed, best.number, purpose, run) for run in range(len(best.readings))}
    if any(reading.seed in seeds for reading in best.readings):
        return None
    return Read(number=best.number, seed=derive(state.seed, best.number, purpose, len(best.readings)), why=purpose)


def reference(state: State, number: int) -> Reference:
    """The best so far as challenger `number` is compared with it: its reading beside it, else the mean of all."""
    best, contract = best_of(state), contract_of(state)
    purpose = f"beside-{number}"
    seeds = {derive(state.seed, best.number, purpose, run) for run in range(len(best.readings))}
    good = [run for run in best.readings if run.failure is None]
    fresh = next((run for run in good if run.seed in seeds), None) if has_relative(contract) else None
    values = fresh.values if fresh else averages(Evaluation(runs=tuple(good)), ())
    known = [state.experiments[kept].value for kept in (0, *state.kept)]
    promoted = [value for value in known if value is not None]
    top = min(promoted) if contract.objective.direction is Direction.minimize else max(promoted)
    return Reference(best=best, values=values, high_water=top)


def explained(state: State, number: int, verdict: Verdict) -> Verdict:
    """`verdict` on experiment `number`, with a word on readings that disagree about a guard."""
    if not contract_of(state).guards:
        return verdict
    said = disagreement(contract_of(state), state.experiments[number].readings, reference(state, number).values)
    return replace(verdict, reason=f"{verdict.reason}; {said}") if said else verdict


def _guard_undecided(state: State, experiment: Experiment, against: Reference) -> bool:
    """Whether a guard of a candidate that is ahead of the best may be decided by noise, and can be read again."""
    contract = contract_of(state)
    if not contract.guards or any(run.failure is not None for run in experiment.readings):
        return False
    metric = contract.objective.metric
    value, old = mean_value(experiment.readings, metric), lookup(against.values, metric)
    ahead = value is not None and old is not None and contract.objective.gain(old, value) > 0
    return ahead and unsure(contract, experiment.readings, state.noise, against.values)


def within_guards(state: State, experiment: Experiment) -> bool:
    """Whether the mean of a candidate's readings holds every guard: it may have been read again since its verdict."""
    contract = contract_of(state)
    if not contract.guards:
        return True
    good = Evaluation(runs=tuple(run for run in experiment.readings if run.failure is None))
    values = averages(good, (("loc", float(experiment.loc)),))
    return broken(contract, values, reference(state, experiment.number).values) is None


def forbidden(state: State, number: int) -> Verdict | Read | None:
    """What ends experiment `number` before its number is compared, or the reading needed first; None = compare.

    A guard that is broken or held by less than its own noise is no verdict yet, where the candidate would be better.
    """
    contract, experiment = contract_of(state), state.experiments[number]
    counted, against = (("loc", float(experiment.loc)),), reference(state, number)
    verdict = refused(contract, evaluation_of(experiment), counted=counted, against=against)
    by_a_guard = verdict is not None and verdict.failure is not None and verdict.failure.code == "guard"
    if (verdict is None or by_a_guard) and _guard_undecided(state, experiment, against):
        return again(state, number, "guard")
    if verdict is not None:
        return verdict
    if len(experiment.readings) < contract.keep.repeats[0]:
        return again(state, number)
    return None
