"""What a person must know about the judge's numbers before they trust a night to them, each in a sentence."""

from collections.abc import Callable, Iterator, Sequence

from overnight.model.contract import Contract
from overnight.model.experiment import Measurement
from overnight.model.state import Experiment, State
from overnight.model.value import Value, lookup
from overnight.rules.calibration import (
    ONE_READING,
    Calibration,
    calibrate,
    certificate_alpha,
    certify_pairs,
    known_noise,
    most_readings,
    pairs_needed,
    readings_needed,
)
from overnight.rules.guards import disagreement, doubtful
from overnight.rules.hopeless import kept_curves
from overnight.rules.series import drifting, two_clusters

_SAME = 8
_COMPARED = 12
_LOOKED_AT = 20
_HELP = (
    "more readings of each candidate, a longer run or more data in each reading, the same examples and seeds for all "
    "candidates (paired data)"
)


class Concern(Value, frozen=True, kw_only=True):
    """`code` is one stable word, `text` what is wrong without a full stop, `next` what to do about it, in sentences."""

    code: str
    text: str
    next: str

    def sentence(self) -> str:
        """Both, for a note."""
        return f"{self.text[0].upper()}{self.text[1:]}. {self.next}"


def concerns(state: State, night: float | None = None) -> tuple[Concern, ...]:
    """Everything that is wrong with the readings of an opened segment, most important first; () = nothing.

    `night` as in `calibrate`. Cheap enough to be asked after each experiment.
    """
    contract = state.contract
    if contract is None:
        return ()
    found = calibrate(state, night)
    return tuple(concern for check in _CHECKS for concern in check(state, contract, found))


def _noisy(state: State, contract: Contract, found: Calibration) -> Iterator[Concern]:
    objective = contract.objective
    if not found.sigma or found.single is None or found.repeated is None or found.certified is None:
        return
    need, reading = objective.min_effect, f"one reading scatters by {_amount(contract, found.sigma)}"
    if need == 0:
        text = f"{reading}; a gain below {_amount(contract, found.single)} may be noise, and min_effect is 0"
        yield Concern(
            code="noisy", text=text, next=_least(max(found.repeated, found.certified), "make the judge steadier")
        )
        return
    value = state.baseline.value if state.baseline is not None else None
    if found.certified > need:
        known, alpha = known_noise(state, contract), certificate_alpha(state, contract)
        enough = pairs_needed(known, alpha, state.split_error, need) if known else None
        pairs = f"`keep: {{pairs: {enough}}}`, " if enough else ""
        whole = value is not None and found.certified > abs(value) > 0
        all_of_it = f", which is more than {objective.metric} itself," if whole else ""
        text = (
            f"the noise is larger than the effects that count: {reading}, so that even certification sees no gain "
            f"below {_amount(contract, found.certified)}{all_of_it} and min_effect is {need:g}"
        )
        yield Concern(code="noisy", text=text, next=_least(found.certified, f"help the judge: {pairs}{_HELP}"))
        return
    wanted = readings_needed(found.sigma, need)
    if wanted > most_readings(contract.keep):
        once = contract.keep.policy in ONE_READING
        taken = f"the policy {contract.keep.policy} takes" if once else "keep.repeats allows"
        most = most_readings(contract.keep)
        text = f"{reading}: to see a gain of min_effect ({need:g}) takes {wanted} readings of each, and {taken} {most}"
        remedy = "`keep: {policy: default}`" if once else f"`keep: {{repeats: {{max: {wanted}}}}}`"
        yield Concern(code="noisy", text=text, next=_least(found.repeated, f"write {remedy}"))


def _no_effect(state: State, contract: Contract, found: Calibration) -> Iterator[Concern]:
    compared = sum(item.value is not None for item in state.experiments[1:][-2 * _COMPARED :])
    if compared < _COMPARED or not state.sigma or not 0 < state.spread <= 1.5 * state.sigma:
        return
    text = (
        "so far candidates differ no more from what they were built on than readings of one and the same candidate do "
        f"({_amount(contract, found.sigma or 0.0)})"
    )
    yield Concern(code="no-effect", text=text, next=f"Bolder changes would show; so would {_HELP}.")


def _clusters(state: State, contract: Contract, _found: Calibration) -> Iterator[Concern]:
    for item in _watched(state):
        groups = two_clusters(_values(item.readings, contract.objective.metric))
        if groups is not None:
            low, high = (_amount(contract, centre) for centre in groups)
            text = (
                f"readings of {_named(item)} fall into two groups, around {low} and around {high}: that is not noise, "
                "and a gain may be the other group"
            )
            remedy = (
                "Look for what differs between the runs: a cache that is warm or cold, the number of threads, two "
                "kinds of cores, a seed that decides too much."
            )
            yield Concern(code="clusters", text=text, next=remedy)
            return


def _drift(state: State, contract: Contract, _found: Calibration) -> Iterator[Concern]:
    for item in _watched(state):
        moved = drifting(_values(item.readings, contract.objective.metric))
        if moved is not None:
            way = "up" if moved > 0 else "down"
            text = (
                f"readings of {_named(item)} have gone {way} by {_amount(contract, abs(moved))} with time: the machine "
                "or the data drifts"
            )
            remedy = (
                "Numbers that were read hours apart cannot be compared: end what else is running, keep the machine "
                "cool, and believe only what was certified side by side."
            )
            yield Concern(code="drift", text=text, next=remedy)
            return


def _constant(state: State, contract: Contract, _found: Calibration) -> Iterator[Concern]:
    values: set[float] = set()
    trees: set[str] = set()
    for item in state.experiments:
        if item.value is not None and item.same_as is None and (item.number == 0 or item.tree not in trees):
            values.add(item.value)
            trees.add(item.tree)
            if len(values) > 1:
                return
    if len(trees) > _SAME:
        value = next(iter(values))
        text = f"all of {len(trees)} different candidates have the same {contract.objective.metric}, {value:.6g}"
        remedy = (
            "Either nothing that was tried matters, or what is measured is not what is edited: `overnight check "
            "--measure` breaks the code on purpose and looks."
        )
        yield Concern(code="constant", text=text, next=remedy)


def _guards(state: State, contract: Contract, found: Calibration) -> Iterator[Concern]:
    baseline = state.baseline
    if baseline is None:
        return
    good = [run for run in baseline.readings if run.failure is None]
    said = disagreement(contract, good, None)
    if said or doubtful(contract, good, found.noise, None):
        text = f"the unchanged code keeps a guard by less than the guard's own noise{f' ({said})' if said else ''}"
        remedy = (
            "Candidates near the limit are read again and their mean decides, which costs readings: move the limit "
            f"away by two of its standard deviations ({_guard_noise(contract, found)})."
        )
        yield Concern(code="guard", text=text, next=remedy)
        return
    split = [item for item in _read_twice(state) if disagreement(contract, item.readings, None)]
    if split:
        said = disagreement(contract, split[0].readings, None)
        text = f"readings of {_named(split[0])} disagree about a guard: {said}"
        yield Concern(
            code="guard", text=text, next="A limit further from where the candidates are decides more cheaply."
        )


def _guard_noise(contract: Contract, found: Calibration) -> str:
    guarded = {guard.metric for guard in contract.guards if guard.metric}
    return ", ".join(f"{one.metric}: {one.sigma:.2g}" for one in found.noise if one.metric in guarded and one.sigma > 0)


def _holdout(state: State, contract: Contract, found: Calibration) -> Iterator[Concern]:
    holdout, forecast = contract.holdout, found.forecast
    if holdout is not None and holdout.certify:
        looks = 2 * certify_pairs(state, contract)
        if looks > holdout.queries:
            text = f"certification takes {looks} looks at the holdout, and holdout.queries allows {holdout.queries}"
            fitting = max(1, holdout.queries // 2)
            remedy = f"Write `holdout: {{queries: {looks}}}` or more, or `keep: {{pairs: {fitting}}}`."
            yield Concern(code="holdout", text=text, next=remedy)
        if any(_timed_out(run) for run in _held_out(state)):
            text = (
                f"the holdout does not fit into budget.wall: a reading of it was ended after {contract.budget.wall:g} s"
            )
            remedy = "Make the holdout smaller, or `budget.wall` larger (which begins a new segment)."
            yield Concern(code="holdout", text=text, next=remedy)
    certify = forecast.certify_seconds
    if certify is not None and certify > forecast.night_seconds / 2:
        text = (
            f"certification takes about {certify / 60:.3g} minutes of the night's {forecast.night_seconds / 60:.3g}: "
            "little or no time is left to search"
        )
        remedy = "Give the night more time (`stop.wall`, --wall), or fewer pairs (`keep.pairs`), or a smaller holdout."
        yield Concern(code="holdout", text=text, next=remedy)


def _silent(state: State, contract: Contract, _found: Calibration) -> Iterator[Concern]:
    read = any(run.failure is None for item in state.experiments[:1] for run in item.readings)
    if contract.keep.early_stop and read and kept_curves(state) is None:
        text = (
            "early stopping (keep.early_stop) is on, but the unchanged code printed fewer than three points of progress"
        )
        remedy = "No run is ended early: let the judge print lines `PROGRESS step value` on its way."
        yield Concern(code="silent", text=text, next=remedy)


_CHECKS: tuple[Callable[[State, Contract, Calibration], Iterator[Concern]], ...] = (
    _noisy, _clusters, _drift, _constant, _guards, _holdout, _no_effect, _silent,
)  # fmt: skip


def _least(effect: float, other: str) -> str:
    return f"Write `min_effect: {_up(effect)}` into program.md, or {other}."


def _up(value: float) -> str:
    """Two digits, rounded up, so that what is written is not below what was meant."""
    rounded = f"{value:.1e}"
    step = 0.1 * 10.0 ** int(rounded.partition("e")[2])
    return f"{float(rounded) if float(rounded) >= value else float(rounded) + step:.3g}"


def _watched(state: State) -> list[Experiment]:
    """Baseline and best: few series, as each that is looked at again and again may raise a false alarm."""
    numbers = dict.fromkeys((0, state.best.number if state.best else 0))
    return [state.experiments[number] for number in numbers if number < len(state.experiments)]


def _read_twice(state: State) -> list[Experiment]:
    """Of the latest keeps, those that were read more than once."""
    return [item for number in state.kept[-_LOOKED_AT:] if len((item := state.experiments[number]).readings) > 1]


def _values(readings: Sequence[Measurement], metric: str) -> list[float]:
    return [value for run in readings if (value := lookup(run.values, metric)) is not None]


def _held_out(state: State) -> Iterator[Measurement]:
    yield from (run for item in state.experiments[:1] for run in item.holdout)
    yield from (run for trial in state.trials for run in trial.runs)


def _timed_out(run: Measurement) -> bool:
    return run.failure is not None and run.failure.code == "timeout" and run.split == "certify"


def _named(item: Experiment) -> str:
    return "the unchanged code" if item.number == 0 else f"#{item.number}"


def _amount(contract: Contract, value: float) -> str:
    return f"{value:.3g} {contract.objective.unit}".rstrip()
