"""`fork`: going back to an experiment."""

import json

import pytest
from cli_house import call, write
from cli_night import Groups, baseline, opened, reading, tried, whole_night
from msgspec.structs import replace
from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.cli.plain import LineSink
from overnight.model.event import Asked, Measured, Noted, Promoted
from overnight.model.experiment import Outcome
from overnight.model.state import State
from overnight.rules.fold import fold


def state_of(house) -> State:
    return fold(events for _, events in house.journal.read())


def forked(house, *words: str, code: int = 0):
    done = call(house, "fork", *words)
    assert done.exit_code == code, done.stdout + done.stderr
    return done


def test_the_next_experiments_build_on_it(house):
    write(house, whole_night())
    said = forked(house, "2", "--asks", "3").stdout
    assert state_of(house).fork == (2, 3)
    assert "The next 3 experiments build on #2" in said
    assert "overnight run --more 3" in said


def test_eight_experiments_unless_said_otherwise_and_the_last_fork_counts(house):
    write(house, whole_night())
    forked(house, "2", "--asks", "3")
    found = json.loads(forked(house, "0", "--json").stdout)
    assert found == {"study": "lm", "number": 0, "asks": 8, "running": False}
    assert state_of(house).fork == (0, 8)


def test_it_is_put_on_record_while_the_night_runs(house, holder):
    write(house, whole_night()[:-1])
    assert "It is running and does so" in forked(house, "2").stdout
    assert state_of(house).fork == (2, 8)
    assert holder.poll() is None


@pytest.mark.parametrize(
    ("number", "why"), [("3", "gave no number"), ("4", "broke the contract"), ("6", "there is no experiment 6")]
)
def test_what_cannot_be_built_on_is_refused(house, number, why):
    write(house, whole_night())
    head = house.journal.head()
    said = forked(house, number, code=2).stderr
    assert why in said
    assert house.journal.head() == head


def test_what_never_ran_is_refused(house):
    write(house, [*opened(), *baseline(2.0), (Asked(number=1, parent=0, agent="tuner"),)])
    assert "still under way" in forked(house, "1", code=2).stderr


def test_a_duplicate_names_what_it_repeats(house):
    night = [*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5)]
    groups = tried(2, Outcome.duplicate)
    again: Groups = [group for group in groups if not isinstance(group[0], Measured)]
    verdict = again.pop()[0]
    write(house, [*night, *again, (replace(verdict, same_as=1),)])
    assert "it repeats experiment 1" in forked(house, "2", code=2).stderr


def test_what_was_seen_to_tamper_is_refused(house):
    write(house, whole_night())
    sly = Measured(number=2, run=1, measurement=replace(reading(1.6), tampering=("it wrote elsewhere",)))
    house.journal.append([sly], head=house.journal.head())
    assert "seen to tamper" in forked(house, "2", code=2).stderr


@pytest.mark.parametrize("asks", ["0", "-1", "x"])
def test_a_number_of_experiments_that_makes_no_sense_is_a_usage_error(house, asks):
    write(house, whole_night())
    assert CliRunner().invoke(app, ["fork", "2", "--asks", asks, "--repo", str(house.root)]).exit_code == 2


NIGHT = [*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5), *tried(2, Outcome.discard, 1.6)]
FORK: Groups = [(Noted(kind="fork", number=2, text="2"),)]


def test_each_experiment_on_it_uses_up_one_ask():
    assert fold([*NIGHT, *FORK]).fork == (2, 2)
    first = tried(3, Outcome.discard, 1.7, parent=2)
    assert fold([*NIGHT, *FORK, *first]).fork == (2, 1)
    assert fold([*NIGHT, *FORK, *first, *tried(4, Outcome.discard, 1.7, parent=2)]).fork is None


def test_a_new_best_that_is_built_on_it_ends_it_and_one_that_is_not_does_not():
    assert fold([*NIGHT, *FORK, *tried(3, Outcome.keep, 1.4, parent=2, gain=0.1)]).fork is None
    other = (Promoted(number=2, commit="2" * 40),)
    assert fold([*NIGHT, *FORK, other]).fork == (2, 2)


def test_a_new_segment_knows_nothing_of_it():
    assert fold([*NIGHT, *FORK, *opened(), *baseline(2.0)]).fork is None


def test_what_is_seen_to_tamper_later_is_built_on_no_more():
    sly = Measured(number=2, run=1, measurement=replace(reading(1.6), tampering=("it wrote elsewhere",)))
    assert fold([*NIGHT, *FORK, (sly,)]).fork is None


def test_the_night_says_what_it_was_asked_for():
    said: list[str] = []
    LineSink(said.append).emit(FORK[0][0], fold([*NIGHT, *FORK]))
    assert said == ["as you asked: the next 2 experiments build on #2"]
