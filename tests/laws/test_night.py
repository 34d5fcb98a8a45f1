"""What the default policy is worth on simulated nights: a quick version of `benchmarks/night/checks.py`.

Every night is a function of its seed alone, so that these figures are always the same until a rule changes.
"""

import sys
from pathlib import Path

import pytest

NIGHT = str(Path(__file__).parents[2] / "benchmarks/night")


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, NIGHT)
    try:
        from table import Bench

        yield Bench(None, 24, first=20_000)
    finally:
        sys.path.remove(NIGHT)


@pytest.mark.parametrize(("scenario", "least"), [("sigma8", 15), ("sigma16", 45), ("overfit", 20)])
def test_the_default_finds_more_than_a_naive_ratchet_where_there_is_noise(bench, scenario, least):
    assert bench.cell("default", scenario, 300).difference.value >= least


def test_the_claim_is_unbiased_where_the_naive_one_is_not(bench):
    cells = [bench.cell("default", scenario, 300) for scenario in ("sigma8", "sigma16")]
    for cell, most in zip(cells, (1.5, 3.0), strict=True):
        assert abs(cell.excess.value) <= most + cell.excess.half
        assert sum(one.excess for one in cell.naive) / len(cell.naive) > 10


def test_nine_in_ten_intervals_hold_the_truth(bench):
    nights = [one for scenario in ("sigma8", "sigma16") for one in bench.cell("default", scenario, 300).nights]
    assert sum(one.covered for one in nights) >= 0.9 * len(nights)


def test_where_nothing_works_next_to_nothing_is_certified_and_a_naive_ratchet_claims_much(bench):
    cells = [bench.cell("default", scenario, 300) for scenario in ("placebo", "placebo-overfit")]
    nights = [one for cell in cells for one in cell.nights]
    assert sum(one.certified for one in nights) <= 0.05 * len(nights)
    assert min(sum(one.claim for one in cell.naive) / len(cell.naive) for cell in cells) > 15


def test_few_keeps_are_luck(bench):
    assert bench.cell("default", "sigma8", 300).lucky <= 0.30
    assert bench.cell("default", "sigma8", 300).lucky < bench.cell("naive", "sigma8", 300).lucky
    assert bench.cell("audit", "sigma8", 300).lucky <= 0.15
