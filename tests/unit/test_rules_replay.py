"""Whether a number has come back, case by case."""

import pytest
from cli_night import baseline, night, opened, reading, tried

from overnight.model.experiment import Failure, Outcome
from overnight.model.state import State
from overnight.rules.replay import Return, compare, source_of


def studied(*values: float) -> State:
    """The unchanged code was read so often; #1 gave no number."""
    crash = Failure(code="exit", detail="exit code 1")
    return night(*opened(), *baseline(*values), *tried(1, Outcome.crash, failure=crash))


@pytest.mark.parametrize(
    ("fresh", "returned"),
    [(2.0, Return.exactly), (2.1, Return.within_noise), (1.9, Return.within_noise), (2.4, Return.no), (1.0, Return.no)],
)
def test_two_readings_of_the_same_code_may_lie_as_far_apart_as_the_noise_allows(fresh, returned):
    state = studied(2.0, 2.1, 2.0)
    found = compare(state, 0, 0, reading(fresh))
    assert found.came_back is returned
    assert found.allowed == pytest.approx(1.96 * 0.1)
    assert found.difference == pytest.approx(fresh - 2.0)


def test_without_noise_only_the_very_number_has_come_back():
    assert compare(studied(2.0, 2.0), 0, 1, reading(2.0)).came_back is Return.exactly
    assert compare(studied(2.0, 2.0), 0, 1, reading(2.0000001)).came_back is Return.no


def test_with_one_reading_the_noise_is_unknown_and_so_is_the_answer():
    assert compare(studied(2.0), 0, 0, reading(2.1)).came_back is Return.unknown
    assert compare(studied(2.0), 0, 0, reading(2.0)).came_back is Return.exactly


def test_a_failure_comes_back_as_the_same_failure():
    state = studied(2.0)
    same = Failure(code="exit", detail="exit code 7")
    assert compare(state, 1, 0, reading(None, failure=same)).came_back is Return.exactly
    other = Failure(code="timeout", detail="too long")
    found = compare(state, 1, 0, reading(None, failure=other))
    assert (found.came_back, found.failure) == (Return.no, "timeout: too long")
    assert compare(state, 1, 0, reading(2.0)).came_back is Return.no
    assert compare(state, 0, 0, reading(None, failure=same)).came_back is Return.no


def test_an_experiment_is_its_own_source():
    assert source_of(studied(2.0), 1).number == 1
