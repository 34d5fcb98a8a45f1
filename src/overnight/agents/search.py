"""Which values to try next, given everything that was tried: steps along one axis, and Optuna's draws between them.

In the few dozen experiments of a night most gains come from moving one constant at a time, further while it helps and
less far when it does not (Hooke and Jeeves, "Direct Search", J. ACM 8(2), 1961). Once every axis has had its turns,
every fifth experiment, and every second one when nothing has helped for long, is drawn by a tree-structured Parzen
estimator over the whole history (Bergstra et al., NeurIPS 2011), which moves several axes at once and gets out of
local bests. Knows nothing of files.
"""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from overnight.agents.tunables import Scalar, Space, spelled
from overnight.model.value import Value

Values = tuple[Scalar, ...]

_FIRST_STEP = 0.2  # of the axis
_FURTHER = 1.5
_CLOSER = 0.4
_SHORTEST = 0.01
_DRAWS = 20
_ENUMERABLE = 4096


class Trial(Value, frozen=True, kw_only=True):
    """Values that were tried. `loss` is smaller for better, None when there is no number. `parent` is an experiment."""

    number: int
    parent: int
    values: Values
    loss: float | None = None


class _Step(Value, frozen=True, kw_only=True):
    """What became of one axis moved one way: `size` in positions, `helped` against its parent."""

    number: int
    size: float
    helped: bool


class _Move(Value, frozen=True, kw_only=True):
    """Axis `axis` up (+1) or down (-1), or to option `option` of a choice."""

    axis: int
    way: int = 0
    option: int = -1


def suggest(
    spaces: Sequence[Space], present: Trial, past: Sequence[Trial], losses: Mapping[int, float], seed: int
) -> Values | None:
    """Values that were never tried, or None when there are none left.

    `present` is the parent, `past` every trial in order of number, each with one value for each of `spaces`;
    `losses` are those of all experiments, also of those whose values nobody recorded. The same arguments give the
    same answer.
    """
    tried = {_key(trial.values) for trial in (present, *past)}
    rng = Random(seed)  # noqa: S311 - a reproducible search, not a secret
    history = _history(spaces, (*past, present), losses)
    stuck = len(past) - max((step.number for steps in history.values() for step in steps if step.helped), default=0)
    if not _is_draw(len(past), stuck, len(spaces)):
        values = _step(spaces, present, history, tried, rng)
        if values is not None:
            return values
    for _ in range(_DRAWS):
        values = _draw(spaces, (*past, present), rng.randrange(2**32))
        if _key(values) not in tried:
            return values
    return _leftover(spaces, tried, rng)


def _is_draw(count: int, stuck: int, axes: int) -> bool:
    """Whether the next trial is Optuna's: none before every axis had its turns, then some, more when nothing helps."""
    if stuck > max(10, 2 * axes):
        return count % 2 == 1
    return count >= 4 * axes and count % 5 == 4


def _key(values: Values) -> tuple[str, ...]:
    return tuple(map(spelled, values))


def _history(spaces: Sequence[Space], trials: Sequence[Trial], losses: Mapping[int, float]) -> dict[_Move, list[_Step]]:
    """For each move, what became of it, oldest first. The last of `trials` is the parent of the next one."""
    known = {trial.number: trial.values for trial in trials}
    known |= _inferred(trials, known)
    history: dict[_Move, list[_Step]] = defaultdict(list)
    for count, trial in enumerate(trials[:-1], 1):
        if trial.parent not in known:
            continue
        moves = list(_moved(spaces, known[trial.parent], trial.values))
        helped = trial.loss is not None and trial.loss < losses.get(trial.parent, -math.inf)
        if helped or len(moves) == 1:  # a failure of several at once blames none of them
            for move, size in moves:
                history[move].append(_Step(number=count, size=size, helped=helped))
    return history


def _inferred(trials: Sequence[Trial], known: Mapping[int, Values]) -> dict[int, Values]:
    """Parents whose values nobody recorded (the baseline, another agent's): what most of their children share."""
    children: dict[int, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.parent not in known:
            children[trial.parent].append(trial)
    parents: dict[int, Values] = {}
    for number, family in children.items():
        if len(family) < 3:
            continue
        values = []
        for column in zip(*(child.values for child in family), strict=True):
            common = Counter(map(spelled, column)).most_common(1)[0][0]
            values.append(next(value for value in column if spelled(value) == common))
        parents[number] = tuple(values)
    return parents


def _moved(spaces: Sequence[Space], old: Values, new: Values) -> Iterator[tuple[_Move, float]]:
    for axis, (space, before, after) in enumerate(zip(spaces, old, new, strict=True)):
        if spelled(before) == spelled(after):
            continue
        start, end = space.position(before), space.position(after)
        if space.kind == "choices":
            yield _Move(axis=axis, option=int(end)), 1.0
        elif start != end:
            yield _Move(axis=axis, way=1 if end > start else -1), abs(end - start)


def _step(
    spaces: Sequence[Space], present: Trial, history: dict[_Move, list[_Step]], tried: set[tuple[str, ...]], rng: Random
) -> Values | None:
    """The most promising move along one axis: what helped last, then what was never tried, then what failed least."""
    best: tuple[tuple[float, float], Values] | None = None
    for move in _moves(spaces):
        steps = history.get(move, [])
        opposite = history.get(_Move(axis=move.axis, way=-move.way), []) if move.way else []
        rank = _rank(steps, opposite, rng.random())
        values = _moved_values(spaces[move.axis], present.values, move, steps)
        if values is not None and _key(values) not in tried and (best is None or rank < best[0]):
            best = rank, values
    return best[1] if best else None


def _moves(spaces: Sequence[Space]) -> Iterator[_Move]:
    for axis, space in enumerate(spaces):
        if space.kind == "choices":
            yield from (_Move(axis=axis, option=option) for option in range(len(space.options)))
        else:
            yield from (_Move(axis=axis, way=way) for way in (1, -1))


def _rank(steps: list[_Step], opposite: list[_Step], chance: float) -> tuple[float, float]:
    """Smaller comes first."""
    against = bool(opposite) and opposite[-1].helped
    if steps and steps[-1].helped:
        return 0.0, -float(steps[-1].number)
    if not steps:
        return (2.0, 0.0) if against else (1.0, chance)
    failures = sum(1 for _ in itertools.takewhile(lambda step: not step.helped, reversed(steps)))
    return 2.0 + failures + against, float(steps[-1].number)


def _moved_values(space: Space, values: Values, move: _Move, steps: list[_Step]) -> Values | None:
    """`values` with one axis moved, None at the end of the axis."""
    old = values[move.axis]
    if not move.way:
        new = space.options[move.option]
    else:
        size = _FIRST_STEP * space.top
        if steps:
            size = steps[-1].size * (_FURTHER if steps[-1].helped else _CLOSER)
        shortest = _SHORTEST if space.kind == "scale" else 1.0
        size = min(max(size, shortest), space.top / 2 if space.kind == "scale" else space.top)
        if space.kind == "steps":
            size = round(size)
        new = space.at(space.position(old) + move.way * size)
        if space.integer and not isinstance(old, str) and (float(new) - old) * move.way <= 0:
            new = int(min(max(old + move.way, space.low), space.high))
    if spelled(new) == spelled(old):
        return None
    return (*values[: move.axis], new, *values[move.axis + 1 :])


def _draw(spaces: Sequence[Space], trials: Sequence[Trial], seed: int) -> Values:
    """One draw of Optuna's sampler, given every trial. Its global log level is as before when this returns."""
    import warnings  # noqa: PLC0415 - with Optuna

    import optuna  # noqa: PLC0415 - takes a third of a second and only the tuner needs it

    distributions: dict[str, optuna.distributions.BaseDistribution] = {}
    for axis, space in enumerate(spaces):
        if space.kind == "scale":
            distributions[str(axis)] = optuna.distributions.FloatDistribution(0.0, 1.0)
        elif space.kind == "steps":
            distributions[str(axis)] = optuna.distributions.IntDistribution(0, len(space.options) - 1)
        else:
            distributions[str(axis)] = optuna.distributions.CategoricalDistribution(range(len(space.options)))

    def frozen(trial: Trial) -> optuna.trial.FrozenTrial:
        pairs = enumerate(zip(spaces, trial.values, strict=True))
        positions = ((axis, space, space.position(value)) for axis, (space, value) in pairs)
        return optuna.trial.create_trial(
            params={str(axis): place if space.kind == "scale" else int(place) for axis, space, place in positions},
            distributions=distributions,
            value=trial.loss,
            # A pruned trial without a value counts as poor among Optuna's trials, and never as a number.
            state=optuna.trial.TrialState.PRUNED if trial.loss is None else optuna.trial.TrialState.COMPLETE,
        )

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # options that Optuna still calls experimental
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=4)
            study = optuna.create_study(sampler=sampler, direction="minimize")
            study.add_trials([frozen(trial) for trial in trials])
            drawn = study.ask(distributions).params
    finally:
        optuna.logging.set_verbosity(verbosity)
    return tuple(space.at(float(drawn[str(axis)])) for axis, space in enumerate(spaces))


def _leftover(spaces: Sequence[Space], tried: set[tuple[str, ...]], rng: Random) -> Values | None:
    """Any untried combination: by list where the list is short, else by chance."""
    counts = [space.count for space in spaces]
    total = math.prod(count for count in counts if count is not None)
    if None not in counts and total <= _ENUMERABLE:
        left = [values for values in itertools.product(*map(_all, spaces)) if _key(values) not in tried]
        return rng.choice(left) if left else None
    for _ in range(100 * _DRAWS):
        values = tuple(space.at(rng.random() * space.top) for space in spaces)
        if _key(values) not in tried:
            return values
    return None


def _all(space: Space) -> Sequence[Scalar]:
    if space.kind == "scale":
        return range(math.ceil(space.low), math.floor(space.high) + 1)
    return space.options
