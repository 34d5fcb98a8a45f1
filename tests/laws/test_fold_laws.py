import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from nights import nights, opening, reading

from overnight.errors import LedgerError
from overnight.model.contract import Direction
from overnight.model.event import Asked, Judged, Measured, Promoted, decode, encode
from overnight.model.experiment import Outcome
from overnight.rules.fold import LEADERS, Folding, fold


@given(nights(), st.data())
def test_the_state_does_not_depend_on_where_the_history_is_cut(groups, data):
    cut = data.draw(st.integers(0, len(groups)))
    folding = Folding()
    for group in groups[:cut]:
        folding.add(group)
    folding.state()
    for group in groups[cut:]:
        folding.add(group)
    assert folding.state() == fold(groups)


@given(nights())
def test_a_state_taken_earlier_is_never_changed_by_later_events(groups):
    folding = Folding()
    states = []
    for group in groups:
        folding.add(group)
        state = folding.state()
        states.append((state, encode(tuple(group)), repr(state)))
    assert all(repr(state) == text for state, _, text in states)


@given(nights())
def test_grouping_does_not_matter_only_order(groups):
    flat = [event for group in groups for event in group]
    assert fold([tuple(flat)]) == fold((event,) for event in flat) == fold(groups)


@given(nights())
def test_what_is_written_is_what_is_read(groups):
    assert [decode(encode(tuple(group))) for group in groups] == [tuple(group) for group in groups]


@given(nights())
def test_every_counted_experiment_has_exactly_one_outcome(groups):
    state = fold(groups)
    counts = state.counts
    parts = (
        counts.kept, counts.discarded, counts.crashed, counts.violations, counts.duplicates, counts.inconclusive
    )  # fmt: skip
    assert sum(parts) == counts.experiments
    judged = [item for item in state.experiments if item.outcome is not None and item.number > 0]
    assert len(judged) == counts.experiments
    assert {item.number for item in state.experiments if item.outcome is None} == set(state.pending)


@given(nights())
def test_numbers_are_positions(groups):
    state = fold(groups)
    assert [item.number for item in state.experiments] == list(range(len(state.experiments)))


@given(nights())
def test_the_best_is_the_last_promoted_and_the_leaders_are_sorted(groups):
    state = fold(groups)
    promoted = [item.number for item in state.experiments if item.outcome is Outcome.keep]
    assert state.best.number == (promoted[-1] if promoted else 0)
    values = [state.experiments[number].value for number in state.leaders]
    assert values == sorted(values, reverse=state.contract.objective.direction is Direction.maximize)
    assert len(values) <= LEADERS


@given(nights(), nights())
def test_a_new_segment_begins_afresh_and_remembers_only_that_others_were(first, second):
    joined, alone = fold([*first, *second]), fold(second)
    assert joined.segments == 2
    assert joined.experiments == alone.experiments
    assert joined.counts == alone.counts


def test_an_experiment_cannot_be_judged_twice():
    judged = Judged(number=0, outcome=Outcome.baseline, reason="", value=1.0)
    with pytest.raises(LedgerError, match="judged twice"):
        fold([(opening(), Asked(number=0, parent=0, agent=""), judged, judged)])


def test_a_measurement_cannot_be_counted_twice():
    measured = Measured(number=0, run=0, measurement=reading(1.0))
    with pytest.raises(LedgerError, match="reading 0"):
        fold([(opening(), Asked(number=0, parent=0, agent=""), measured, measured)])


def test_a_number_is_never_used_again():
    with pytest.raises(LedgerError, match="was asked for after"):
        fold([(opening(), Asked(number=0, parent=0, agent=""), Asked(number=0, parent=0, agent=""))])


def test_a_ledger_that_does_not_begin_with_an_opening_is_refused():
    with pytest.raises(LedgerError, match="begins with"):
        fold([(Asked(number=0, parent=0, agent=""),)])


@given(st.lists(nights(), min_size=1, max_size=4), st.data())
def test_a_segment_folds_as_if_its_own_were_the_only_events(segments, data):
    number = data.draw(st.integers(1, len(segments)))
    whole = fold([group for segment in segments for group in segment], segment=number)
    alone = fold(segments[number - 1])
    assert (whole.segment, whole.segments) == (number, len(segments))
    assert replace(whole, segment=1, segments=1, last_at=0.0) == replace(alone, last_at=0.0)


@given(st.lists(nights(), min_size=1, max_size=3))
def test_without_a_number_the_last_segment_is_meant(segments):
    groups = [group for segment in segments for group in segment]
    assert fold(groups) == fold(groups, segment=len(segments))


@given(nights(), st.data())
def test_a_reading_with_tampering_withdraws_a_candidate_wherever_it_comes(groups, data):
    state = fold(groups)
    judged = [one.number for one in state.experiments[1:] if one.outcome is not None]
    if not judged:
        return
    number = data.draw(st.sampled_from(judged))
    split = data.draw(st.sampled_from(["", "certify"]))
    sign = replace(reading(1.0), tampering=("it opened the trap",), split=split)
    readings = state.experiments[number].holdout if split else state.experiments[number].readings
    after = fold([*groups, (Measured(number=number, run=len(readings), measurement=sign),)])
    assert after.experiments[number].tampering == ("it opened the trap",)
    assert after.kept == tuple(one for one in state.kept if one != number)
    assert after.leaders == tuple(one for one in state.leaders if one != number)
    assert after.experiments[number].outcome == state.experiments[number].outcome
    assert after.counts.tampering == state.counts.tampering + 1
    with pytest.raises(LedgerError, match="seen to tamper"):
        fold(
            [
                *groups,
                (Measured(number=number, run=len(readings), measurement=sign), Promoted(number=number, commit="c")),
            ]
        )
