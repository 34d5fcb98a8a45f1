import re

import pytest
from cli_night import baseline, certificate, night, opened, read_again, tried, with_contract
from msgspec.structs import replace

from overnight.model.contract import Holdout
from overnight.model.event import Effect
from overnight.model.experiment import Certified, Outcome
from overnight.report.certified import carries_over, certification, effect_words
from overnight.report.headline import doubt, headline
from overnight.report.markdown import render
from overnight.report.merge import certified_changes, uncertified_changes

HELD_OUT = Holdout(certify="python judge.py --held")
SURE = {"runs": 5, "low": 0.41, "high": 0.59, "alpha": 0.0304, "night": 1}


def scattering(*later):
    """A noisy night on a contract with a holdout: baseline about 2, #1 about 1.5 in three readings."""
    groups = with_contract(opened(), holdout=HELD_OUT)
    groups += [*baseline(2.0, 2.1, 1.9), *tried(1, Outcome.keep, 1.4, gain=0.6), *read_again(1, 1, 1.5, 1.6)]
    return night(*groups, *later)


def section(text: str, name: str) -> str:
    return text.split(f"## {name}\n")[1].split("\n## ", maxsplit=1)[0]


def test_a_win_is_told_with_the_certificate_s_gain_and_interval_not_the_search_s():
    said = headline(scattering(*certificate(1, 2.02, 1.52, **SURE)))
    assert said == (
        "A win: val_bpb is better by 0.500 bits/byte (24.8 %; 0.410 to 0.590 with 97 % confidence), 2.020 -> 1.520 "
        "(lower is better), scored by a judge outside the candidate, certified on the holdout."
    )


def test_what_the_search_believed_stands_beside_it_and_is_called_too_good():
    said = certification(scattering(*certificate(1, 2.02, 1.52, **SURE)))
    assert "the best (#1) were read in 5 fresh pairs" in said
    assert re.search(r"The search believed 0\.\d+ bits/byte \(2\d\.\d %\): they agree\.", said)
    assert said.endswith("The search's number is too good on average, because it chose what read well.")


def test_without_noise_nobody_is_called_too_good():
    groups = [*opened(), *baseline(2.0, 2.0), *tried(1, Outcome.keep, 1.5, gain=0.5), *certificate(1, 2.0, 1.5)]
    said = certification(night(*groups))
    assert "The search believed 0.5 bits/byte (25 %): they agree." in said
    assert "too good" not in said


@pytest.mark.parametrize(
    ("gain", "low", "high", "why"),
    [
        (0.1, -0.05, 0.25, "The interval reaches down to -0.05, so there may be no gain at all."),
        (0.1, 0.004, 0.196, "The interval reaches down to 0.0040: min_effect asks for 0.01."),
        (0.1, None, None, "One pair of readings of a noisy metric gives no interval, so this may be chance."),
        (0.005, None, None, "The gain of 0.005 counts as a tie: min_effect asks for 0.01."),
        (-0.1, -0.2, 0.0, "No gain is left."),
    ],
)
def test_a_certificate_that_did_not_hold_says_why(gain, low, high, why):
    found = certificate(1, 2.0, 2.0 - gain, Certified.no, runs=5, low=low, high=high, alpha=0.05 if low else None)
    state = scattering(*found)
    assert f"It did not hold. {why}" in certification(state)
    assert headline(state).startswith("A gain that is not a win yet")
    assert "**#1**" in section(render(state), "Wins that did not certify")


def test_the_count_of_certificates_on_one_holdout_is_told_from_the_second_on():
    first = certification(scattering(*certificate(1, 2.0, 1.5, **SURE)))
    assert "certificate number" not in first
    third = certification(scattering(*certificate(1, 2.0, 1.5, **SURE | {"night": 3, "alpha": 0.0034})))
    assert "certificate number 3 on this holdout" in third
    assert "99.7 % confidence" in third


def test_a_win_that_a_later_certificate_of_the_same_candidate_takes_back_is_no_win():
    later = certificate(1, 2.0, 1.95, Certified.no, runs=5, low=-0.1, high=0.2, alpha=0.0076, night=2)
    state = scattering(*certificate(1, 2.0, 1.5, **SURE), *later)
    assert headline(state).startswith("A gain that is not a win yet")
    assert certified_changes(state) == ()


def test_an_uncertified_gain_of_a_noisy_night_is_what_all_readings_say_with_a_doubt():
    state = scattering()
    said = headline(state)
    assert re.match(
        r"A gain that is not a win yet: val_bpb is better by 0\.\d\d bits/byte, give or take 0\.\d\d \(", said
    )
    assert "as all readings together say" in said
    assert "too good on average; `overnight certify` measures it afresh" in doubt(state)


def test_the_doubt_of_the_search_is_not_repeated_beside_a_certificate_with_an_interval():
    assert doubt(scattering(*certificate(1, 2.0, 1.5, **SURE))) == ""


CARRIED = {
    "yes, 0.31 bits/byte (0.20 to 0.42).": {"low": 0.2, "high": 0.42},
    "not shown, 0.31 bits/byte (-0.10 to 0.72). The interval reaches down to -0.10, so there may be no gain at all.": {
        "low": -0.1, "high": 0.72, "level": Certified.no,
    },
    "no, it is worse there, -0.50 bits/byte (-0.70 to -0.30).": {
        "gain": -0.5, "low": -0.7, "high": -0.3, "level": Certified.no,
    },
    "cannot be told, a reading failed: timeout.": {
        "gain": None, "best": None, "level": Certified.no, "note": "a reading failed: timeout",
    },
}  # fmt: skip


@pytest.mark.parametrize(("said", "fields"), CARRIED.items())
def test_whether_a_gain_carries_over_to_another_setting(said, fields):
    (event,) = certificate(1, 3.0, 2.69, runs=5, alpha=0.05, setting=(("DEPTH", "24"),))[-1]
    state = scattering((replace(event, **{"gain": 0.31, **fields}),))
    assert carries_over(state) == [f"Carries over to DEPTH=24: {said}"]
    assert state.win is None


EFFECTS = (
    Effect(number=1, loss=0.3, low=0.2, high=0.4),
    Effect(number=2, loss=0.01, low=-0.08, high=0.1),
    Effect(number=3, entangled=True),
)


def ablated():
    """#2 on #1, #3 on #2; #2 is a step that was never kept, and is left out."""
    groups = [*tried(2, Outcome.inconclusive, 1.48, parent=1, gain=0.02, summary="a step")]
    groups += tried(3, Outcome.keep, 1.2, parent=2, gain=0.3)
    whole = SURE | {"kept": (1, 3), "dropped": (2,), "effects": EFFECTS, "tree": "e" * 40, "commit": "c" * 40}
    return scattering(*groups, *certificate(3, 2.0, 1.5, **whole))


def test_changes_are_ranked_by_what_is_lost_without_them():
    merge = section(render(ablated()), "What to merge")
    assert "The certified gain needs 2 of the 3 changes that the best is built of." in merge
    assert "1. **#1** without it 0.30 bits/byte (0.20 to 0.40) is lost;" in merge
    assert "2. **#3** cannot be taken out alone, because later changes stand on it;" in merge


def test_what_the_ablation_left_out_is_named_and_not_offered():
    state = ablated()
    assert [one.number for one in certified_changes(state)] == [1, 3]
    assert uncertified_changes(state) == ()
    merge = section(render(state), "What to merge")
    assert "- **#2** a step: without it nothing measurable is lost: 0.010 bits/byte (-0.080 to 0.100)" in merge
    assert f"git diff bbbbbbbbbbbb {'c' * 12}" in merge
    assert "(#3 without #2)" in headline(state)


def test_a_step_on_the_way_is_part_of_what_is_merged_although_it_was_not_kept_for_itself():
    groups = tried(2, Outcome.discard, 1.7, parent=1, gain=-0.2)
    groups += [*tried(3, Outcome.keep, 1.2, parent=2, gain=0.3), *certificate(3, 2.0, 1.3, **SURE)]
    state = scattering(*groups)
    assert [one.number for one in certified_changes(state)] == [1, 2, 3]
    assert "a step on the way: not kept for itself" in section(render(state), "What to merge")


def test_a_loss_without_noise_has_no_interval():
    assert effect_words(Effect(number=1, loss=3.0, low=3.0, high=3.0), "points") == "without it 3 points are lost"
    assert effect_words(Effect(number=1, loss=0.0, low=0.0, high=0.0), "s") == "without it nothing is lost"
    assert effect_words(Effect(number=1, loss=-0.5, low=-0.6, high=-0.4), "s") == (
        "without it 0.50 s are gained (0.40 to 0.60)"
    )
