import math
import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.rules.series import drifting, robust_spread, two_clusters
from overnight.rules.statistics import (
    e_bh,
    e_value,
    night_alpha,
    normal_cdf,
    paired_interval,
    student_cdf,
    student_quantile,
    successive_dof,
)

NOISES = {
    "normal": lambda dice: dice.gauss(0, 1),
    "uniform": lambda dice: dice.random(),
    "heavy-tailed": lambda dice: dice.gauss(0, 1) / math.sqrt(dice.gammavariate(1.5, 2) / 3),
    "laplace": lambda dice: dice.expovariate(1) * dice.choice((-1, 1)),
    "skewed": lambda dice: dice.lognormvariate(0, 0.5),
}
numbers = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("probability", "dof", "table"),
    [
        (0.975, 1, 12.706204736432095),
        (0.9995, 1, 636.6192487687196),
        (0.975, 2, 4.302652729749462),
        (0.95, 3, 2.3533634348018264),
        (0.975, 4, 2.7764451051977987),
        (0.975, 10, 2.2281388519649385),
        (0.995, 30, 2.7499956535670305),
        (0.975, 100, 1.983971518523552),
        (0.975, math.inf, 1.959963984540054),
    ],
)
def test_quantiles_of_student_are_those_of_the_tables(probability, dof, table):
    assert student_quantile(probability, dof) == pytest.approx(table, rel=1e-7)
    assert student_quantile(1 - probability, dof) == pytest.approx(-table, rel=1e-7)


@given(st.floats(1e-5, 1 - 1e-5), st.floats(1, 1e5))
def test_a_quantile_is_where_the_distribution_reaches_its_probability(probability, dof):
    assert student_cdf(student_quantile(probability, dof), dof) == pytest.approx(probability, rel=1e-5)


@given(st.floats(0.6, 0.9999), st.floats(1, 1e4))
def test_fewer_degrees_of_freedom_reach_further(probability, dof):
    assert student_quantile(probability, dof) > student_quantile(probability, dof * 1.5)
    assert student_quantile(probability, dof) > statistics.NormalDist().inv_cdf(probability)


@pytest.mark.parametrize(("probability", "dof"), [(0, 5), (1, 5), (0.9, 0.5), (0.9, math.nan)])
def test_an_impossible_quantile_is_refused(probability, dof):
    with pytest.raises(ValueError, match="degree of freedom"):
        student_quantile(probability, dof)


@given(st.floats(-8, 8))
def test_the_normal_distribution_is_the_library_s(z):
    assert normal_cdf(z) == pytest.approx(statistics.NormalDist().cdf(z), rel=1e-6, abs=1e-15)


@pytest.mark.parametrize(("se", "scale"), [(1, 2), (3, 1), (0.5, 2)])
def test_the_expected_e_value_without_an_effect_is_one(se, scale):
    steps = 40_000
    grid = [-40 + 80 * (at + 0.5) / steps for at in range(steps)]
    density = statistics.NormalDist().pdf
    mean = sum(e_value(z, se, scale) * density(z) for z in grid) * 80 / steps
    assert mean == pytest.approx(1, abs=1e-3)


@given(st.floats(-60, 60), st.floats(0.01, 100), st.floats(0.01, 100))
def test_evidence_grows_with_the_effect_and_stays_a_number(z, se, scale):
    less, more = e_value(z, se, scale), e_value(z + 0.1, se, scale)
    assert 0 <= less <= more
    assert math.isfinite(more)


def test_the_e_value_is_the_formula_and_goes_on_smoothly_where_that_underflows():
    k = 4 / 5
    formula = 2 * math.sqrt(1 - k) * math.exp(k * 9 / 2) * normal_cdf(3 * math.sqrt(k))
    assert e_value(3, 1, 2) == pytest.approx(formula)
    near, far = e_value(-30 / math.sqrt(k) + 1e-9, 1, 2), e_value(-30 / math.sqrt(k) - 1e-9, 1, 2)
    assert near == pytest.approx(far, rel=1e-6)
    assert e_value(1000, 1, 2) == pytest.approx(math.exp(700))


def test_e_bh_keeps_what_the_paper_keeps():
    assert e_bh([100, 1, 30, 0, 41], 0.05) == (0,)
    assert e_bh([100, 1, 50, 0, 33], 0.05) == (0, 2)
    assert e_bh([100, 1, 50, 0, 33.4], 0.05) == (0, 2, 4)
    assert e_bh([19], 0.05) == ()
    assert e_bh([], 0.05) == ()


@given(st.lists(st.floats(0, 1e4), max_size=30), st.floats(0.01, 0.5))
def test_e_bh_keeps_the_largest_and_keeps_none_that_says_too_little(values, alpha):
    kept = e_bh(values, alpha)
    dropped = [value for index, value in enumerate(values) if index not in kept]
    assert all(values[index] >= max(dropped, default=0) for index in kept)
    assert all(values[index] * len(kept) >= len(values) / alpha * (1 - 1e-9) for index in kept)


def test_all_nights_together_err_no_more_than_one_may():
    spent = sum(night_alpha(0.05, j) for j in range(1, 10_000))
    assert 0.0499 < spent < 0.05
    assert night_alpha(0.05, 1) == pytest.approx(0.030396, rel=1e-4)
    with pytest.raises(ValueError, match="from 1"):
        night_alpha(0.05, 0)


def test_the_degrees_of_freedom_of_successive_differences_are_those_of_their_scatter():
    dice = random.Random(1)
    for pairs in (1, 4, 20):
        found = []
        for _ in range(4000):
            chain = [dice.gauss(0, 1) for _ in range(pairs + 1)]
            found.append(sum((b - a) ** 2 for a, b in pairwise(chain)) / (2 * pairs))
        assert 2 / statistics.variance(found) == pytest.approx(successive_dof(pairs), rel=0.2)
    assert successive_dof(0) == 0


def test_the_interval_of_one_pair_is_that_of_the_known_noise_and_the_split():
    mean, low, high = paired_interval([3.0], sigma=1.0, dof=math.inf, split_error=2.0, alpha=0.05)
    assert mean == 3
    assert high == pytest.approx(3 + 1.959964 * math.sqrt(2 + 4), rel=1e-6)
    assert low == pytest.approx(3 - 1.959964 * math.sqrt(2 + 4), rel=1e-6)


def test_an_interval_of_unknown_noise_comes_from_the_differences_alone():
    differences = [1.0, 2.0, 3.0]
    assert paired_interval(differences, sigma=None, dof=0, split_error=0, alpha=0.05) == pytest.approx(
        (2, 2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), rel=1e-6
    )
    assert paired_interval([1.0], sigma=None, dof=0, split_error=0, alpha=0.05) == (1, None, None)
    assert paired_interval([1.0, 1.0], sigma=0.0, dof=3, split_error=0, alpha=0.05) == (1, 1, 1)


@pytest.mark.parametrize(
    ("pairs", "noisier", "least"), [(5, 1, 0.955), (3, 1, 0.955), (5, 2, 0.92), (3, 2, 0.89), (3, 8, 0.9)]
)
def test_the_interval_covers_the_truth_even_when_the_differences_scatter_more(pairs, noisier, least):
    dice = random.Random(7)
    covered = 0
    for _ in range(3000):
        differences = [dice.gauss(1, noisier * math.sqrt(2)) for _ in range(pairs)]
        _, low, high = paired_interval(differences, sigma=1.0, dof=20, split_error=0, alpha=0.05)
        covered += low <= 1 <= high
    assert covered / 3000 >= least


def test_known_noise_makes_the_interval_narrower_than_a_few_pairs_alone_would():
    dice = random.Random(3)
    known, unknown = 0.0, 0.0
    for _ in range(500):
        differences = [dice.gauss(0, math.sqrt(2)) for _ in range(3)]
        known += paired_interval(differences, sigma=1.0, dof=20, split_error=0, alpha=0.05)[2]
        unknown += paired_interval(differences, sigma=None, dof=0, split_error=0, alpha=0.05)[2]
    assert known < 0.8 * unknown


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("count", [5, 6, 9, 16, 40])
def test_noise_of_any_common_shape_has_no_clusters_and_no_drift(noise, count):
    dice = random.Random(f"{noise}{count}")
    series = [[NOISES[noise](dice) for _ in range(count)] for _ in range(1500)]
    assert sum(two_clusters(values) is not None for values in series) / 1500 < 0.01
    assert sum(drifting(values) is not None for values in series) / 1500 < 0.01


@given(st.permutations([1.0, 1.01, 1.02, 3.0, 3.01, 3.02]), numbers)
def test_two_groups_are_found_in_any_order_and_anywhere(values, shift):
    lower, upper = two_clusters([value + shift for value in values])
    assert lower == pytest.approx(1.01 + shift, abs=1e-6)
    assert upper == pytest.approx(3.01 + shift, abs=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([1.0, 5.0, 1.0, 5.0], id="four-readings"),
        pytest.param([2.0] * 8, id="identical"),
        pytest.param([1.0, 1.1, 0.9, 1.05, 0.95, 9.0], id="one-outlier"),
        pytest.param([0.91, 0.92, 0.92, 0.91, 0.91, 0.92], id="rounded"),
        pytest.param([3.0, 4.0, 4.0, 3.0, 3.0, 4.0, 3.0], id="counts"),
    ],
)
def test_too_few_identical_rounded_and_outlying_readings_are_no_groups(values):
    assert two_clusters(values) is None


def test_a_judge_that_flips_between_two_values_has_two_clusters():
    assert two_clusters([10.0, 20.0, 10.0, 10.0, 20.0]) == (10, 20)


@pytest.mark.parametrize("count", [8, 9, 12, 30])
def test_a_slow_machine_that_gets_slower_drifts(count):
    dice = random.Random(count)
    values = [at + dice.gauss(0, 0.1) for at in range(count)]
    assert drifting(values) == pytest.approx(count - 3, abs=1)
    assert drifting(values[::-1]) == pytest.approx(3 - count, abs=1)


@pytest.mark.parametrize("noise", NOISES)
def test_a_night_of_looks_at_one_series_raises_few_false_alarms(noise):
    dice = random.Random(noise)
    alarms = 0
    for _ in range(300):
        values = [NOISES[noise](dice) for _ in range(60)]
        seen = [values[:count] for count in range(5, 61, 5)]
        alarms += any(two_clusters(part) is not None or drifting(part) is not None for part in seen)
    assert alarms / 300 <= 0.03


def test_a_level_that_goes_up_and_comes_back_drifts_too():
    assert drifting([math.sin(at / 3) for at in range(20)]) is not None


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0]), max_size=30))
def test_drift_of_any_ties_is_a_distance_within_the_readings(values):
    moved = drifting(values)
    assert moved is None or abs(moved) <= max(values) - min(values)


@given(st.lists(numbers, min_size=2, max_size=40), numbers, st.floats(0.1, 10))
def test_robust_spread_moves_with_the_scale_and_not_with_the_level(values, shift, factor):
    moved = [factor * value + shift for value in values]
    assert robust_spread(moved) == pytest.approx(factor * robust_spread(values), rel=1e-6, abs=1e-6)


def test_robust_spread_is_the_standard_deviation_of_normal_values_and_deaf_to_outliers():
    dice = random.Random(5)
    values = [dice.gauss(0, 2) for _ in range(4000)]
    assert robust_spread(values) == pytest.approx(2, rel=0.06)
    assert robust_spread([1.0, 2.0, 3.0, 1e6]) == pytest.approx(1.4826)
    assert robust_spread([1.0]) is None
