import pytest
from msgspec.structs import replace
from nights import contract

from overnight.engine.conduct import Conductor
from overnight.model.contract import Direction, Guard, Keep, Objective
from overnight.model.experiment import Belief, Failure, Measurement, Noise, Outcome
from overnight.model.state import Experiment, State
from overnight.model.step import Conclude, Read
from overnight.policies.ratchet import Ratchet
from overnight.rules.deciding.greedy import Greedy
from overnight.rules.deciding.posterior import Posterior
from overnight.rules.guards import broken, disagreement, unsure

NOISE = (Noise(metric="ms", sigma=1.0, pairs=9),)
AT_MOST = Guard(metric="ms", max=40.0)


def reads(*values):
    return tuple(Measurement(values=(("m", 1.0), ("ms", value))) for value in values)


def terms(*guards, most=8, **more):
    return contract(guards=guards, keep=Keep(repeats=(1, most)), **more)


@pytest.mark.parametrize(
    ("values", "doubtful"),
    [((37.9,), False), ((38.1,), True), ((41.9,), True), ((42.1,), False), ((41.0,) * 4, False), ((40.9,) * 4, True)],
)
def test_a_guard_is_in_doubt_within_two_standard_errors_of_its_limit(values, doubtful):
    assert unsure(terms(AT_MOST), reads(*values), NOISE, None) is doubtful
    assert unsure(terms(Guard(metric="ms", min=40.0)), reads(*values), NOISE, None) is doubtful


def test_doubt_ends_with_the_repeats_that_the_contract_allows():
    assert unsure(terms(AT_MOST, most=3), reads(40.1, 39.9), NOISE, None)
    assert not unsure(terms(AT_MOST, most=3), reads(40.1, 39.9, 40.0), NOISE, None)
    assert not unsure(terms(AT_MOST, most=1), reads(40.0), NOISE, None)


def test_a_metric_without_noise_is_never_in_doubt():
    assert not unsure(terms(AT_MOST), reads(40.0), (Noise(metric="ms", sigma=0.0, pairs=3),), None)


def test_unknown_noise_is_in_doubt_once_readings_disagree():
    assert not unsure(terms(AT_MOST), reads(39.9), (), None)
    assert not unsure(terms(AT_MOST), reads(39.5, 39.9), (), None)
    assert unsure(terms(AT_MOST), reads(39.5, 40.5), (), None)


def test_the_noise_of_the_best_counts_where_a_guard_is_relative_to_it():
    relative = terms(Guard(metric="ms", max_regress=0.1))
    best = (("m", 1.0), ("ms", 40.0))
    assert unsure(relative, reads(46.9), NOISE, best)
    assert not unsure(relative, reads(47.0), NOISE, best)
    assert not unsure(relative, reads(46.9), NOISE, best, best_readings=4)
    assert not unsure(relative, reads(46.9), NOISE, None)


def test_more_of_a_metric_that_is_maximized_is_never_a_doubt():
    rate = Guard(metric="ms", max_regress=0.1, direction=Direction.maximize)
    best = (("ms", 40.0),)
    assert unsure(terms(rate), reads(36.5), NOISE, best)
    assert not unsure(terms(rate), reads(43.9), NOISE, best)
    own = terms(
        Guard(metric="m", max_regress=0.1), objective=Objective(metric="m", direction=Direction.maximize)
    )  # fmt: skip
    assert broken(own, (("m", 0.85),), (("m", 1.0),)) is not None
    assert broken(own, (("m", 1.2),), (("m", 1.0),)) is None


def test_readings_that_failed_or_lack_the_metric_are_no_doubt():
    failed = Measurement(failure=Failure(code="exit", detail="it ended with 1"))
    assert not unsure(terms(AT_MOST), (failed,), NOISE, None)
    assert not unsure(terms(AT_MOST), (Measurement(values=(("m", 1.0),)),), NOISE, None)


def test_a_reason_says_where_readings_disagree_and_what_decides():
    said = disagreement(terms(AT_MOST), reads(39.0, 41.0, 39.4), None)
    assert said == "ms broke its guard in 1 of 3 readings; their mean 39.8 decides"
    assert disagreement(terms(AT_MOST), reads(39.0, 39.4), None) == ""
    assert disagreement(terms(AT_MOST), reads(41.0, 41.4), None) == ""


def test_a_command_that_guards_fails_closed_and_says_how_often_it_failed():
    failed = Measurement(failure=Failure(code="guard", detail="The guard `pytest` exited with code 1."))
    said = disagreement(terms(Guard(run="pytest")), (*reads(39.0), failed), None)
    assert said == "a command that guards it failed in 1 of 2 readings; one failure is enough"
    assert disagreement(terms(Guard(run="pytest")), (failed,), None) == ""


def challenged(*values, noise=NOISE, **more):
    """A study whose first proposal was read with these milliseconds, and is better than the unchanged code."""
    judged = Experiment(
        number=0,
        parent=0,
        value=2.0,
        outcome=Outcome.baseline,
        readings=(Measurement(values=(("m", 2.0), ("ms", 30.0))),),
    )
    challenger = Experiment(number=1, parent=0, tree="t1", commit="c1", readings=reads(*values), **more)
    return State(contract=terms(AT_MOST, most=3), experiments=(judged, challenger), pending=(1,), noise=noise)


def next_step(state):
    return Conductor(name="ratchet", policy=Ratchet(), decision=Greedy()).step(state, lambda _tree: None)


def test_a_candidate_is_read_again_before_a_guard_in_doubt_decides_and_then_the_mean_does():
    for first in (39.5, 40.5):
        again = next_step(challenged(first))
        assert isinstance(again, Read)
        assert (again.number, again.why) == (1, "guard")
    kept = next_step(challenged(40.5, 38.0, 38.0))
    assert kept.verdict.outcome is Outcome.keep
    assert kept.verdict.reason.endswith("; ms broke its guard in 1 of 3 readings; their mean 38.8333 decides")
    broke = next_step(challenged(39.5, 41.0, 41.0))
    assert (broke.verdict.outcome, broke.verdict.failure.code) == (Outcome.discard, "guard")
    assert "broke its guard in 2 of 3 readings" in broke.verdict.reason


def test_a_guard_far_from_its_limit_costs_no_second_reading():
    assert next_step(challenged(30.0)).verdict.outcome is Outcome.keep
    assert next_step(challenged(50.0)).verdict.failure.code == "guard"


def test_a_candidate_that_is_no_better_is_not_read_again_for_its_guard():
    state = challenged(40.5)
    worse = replace(state.experiments[1], readings=(Measurement(values=(("m", 3.0), ("ms", 40.5))),))
    assert isinstance(next_step(replace(state, experiments=(state.experiments[0], worse))), Conclude)


def test_a_candidate_that_tampered_or_failed_is_not_read_again():
    for run in (
        Measurement(values=(("m", 1.0), ("ms", 40.5)), tampering=("it opened the trap",)),
        Measurement(failure=Failure(code="exit", detail="it ended with 1")),
    ):
        state = challenged(40.5)
        bad = replace(state.experiments[1], readings=(run,))
        assert isinstance(next_step(replace(state, experiments=(state.experiments[0], bad))), Conclude)


def test_a_candidate_whose_mean_breaks_a_guard_by_now_is_not_published():
    noise = (*NOISE, Noise(metric="m", sigma=0.1, pairs=9))
    belief = Belief(mean=-1.0, variance=0.001)
    for later, published in ((39.0, True), (60.0, False)):
        state = challenged(30.0, later, noise=noise, outcome=Outcome.discard, belief=belief)
        unchanged = replace(state.experiments[0], belief=Belief(mean=-2.0, variance=0.001))
        state = replace(
            state, experiments=(unchanged, state.experiments[1]), pending=(), frontier=(1, 0), sigma=0.1, spread=1.0
        )
        assert (Posterior().publish(state) is not None) is published
