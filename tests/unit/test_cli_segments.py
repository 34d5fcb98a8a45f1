import json
import re

import pytest
from cli_house import House, call, rows_of, write
from cli_night import baseline, opened, reading, tried, whole_night

from overnight.model.event import Measured
from overnight.model.experiment import Failure, Outcome


def two_segments(house: House) -> None:
    write(house, [*whole_night(), *opened(), *baseline(3.0)])


@pytest.mark.parametrize(
    ("words", "present", "old"),
    [
        (["log"], "#0", "#5"),
        (["status"], "no experiment has been judged yet", "A win"),
        (["report"], "Segment 2 of 2", "A win"),
        (["log", "--tsv"], "3.000000", "1.400000"),
    ],
)
def test_an_old_segment_can_be_read_and_the_last_is_meant_without_a_number(house, words, present, old):
    two_segments(house)
    last, first = call(house, *words), call(house, *words, "--segment", "1")
    assert present in last.stdout
    assert old not in last.stdout
    assert old in first.stdout


def test_one_experiment_of_an_old_segment_can_be_shown_and_compared(house):
    two_segments(house)
    assert "mix two orders" in call(house, "show", "5", "--segment", "1").stdout
    assert "+order = 5" in call(house, "diff", "5", "--segment", "1").stdout
    missing = call(house, "show", "5")
    assert missing.exit_code == 2
    assert "segment 2 of study lm has 0 (the unchanged code) to 0" in missing.stderr


def test_rows_and_status_name_their_segment(house):
    two_segments(house)
    assert {row["segment"] for row in rows_of(house, "--segment", "1")} == {1}
    assert {row["segment"] for row in rows_of(house)} == {2}
    old = json.loads(call(house, "status", "--json", "--segment", "1").stdout)
    assert (old["segment"], old["segments"], old["experiments"]) == (1, 2, 5)


@pytest.mark.parametrize("verb", [["log"], ["status"], ["report"], ["show", "0"], ["diff", "0"]])
@pytest.mark.parametrize("number", ["0", "-1", "3"])
def test_a_segment_that_does_not_exist_names_the_range(house, verb, number):
    two_segments(house)
    result = call(house, *verb, f"--segment={number}")
    assert result.exit_code == 2
    assert f"there is no segment {number}: study lm has the segments 1 to 2" in result.stderr


def test_the_report_of_an_old_segment_does_not_replace_the_present_one(house):
    two_segments(house)
    present = call(house, "report").stdout
    old = call(house, "report", "--segment", "1").stdout
    folder = house.root / ".git/overnight/lm"
    assert (folder / "report.md").read_text() == present
    assert (folder / "report-1.md").read_text() == old


def test_only_the_present_segment_is_running(house, holder):
    two_segments(house)
    assert json.loads(call(house, "status", "--json").stdout)["running"] is True
    assert json.loads(call(house, "status", "--json", "--segment", "1").stdout)["running"] is False


def test_show_does_not_name_who_measured_where_nothing_was(house):
    write(house, whole_night())
    for number in ("3", "4"):
        assert re.search(r"^trust +-, box", call(house, "show", number).stdout, re.MULTILINE)
    assert re.search(r"^trust +scored, box", call(house, "show", "5").stdout, re.MULTILINE)


def test_show_tells_the_value_that_a_guard_took_away(house):
    broken = Failure(code="guard", detail="too many lines")
    groups = [*opened(), *baseline(2.0), *tried(1, Outcome.discard, failure=broken)]
    read = Measured(number=1, run=0, measurement=reading(1.2))
    groups = [tuple(read if isinstance(e, Measured) and e.number == 1 else e for e in group) for group in groups]
    write(house, groups)
    assert "- (1.2 bits/byte was read and does not count)" in call(house, "show", "1").stdout
    (row,) = rows_of(house, "--outcome", "discard")
    assert (row["value"], row["values"]["val_bpb"]) == (None, 1.2)
