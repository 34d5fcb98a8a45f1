from hypothesis import given
from hypothesis import strategies as st
from nights import contract

from overnight.model.contract import Direction, Guard, Objective, Tradeoff
from overnight.model.experiment import Evaluation, Failure, Measurement, Outcome, Trust
from overnight.model.state import Experiment
from overnight.rules.decide import Reference, decide

values = st.floats(min_value=-1e3, max_value=1e3, allow_nan=False)
directions = st.sampled_from(list(Direction))


def judge(terms, new, old, *, loc=10, best_loc=10, high_water=None, extra=(), best_extra=()):
    evaluation = Evaluation(runs=(Measurement(values=(("m", new), *extra), trust=Trust.scored),))
    against = Reference(
        best=Experiment(number=4, parent=0, loc=best_loc, value=old),
        values=(("m", old), *best_extra),
        high_water=old if high_water is None else high_water,
    )
    return decide(terms, evaluation, counted=(("loc", float(loc)),), against=against)


def terms(direction, min_effect=0.0, **more):
    return contract(objective=Objective(metric="m", direction=direction, min_effect=min_effect), **more)


@given(directions, values, values, st.floats(0, 10))
def test_only_a_gain_of_at_least_min_effect_is_kept_when_lines_are_equal(direction, new, old, min_effect):
    verdict = judge(terms(direction, min_effect), new, old)
    gain = old - new if direction is Direction.minimize else new - old
    assert (verdict.outcome is Outcome.keep) == (gain > 0 and gain >= min_effect)
    assert verdict.promote == (verdict.outcome is Outcome.keep)


@given(directions, values, values)
def test_direction_is_a_mirror(direction, new, old):
    other = Direction.maximize if direction is Direction.minimize else Direction.minimize
    assert judge(terms(direction), new, old).outcome == judge(terms(other), -new, -old).outcome


@given(directions, values)
def test_the_same_number_again_is_never_a_win(direction, value):
    assert judge(terms(direction, 0.1), value, value).outcome is Outcome.discard


@given(directions, values, st.floats(0.01, 10), st.floats(-0.999, 0.999))
def test_a_tie_goes_to_fewer_lines(direction, old, min_effect, share):
    new = old + share * min_effect * 0.5
    assert judge(terms(direction, min_effect), new, old, loc=9).outcome is Outcome.keep
    assert judge(terms(direction, min_effect), new, old, loc=11).outcome is Outcome.discard


def test_a_chain_of_ties_cannot_walk_downhill():
    assert judge(terms(Direction.minimize, 1.0), 5.9, 5.0, loc=9, high_water=4.5).outcome is Outcome.discard
    assert judge(terms(Direction.minimize, 1.0), 5.4, 5.0, loc=9, high_water=4.5).outcome is Outcome.keep


@given(values)
def test_a_failure_is_never_a_number(old):
    evaluation = Evaluation(runs=(), failure=Failure(code="timeout", detail="stopped after 5 s"))
    against = Reference(best=Experiment(number=0, parent=0, value=old), values=(("m", old),), high_water=old)
    verdict = decide(terms(Direction.minimize), evaluation, counted=(), against=against)
    assert verdict.outcome is Outcome.crash
    assert verdict.value is None
    assert not verdict.promote


def test_a_broken_guard_discards_whatever_the_gain():
    guarded = terms(Direction.minimize, guards=(Guard(metric="memory", max=100.0),))
    assert judge(guarded, 0.0, 5.0, extra=(("memory", 101.0),)).failure.code == "guard"
    assert judge(guarded, 0.0, 5.0, extra=(("memory", 100.0),)).outcome is Outcome.keep


def test_a_guard_whose_metric_is_missing_is_broken():
    guarded = terms(Direction.minimize, guards=(Guard(metric="memory", max=100.0),))
    verdict = judge(guarded, 0.0, 5.0)
    assert verdict.outcome is Outcome.discard
    assert "memory" in verdict.reason


def test_a_relative_guard_compares_with_the_best():
    guarded = terms(Direction.minimize, guards=(Guard(metric="p95", max_regress=0.05),))
    best = (("p95", 100.0),)
    assert judge(guarded, 0.0, 5.0, extra=(("p95", 105.0),), best_extra=best).outcome is Outcome.keep
    assert judge(guarded, 0.0, 5.0, extra=(("p95", 105.1),), best_extra=best).outcome is Outcome.discard


def test_a_relative_guard_knows_which_way_its_metric_gets_better():
    guarded = terms(
        Direction.minimize, guards=(Guard(metric="accuracy", max_regress=0.05, direction=Direction.maximize),)
    )  # fmt: skip
    best = (("accuracy", 0.9),)
    assert judge(guarded, 0.0, 5.0, extra=(("accuracy", 0.99),), best_extra=best).outcome is Outcome.keep
    assert judge(guarded, 0.0, 5.0, extra=(("accuracy", 0.80),), best_extra=best).outcome is Outcome.discard


def test_a_value_outside_the_bounds_is_implausible():
    bounded = contract(objective=Objective(metric="m", bounds=(0.5, 8.0)))
    assert judge(bounded, 0.1, 2.0).failure.code == "bounds"


def test_an_exchange_rate_must_be_paid():
    traded = terms(Direction.minimize, tradeoffs=(Tradeoff(metric="loc", rate=0.001, amount=20.0),))
    longer, best = (("loc", 50.0),), (("loc", 10.0),)
    assert judge(traded, 4.999, 5.0, loc=50, extra=longer, best_extra=best).outcome is Outcome.discard
    assert judge(traded, 4.99, 5.0, loc=50, extra=longer, best_extra=best).outcome is Outcome.keep
    assert judge(traded, 5.0, 5.0, loc=5, extra=(("loc", 5.0),), best_extra=best).outcome is Outcome.keep


@given(directions, values, values, st.booleans())
def test_a_reading_with_tampering_is_a_violation_whatever_else_it_says(direction, new, old, fails):
    failure = Failure(code="exit", detail="it ended with 1") if fails else None
    numbers = () if fails else (("m", new),)
    run = Measurement(values=numbers, failure=failure, trust=Trust.scored, tampering=("it opened the trap", "twice"))
    against = Reference(best=Experiment(number=4, parent=0, loc=10, value=old), values=(("m", old),), high_water=old)
    verdict = decide(terms(direction), Evaluation(runs=(run,), failure=failure), counted=(), against=against)
    assert (verdict.outcome, verdict.promote, verdict.value) == (Outcome.violation, False, None)
    assert verdict.reason == "tampering: it opened the trap (and 1 more)"
