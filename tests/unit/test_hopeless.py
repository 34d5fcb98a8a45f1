"""When a run may be ended early for its own progress, and that only a hopeless one is."""

import math
import random

import pytest
from msgspec.structs import replace
from nights import contract

from overnight.model.contract import Direction
from overnight.model.experiment import Failure, Measurement
from overnight.model.state import Experiment, State
from overnight.rules.hopeless import MOST_POINTS, hopeless, kept_curves, thinned


def falling(slow=1.0, end=0.0, noise=0.0, seed=0, points=20):
    """A loss that falls from 4 to 1 + `end`; a `slow` one takes that much longer."""
    dice = random.Random(seed)
    return tuple(
        (float(step), 1 + end + 3 * math.exp(-step / (4 * slow)) + dice.gauss(0, 1) * noise) for step in range(points)
    )


def study(*families, direction=Direction.minimize):
    """A segment whose unchanged code and keeps have these curves, a family each."""
    experiments = tuple(
        Experiment(
            number=at, parent=0, readings=tuple(Measurement(values=(("m", 1.0),), progress=curve) for curve in one)
        )
        for at, one in enumerate(families)
    )
    return State(contract=contract(direction), experiments=experiments, kept=tuple(range(1, len(families))))


def ended_at(curve, kept):
    """The step at which a run is ended, None = never."""
    told = (hopeless(curve[: at + 1], kept) for at in range(len(curve)))
    return next((found[0] for found in told if found is not None), None)


TWICE = (falling(noise=0.02, seed=1), falling(noise=0.02, seed=2))


def test_a_run_that_does_not_get_better_is_ended_and_says_where_it_stood():
    kept = kept_curves(study(TWICE))
    flat = tuple((float(step), 4.0) for step in range(20))
    step = ended_at(flat, kept)
    assert step is not None
    assert step < 12
    where, value, worst = hopeless(flat[: int(step) + 1], kept)
    assert (where, value) == (step, 4.0)
    assert worst < 2


def test_better_is_higher_where_the_objective_says_so():
    rising = tuple(tuple((step, -value) for step, value in curve) for curve in TWICE)
    kept = kept_curves(study(rising, direction=Direction.maximize))
    assert ended_at(tuple((float(step), -4.0) for step in range(20)), kept) is not None
    assert ended_at(tuple((float(step), 4.0) for step in range(20)), kept) is None


@pytest.mark.parametrize("slow", [0.5, 1.0, 1.3, 1.6])
def test_a_slower_start_is_not_hopeless(slow):
    assert ended_at(falling(slow), kept_curves(study(TWICE))) is None


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.4])
def test_noise_alone_ends_no_run(sigma):
    for seed in range(300):
        family = (falling(noise=sigma, seed=3 * seed), falling(noise=sigma, seed=3 * seed + 1))
        assert ended_at(falling(noise=sigma, seed=3 * seed + 2), kept_curves(study(family))) is None


def test_with_one_reading_the_noise_is_unknown_and_more_is_asked_for():
    unsure, sure = kept_curves(study((falling(),))), kept_curves(study((falling(), falling())))
    assert (unsure.sigma, sure.sigma) == (None, 0.0)
    lagging = falling(slow=3.0)
    assert ended_at(lagging, sure) is not None
    assert ended_at(lagging, unsure) is None


def test_one_bad_point_ends_no_run():
    curve = list(falling())
    curve[10] = (10.0, 50.0)
    assert ended_at(tuple(curve), kept_curves(study(TWICE))) is None


def test_the_worst_run_that_was_kept_is_what_counts():
    flat = tuple((float(step), 4.0) for step in range(20))
    assert ended_at(flat, kept_curves(study(TWICE, (flat, flat)))) is None


def test_nothing_is_judged_in_the_first_quarter_or_beyond_what_is_known():
    kept = kept_curves(study(TWICE))
    awful = tuple((float(step), 99.0) for step in range(40))
    assert ended_at(awful, kept) >= 19 / 4
    assert hopeless(awful[-3:], kept) is None


def test_fewer_than_three_points_say_nothing():
    kept = kept_curves(study(TWICE))
    assert hopeless(((9.0, 99.0), (10.0, 99.0)), kept) is None
    assert kept_curves(study((((1.0, 2.0), (2.0, 1.0)),))) is None


def test_without_progress_of_the_unchanged_code_there_is_nothing_to_compare_with():
    assert kept_curves(State()) is None
    assert kept_curves(study(())) is None
    assert kept_curves(study(((),), TWICE)) is None
    silent = study(TWICE, ((),))
    assert kept_curves(silent) == kept_curves(study(TWICE))


def test_a_reading_that_failed_is_no_curve_to_be_held_against():
    state = study(TWICE)
    broken = Measurement(failure=Failure(code="exit", detail="x"), progress=tuple((float(at), 9.0) for at in range(20)))
    first = state.experiments[0]
    state = replace(state, experiments=(replace(first, readings=(*first.readings, broken)),))
    assert kept_curves(state) == kept_curves(study(TWICE))


def test_long_curves_are_thinned_and_keep_their_ends():
    points = [(float(at), 1.0) for at in range(1000)]
    kept = thinned(points)
    assert len(kept) == MOST_POINTS
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert thinned(points[:7]) == tuple(points[:7])
