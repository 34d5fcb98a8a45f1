"""What is said of noise, and of a judge whose numbers will not carry a night."""

import random

import pytest
from msgspec.structs import replace
from nights import contract

from overnight.model.contract import Guard, Holdout, Keep, Objective, Stop
from overnight.model.experiment import Failure, Measurement, Outcome
from overnight.model.state import Counts, Experiment
from overnight.rules.calibration import calibrate, noise_in, observed, readings_needed
from overnight.rules.concerns import concerns


def terms(min_effect=0.0, **more):
    return contract(objective=Objective(metric="m", min_effect=min_effect, unit="bits"), **more)


def reads(*values, seconds=10.0, **other):
    return tuple(
        Measurement(values=(("m", value), *((name, row[at]) for name, row in other.items())), seconds=seconds)
        for at, value in enumerate(values)
    )


def unchanged(agreed, *values, **other):
    return observed(agreed, reads(*values, **other))


def said(state, code, **more):
    found = [one for one in concerns(state, **more) if one.code == code]
    assert len(found) < 2
    return found[0].sentence() if found else ""


def night(agreed, values, **more):
    """A study whose unchanged code and candidates have these values, one reading each."""
    state = unchanged(agreed, values[0], values[0])
    later = [
        Experiment(
            number=at,
            parent=0,
            tree=f"tree {at}",
            value=value,
            outcome=Outcome.discard,
            readings=reads(value),
            seconds=14.0,
        )
        for at, value in enumerate(values[1:], 1)
    ]
    return replace(state, experiments=(*state.experiments, *later), **more)


def test_noise_is_of_each_metric_and_from_successive_differences():
    by_name = {one.metric: one for one in noise_in(reads(1.0, 3.0, 5.0, ms=(40.0, 40.0, 40.0)))}
    assert (by_name["m"].sigma, by_name["m"].pairs) == (pytest.approx(2 / 2**0.5), 2)
    assert by_name["ms"].sigma == 0
    assert noise_in(reads(1.0)) == ()


def test_more_readings_and_certification_see_smaller_gains():
    found = calibrate(unchanged(terms(keep=Keep(pairs=20)), 1.0, 1.2, 0.9, 1.1, 1.0))
    assert found.single == pytest.approx(1.96 * 2**0.5 * found.sigma)
    assert found.repeated == pytest.approx(found.single / 8**0.5)
    assert found.certified < found.repeated
    strict = calibrate(unchanged(terms(keep=Keep(pairs=20, alpha=0.01)), 1.0, 1.2, 0.9, 1.1, 1.0))
    assert strict.certified > found.certified


def test_a_ratchet_reads_once_and_sees_no_more_than_that():
    found = calibrate(unchanged(terms(keep=Keep(policy="ratchet")), 1.0, 1.2, 0.9))
    assert found.repeated == found.single


def test_one_reading_says_nothing_about_noise():
    found = calibrate(unchanged(terms(), 1.0))
    assert (found.sigma, found.single, found.certified) == (None, None, None)
    assert concerns(unchanged(terms(), 1.0)) == ()


def test_the_readings_that_are_said_to_be_needed_are_enough_and_no_fewer_would_be():
    for sigma, effect in ((1.0, 1.0), (0.3, 0.1), (1.0, 10.0)):
        needed = readings_needed(sigma, effect)
        assert 1.96 * sigma * (2 / needed) ** 0.5 <= effect
        assert needed == 1 or 1.96 * sigma * (2 / (needed - 1)) ** 0.5 > effect


def test_a_night_holds_re_readings_and_certification_too():
    plain = calibrate(unchanged(terms(), 1.0, 1.0), night=1000.0).forecast
    assert (plain.experiments, plain.readings, plain.certify_seconds) == (100, 1.0, 0.0)
    noisy = calibrate(unchanged(terms(), 1.0, 1.1), night=1000.0).forecast
    assert noisy.certify_seconds == 130.0
    assert noisy.experiments == (1000 - 130) // 15
    assert calibrate(unchanged(terms()), night=1000.0).forecast.experiments is None


def test_a_forecast_learns_from_the_night_what_an_experiment_costs():
    state = night(terms(), [1.0, *[1.1] * 20], counts=Counts(experiments=20, evaluations=60))
    found = calibrate(state, night=3400.0).forecast
    assert (found.readings, found.agent_seconds) == (3.0, 4.0)
    assert found.experiments == 3400 // 34


def test_noise_above_every_effect_is_said_with_all_that_would_help():
    text = said(unchanged(terms(0.01), 1.0, 1.3, 0.8, 1.1), "noisy")
    assert "The noise is larger than the effects that count" in text
    assert "even certification sees no gain below" in text
    for help_ in ("min_effect: ", "more readings", "a longer run", "paired data"):
        assert help_ in text


def test_noise_beyond_the_whole_value_is_called_so():
    assert "more than m itself" in said(unchanged(terms(0.01), 0.1, 1.3, -0.8, 0.2), "noisy")


def test_pairs_that_would_do_are_named():
    text = said(unchanged(terms(0.1), 1.0, 1.1, 1.0, 1.1, 1.0, 1.1), "noisy")
    pairs = int(text.partition("`keep: {pairs: ")[2].partition("}")[0])
    assert said(unchanged(terms(0.1, keep=Keep(pairs=pairs)), 1.0, 1.1, 1.0, 1.1, 1.0, 1.1), "noisy") == ""
    assert said(unchanged(terms(0.1, keep=Keep(pairs=pairs - 1)), 1.0, 1.1, 1.0, 1.1, 1.0, 1.1), "noisy") != ""


def test_an_effect_that_repeats_can_show_is_no_concern_and_a_ratchet_is_told_so():
    values = (1.0, 1.1, 1.0, 1.1, 1.0, 1.1)
    assert said(unchanged(terms(0.12, keep=Keep(pairs=10)), *values), "noisy") == ""
    text = said(unchanged(terms(0.12, keep=Keep(pairs=10, policy="ratchet")), *values), "noisy")
    assert "the policy ratchet takes 1" in text
    assert "keep: {policy: default}" in text
    few = said(unchanged(terms(0.12, keep=Keep(pairs=10, repeats=(1, 2))), *values), "noisy")
    assert "keep: {repeats: {max: 3}}" in few


def test_without_min_effect_any_noise_is_named_and_what_to_write():
    text = said(unchanged(terms(), 1.0, 1.1, 0.9), "noisy")
    assert "min_effect is 0" in text
    assert "Write `min_effect: " in text
    assert said(unchanged(terms(), 1.0, 1.0), "noisy") == ""


def test_what_is_advised_as_min_effect_is_enough():
    state = unchanged(terms(), 1.0, 1.13, 0.92, 1.07, 0.99)
    advised = float(said(state, "noisy").partition("min_effect: ")[2].partition("`")[0])
    assert advised >= calibrate(state).repeated
    kept = replace(state.contract, objective=Objective(metric="m", min_effect=advised), keep=Keep(pairs=5))
    assert said(unchanged(kept, 1.0, 1.13, 0.92, 1.07, 0.99), "noisy") == ""


def test_two_groups_of_readings_are_called_so():
    text = said(unchanged(terms(), 1.0, 2.0, 1.001, 2.001, 1.002), "clusters")
    assert "around 1 bits and around 2 bits" in text
    dice = random.Random(4)
    assert said(unchanged(terms(), *(dice.gauss(1, 0.1) for _ in range(30))), "clusters") == ""


def test_drift_is_called_so():
    text = said(unchanged(terms(), *(1.0 + at / 10 for at in range(8))), "drift")
    assert "gone up by" in text
    assert said(unchanged(terms(), 1.0, 1.2, 1.1, 1.0, 1.1, 1.2), "drift") == ""


def test_a_metric_that_never_moves_is_called_so():
    text = said(night(terms(), [1.0] * 10), "constant")
    assert "All of 10 different candidates" in text
    assert "check --measure" in text
    assert said(night(terms(), [1.0] * 8), "constant") == ""
    assert said(night(terms(), [*[1.0] * 9, 1.1]), "constant") == ""


def test_candidates_no_more_different_than_readings_are_called_so():
    values = [1.0 + at % 3 / 10 for at in range(20)]
    assert "Bolder changes would show" in said(night(terms(), values, sigma=0.1, spread=0.12), "no-effect")
    assert said(night(terms(), values, sigma=0.1, spread=0.5), "no-effect") == ""
    assert said(night(terms(), values[:8], sigma=0.1, spread=0.12), "no-effect") == ""


def test_a_guard_that_the_unchanged_code_hardly_keeps_is_named_with_its_noise():
    agreed = terms(guards=(Guard(metric="ms", max=41.0),))
    text = said(unchanged(agreed, 1.0, 1.0, 1.0, ms=(40.0, 42.0, 40.0)), "guard")
    assert "ms broke its guard in 1 of 3 readings" in text
    assert "ms: 1.4" in text
    far = terms(guards=(Guard(metric="ms", max=60.0),))
    assert said(unchanged(far, 1.0, 1.0, 1.0, ms=(40.0, 42.0, 40.0)), "guard") == ""


def test_repeats_that_disagree_about_a_guard_are_named():
    state = night(terms(guards=(Guard(metric="m", max=1.5),)), [1.0, 1.0, 1.0])
    split = replace(state.experiments[1], readings=reads(1.4, 1.6))
    state = replace(state, experiments=(state.experiments[0], split), kept=(1,))
    assert "#1 disagree about a guard: m broke its guard in 1 of 2 readings" in said(state, "guard")


def test_certification_that_does_not_fit_into_the_looks_or_the_night_is_said():
    held = terms(holdout=Holdout(certify="python c.py", queries=6))
    assert "takes 10 looks at the holdout, and holdout.queries allows 6" in said(unchanged(held, 1.0), "holdout")
    long = terms(holdout=Holdout(certify="python c.py"), stop=Stop(wall=150.0))
    assert "of the night's 2.5" in said(unchanged(long, 1.0, 1.1), "holdout")
    assert said(unchanged(long, 1.0, 1.1), "holdout", night=3600.0) == ""
    assert said(unchanged(long, 1.0, 1.0), "holdout") == ""


def test_a_holdout_larger_than_the_budget_is_said():
    late = Measurement(failure=Failure(code="timeout", detail="ran too long"), split="certify", seconds=300.0)
    state = unchanged(terms(holdout=Holdout(certify="python c.py")), 1.0, 1.0)
    state = replace(state, experiments=(replace(state.experiments[0], holdout=(late,)),))
    assert "does not fit into budget.wall" in said(state, "holdout")


def test_early_stopping_without_progress_is_said():
    asked = terms(keep=Keep(early_stop=True))
    assert "PROGRESS step value" in said(unchanged(asked, 1.0), "silent")
    curve = ((1.0, 3.0), (2.0, 2.0), (3.0, 1.0))
    told = [replace(run, progress=curve) for run in reads(1.0)]
    assert said(observed(asked, told), "silent") == ""


def test_a_quiet_judge_is_no_concern():
    assert concerns(unchanged(terms(0.1), 1.0, 1.0)) == ()
    assert concerns(night(terms(0.1), [1.0, 1.1, 0.9])) == ()
