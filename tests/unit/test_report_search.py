import pytest
from cli_night import baseline, best_is, certificate, night, opened, read_again, tried, with_contract
from msgspec.structs import replace

from overnight.model.contract import Tradeoff
from overnight.model.experiment import Asking, Failure, Outcome
from overnight.report.estimate import Estimate, believed_gain, compared, estimate
from overnight.report.headline import demotions
from overnight.report.markdown import render
from overnight.report.rows import row
from overnight.report.search import best_of, yardstick
from overnight.report.summary import numbers
from overnight.report.text import rounded, span

NOISY = [*opened(), *baseline(2.0, 2.1, 1.9)]


def section(text: str, name: str) -> str:
    return text.split(f"## {name}\n")[1].split("\n## ", maxsplit=1)[0]


def test_an_estimate_moves_with_every_reading_and_is_in_the_metric_s_unit():
    once = night(*NOISY, *tried(1, Outcome.inconclusive, 1.4, gain=0.6))
    often = night(*NOISY, *tried(1, Outcome.inconclusive, 1.4, gain=0.6), *read_again(1, 1, 1.6, 1.7))
    first, later = (estimate(state, state.experiments[1]) for state in (once, often))
    assert first.value < later.value < 2.0
    assert later.sd < first.sd
    assert row(often, often.experiments[1])["estimate"] == later.value
    assert row(often, often.experiments[1])["estimate_sd"] == later.sd


def test_an_estimate_of_a_time_is_in_its_unit_too():
    state = night(*opened(unit="ms"), *baseline(100.0, 110.0, 90.0))
    found = estimate(state, state.experiments[0])
    assert 90 < found.low < found.value < found.high < 110
    assert found.high - found.value > found.value - found.low


def test_without_noise_and_with_trade_offs_there_is_no_believed_gain():
    kept = tried(1, Outcome.keep, 1.5, gain=0.5)
    calm = night(*opened(), *baseline(2.0, 2.0), *kept)
    assert believed_gain(calm, calm.experiments[1], calm.experiments[0]) is None
    priced = with_contract(NOISY, tradeoffs=(Tradeoff(metric="wall_seconds", rate=0.1),))
    state = night(*priced, *kept)
    assert believed_gain(state, state.experiments[1], state.experiments[0]) is None
    state = night(*NOISY, *kept)
    assert believed_gain(state, state.experiments[1], state.experiments[0]).value > 0


@pytest.mark.parametrize(
    ("value", "doubt", "written"),
    [
        (7.6211, 2.85, "7.6"),
        (28.7473, 2.85, "28.7"),
        (0.01234, 0.00031, "0.01234"),
        (1234.5, 120.0, "1230"),
        (-0.004, 1.0, "0.0"),
        (1.5, 0.0, "1.5"),
        (1.5, float("inf"), "1.5"),
        (1e300, 2.0, "1.000e300"),
    ],
)
def test_a_number_has_no_digit_that_its_doubt_makes_meaningless(value, doubt, written):
    assert rounded(value, doubt).replace("e+", "e") == written


def test_both_ends_of_an_interval_are_rounded_alike():
    assert span(2.0, 4.2) == "2.0 to 4.2"
    assert span(-0.10049, 0.3) == "-0.10 to 0.30"


def test_near_misses_of_a_noisy_night_are_what_may_still_be_better_the_likeliest_first():
    groups = [*NOISY, *tried(1, Outcome.keep, 1.5, gain=0.5), *read_again(1, 1, 1.5)]
    groups += tried(2, Outcome.inconclusive, 1.45, parent=1, gain=0.02, summary="close")
    groups += tried(3, Outcome.inconclusive, 1.3, parent=1, gain=0.1, summary="closer")
    groups += tried(4, Outcome.discard, 3.0, parent=1, gain=-1.5, summary="far off")
    text = section(render(night(*groups)), "Near misses")
    assert "may be better than the best all the same" in text
    assert text.index("**#3** better than \\#1 by") < text.index("**#2**")
    assert "give or take" in text
    assert "**#4**" not in text
    assert "**#1**" not in text


def test_a_difference_that_rounds_to_nothing_is_level():
    found = Estimate(value=-0.004, sd=0.5, low=-0.984, high=0.976)
    assert compared(found, "#3", "points") == "level with #3, give or take 0.98 points"
    assert compared(replace(found, value=-0.4, low=-1.38, high=0.58), "#3", "points") == (
        "worse than #3 by 0.40 points, give or take 0.98"
    )


def test_what_the_best_is_built_on_is_no_near_miss():
    groups = [*NOISY, *tried(1, Outcome.inconclusive, 1.9, gain=0.1)]
    groups += [*tried(2, Outcome.keep, 1.5, parent=1, gain=0.5), *read_again(2, 1, 1.5)]
    assert "**#1**" not in section(render(night(*groups)), "Near misses")


LUCKY = "#2 was lucky: re-reading has put #1 back, which is better by 0.1 bits/byte"


def demoted():
    groups = [*NOISY, *tried(1, Outcome.keep, 1.5, gain=0.5), *tried(2, Outcome.keep, 1.3, parent=1, gain=0.2)]
    return night(*groups, *read_again(2, 1, 1.8, 1.9), *best_is(1, LUCKY))


def test_a_demotion_is_a_line_of_its_own():
    assert demotions(demoted()) == [f"{LUCKY}."]
    assert "\n- \\#2 was lucky: re-reading has put \\#1 back" in render(demoted())
    assert numbers(demoted()).demotions == 1


def test_kinds_of_asks_are_told_with_what_they_brought():
    groups = [*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.8, gain=0.2)]
    groups += tried(2, Outcome.discard, 1.9, parent=1, gain=-0.1)
    groups += tried(3, Outcome.keep, 1.6, parent=2, gain=0.2, kind=Asking.step_back)
    groups += tried(4, Outcome.discard, 1.9, parent=0, gain=-0.1, kind=Asking.step_back)
    text = section(render(night(*groups)), "Where it got stuck")
    assert "2 changes of the best (1), 2 steps back to another candidate (1)" in text
    assert "Stepping back paid 1 of 2 times: #3 on #2." in text


def test_one_kind_of_ask_is_not_worth_a_line():
    groups = [*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.8, gain=0.2)]
    assert "Asked for" not in render(night(*groups))


def test_the_best_of_many_is_the_expected_maximum_and_never_below_zero():
    assert best_of([1.0, 3.0], 1) == pytest.approx(2.0)
    assert best_of([1.0, 3.0], 2) == pytest.approx(2.5)
    assert best_of([1.0, 3.0], 1000) == pytest.approx(3.0)
    assert best_of([-5.0, 2.0], 1) == pytest.approx(1.0)


def test_the_yardstick_cannot_be_told_from_few_changes_of_the_unchanged_code():
    groups = [*opened(), *baseline(2.0, 2.0), *tried(1, Outcome.keep, 1.8, gain=0.2)]
    said = yardstick(night(*groups, *tried(2, Outcome.keep, 1.7, parent=1, gain=0.1)))
    assert said.startswith("Best of 2 independent changes of the unchanged code")
    assert said.endswith("cannot be told, because only 1 of the proposals was made on it.")


def test_the_yardstick_stands_beside_what_the_search_brought():
    groups = [*opened(), *baseline(2.0, 2.0)]
    groups += tried(1, Outcome.keep, 1.0, gain=1.0)
    for number in range(2, 11):
        groups += tried(number, Outcome.crash, failure=Failure(code="exit", detail="exit code 1"))
    groups += certificate(1, 2.0, 1.1)
    said = yardstick(night(*groups))
    # Nine of ten gain nothing, one gains 1: of ten drawn with replacement 1 - 0.9 ** 10 hold it.
    assert said.endswith("a gain of about 0.651 bits/byte; the search's certified gain is 0.9 bits/byte.")


def test_the_yardstick_does_not_take_luck_for_a_gain():
    groups = list(NOISY)
    for number in range(1, 13):
        groups += tried(number, Outcome.inconclusive, 1.9 if number % 2 else 2.1, gain=0.0)
    found = float(yardstick(night(*groups)).split("about ")[1].split(" ")[0])
    assert found < 0.1


def test_a_long_search_with_few_first_changes_tells_only_what_they_tell():
    groups = [*opened(), *baseline(2.0, 2.0)]
    for number in range(1, 12):
        groups += tried(number, Outcome.discard, 2.0 + number, gain=-1.0)
    for number in range(12, 30):
        groups += tried(number, Outcome.discard, 2.0 + number, parent=1, gain=-1.0)
    said = yardstick(night(*groups))
    assert "cannot be told from the 11 that were made; the best of 11 gains about 0 bits/byte." in said
