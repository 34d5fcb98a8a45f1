import math

import pytest
from cli_night import baseline, certificate, night, opened, tried, whole_night

from overnight.model.contract import Direction
from overnight.model.event import Asked, Judged
from overnight.model.experiment import Certified, Outcome, Trust
from overnight.report.certified import certification
from overnight.report.headline import doubt, headline, standing
from overnight.report.rows import row
from overnight.report.summary import numbers, percentage
from overnight.rules.fold import fold
from overnight.rules.lineage import lineage


def test_an_empty_study_has_no_numbers_and_nothing_is_invented():
    found = numbers(night())
    assert (found.baseline, found.best, found.gain, found.gain_percent, found.trust) == (None,) * 5
    assert found.certified == "no"


def test_gain_is_positive_when_better_in_both_directions():
    down = night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5))
    up = night(*opened(Direction.maximize), *baseline(2.0), *tried(1, Outcome.keep, 2.5, gain=0.5))
    assert numbers(down).gain == pytest.approx(0.5)
    assert numbers(up).gain == pytest.approx(0.5)
    assert numbers(up).gain_percent == pytest.approx(25.0)


def test_the_baseline_alone_is_the_best_with_a_gain_of_zero():
    found = numbers(night(*opened(), *baseline(2.0)))
    assert (found.best, found.gain, found.best_number, found.experiments) == (2.0, 0.0, 0, 0)


def test_percent_of_a_baseline_of_zero_is_unknown():
    assert percentage(1.0, 0.0) is None
    assert percentage(1.0, 1e-300) is None
    assert percentage(1.0, -4.0) == 25.0


def test_noise_is_unknown_from_one_reading_and_zero_only_from_identical_ones():
    assert numbers(night(*opened(), *baseline(2.0))).noise is None
    assert numbers(night(*opened(), *baseline(2.0, 2.0))).noise == 0.0
    found = numbers(night(*opened(), *baseline(2.0, 2.2)))
    assert found.noise == pytest.approx(0.2 / math.sqrt(2))
    assert found.smallest_gain > found.noise


def test_the_smallest_gain_is_never_below_what_the_contract_calls_a_tie():
    assert numbers(night(*opened(min_effect=0.3), *baseline(2.0, 2.0))).smallest_gain == 0.3


def test_trust_is_the_weaker_of_baseline_and_best():
    state = night(*opened(), *baseline(2.0, trust=Trust.self_reported), *tried(1, Outcome.keep, 1.5, gain=0.5))
    assert numbers(state).trust == "self-reported"


def test_a_certificate_of_an_earlier_best_does_not_certify_the_present_one():
    groups = [*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5), *certificate(1, 2.0, 1.5)]
    assert numbers(night(*groups)).certified == "holdout"
    moved = night(*groups, *tried(2, Outcome.keep, 1.4, parent=1, gain=0.1))
    assert numbers(moved).certified == "no"
    assert "moved on to #2" in certification(moved)


def test_lineage_follows_parents_down_to_the_baseline():
    assert lineage(night(*whole_night()), 5) == (1, 5)


def test_a_row_names_its_parent_by_number_and_by_commit():
    state = night(*whole_night())
    first, fifth = row(state, state.experiments[0]), row(state, state.experiments[5])
    assert first["outcome"] == "baseline"
    assert first["parent"] is None
    assert fifth["parent"] == 1
    assert fifth["parent_commit"] == state.experiments[1].commit
    assert fifth["values"] == {"val_bpb": 1.4, "wall_seconds": 1.5}


def test_the_headline_names_trust_and_certification():
    said = headline(night(*whole_night()))
    assert said.startswith("A win: val_bpb is better by 0.6 bits/byte (28.6 %), 2.1 -> 1.5 (lower is better)")
    assert "scored by a judge outside the candidate" in said
    assert "certified on the holdout" in said


def test_an_uncertified_gain_is_not_called_a_win():
    said = headline(night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5)))
    assert said.startswith("A gain that is not a win yet")
    assert said.endswith("not certified.")


def test_a_self_reported_number_is_called_so_even_when_certified():
    own = Trust.self_reported
    state = night(
        *opened(),
        *baseline(2.0, 2.0, trust=own),
        *tried(1, Outcome.keep, 1.5, gain=0.5, trust=own),
        *certificate(1, 2.0, 1.5, Certified.yes),
    )
    assert "self-reported" in headline(state)
    assert "certified on fresh seeds" in headline(state)
    assert "a certificate speaks about noise only" in doubt(state)


def test_no_gain_is_said_plainly():
    state = night(*opened(), *baseline(2.0), *tried(1, Outcome.discard, 2.1, gain=-0.1))
    assert headline(state).startswith("No gain: 1 experiment, none better than 2 bits/byte")
    assert doubt(state) == ""


def test_one_reading_of_the_baseline_is_admitted():
    assert "read only once" in doubt(night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5)))


def test_a_gain_within_the_noise_is_called_chance():
    state = night(*opened(), *baseline(2.0, 2.4), *tried(1, Outcome.keep, 2.1, gain=0.1))
    assert doubt(state).startswith("This may be chance")


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [(2.0, 1.5, "they agree"), (2.0, 1.9, "less than half"), (2.0, 2.1, "do not agree"), (2.0, 2.0, "do not agree")],
)
def test_the_holdout_is_compared_with_the_search(old, new, verdict):
    state = night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5), *certificate(1, old, new))
    assert "measured once each" in certification(state)
    assert verdict in certification(state)


def test_a_certification_that_failed_certifies_nothing():
    state = night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5), *certificate(1, 2.0, None, Certified.no))
    assert "gave no number, so nothing is certified" in certification(state)


def test_standing_tells_running_ended_and_broken_off_apart():
    ended = night(*whole_night())
    broken_off = night(*opened(), *baseline(2.0))
    assert standing(ended, running=False).startswith("Ended after 5 experiments")
    assert standing(broken_off, running=True).startswith("Still running")
    assert "overnight run goes on" in standing(broken_off, running=False)


def certified_then_better(*later):
    return night(
        *opened(),
        *baseline(2.0),
        *tried(1, Outcome.keep, 1.5, gain=0.5),
        *certificate(1, 2.1, 1.6),
        *tried(2, Outcome.keep, 1.4, parent=1, gain=0.1),
        *later,
    )


@pytest.mark.parametrize("later", [[], certificate(2, 2.1, None, Certified.no), certificate(2, 2.1, 2.2, Certified.no)])
def test_a_certified_win_stays_the_headline_when_a_later_best_is_not_certified(later):
    state = certified_then_better(*later)
    said = headline(state)
    assert said.startswith("A win: val_bpb is better by 0.5 bits/byte (23.8 %), 2.1 -> 1.6 ")
    assert "certified on the holdout (#1)." in said
    assert said.endswith("The best since then, #2 (1.4 bits/byte), is not certified.")
    found = numbers(state)
    assert (found.certified, found.certified_number, found.best_number) == ("no", 1, 2)
    assert found.certified_gain == pytest.approx(0.5)


def test_without_a_certificate_of_a_gain_there_is_no_certified_number():
    state = night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5), *certificate(1, 2.0, 2.1, Certified.no))
    found = numbers(state)
    assert (found.certified_number, found.certified_gain) == (None, None)


def unchanged(number, same_as=0):
    return [
        (Asked(number=number, parent=0, agent="x"),),
        (Judged(number=number, outcome=Outcome.duplicate, reason="", same_as=same_as),),
    ]


def test_a_night_of_nothing_new_says_so():
    one, three = unchanged(1), [*unchanged(1), *unchanged(2), *unchanged(3)]
    assert headline(night(*opened(), *baseline(2.0), *three)).endswith(" 3 of 3 proposals changed nothing.")
    assert headline(night(*opened(), *baseline(2.0), *one)).endswith(" The only proposal changed nothing.")


def test_nothing_new_at_the_end_of_a_night_is_said_after_the_gain():
    kept = tried(1, Outcome.keep, 1.5, gain=0.5)
    tail = [*unchanged(2, same_as=1), *unchanged(3), *unchanged(4)]
    said = headline(night(*opened(), *baseline(2.0), *kept, *tail))
    assert said.startswith("A gain")
    assert said.endswith(" The last 3 proposals changed nothing or repeated an earlier candidate.")
    assert "proposals" not in headline(night(*opened(), *baseline(2.0), *kept, *tail[:4]))


def test_an_old_segment_ended_when_the_next_began():
    state = fold([*opened(), *baseline(2.0), *whole_night()], segment=1)
    assert standing(state, running=False).endswith("before segment 2 began.")
