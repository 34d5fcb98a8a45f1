import io

import pytest
from cli_night import (
    HOSTILE,
    baseline,
    best_is,
    certificate,
    night,
    opened,
    read_again,
    reading,
    tried,
    whole_night,
)
from rich.console import Console

from overnight.cli.live import Progress, best_values, screen, sparkline
from overnight.cli.plain import LineSink, line_of
from overnight.model.event import Asked, Closed, Gated, Judged, Measured, Noted, Paused, Promoted
from overnight.model.experiment import Asking, Outcome


def shown(state, progress=None, now=1e9 + 75, columns=80, planned=None) -> str:
    out = io.StringIO()
    console = Console(file=out, width=columns, force_terminal=False, no_color=True, highlight=False)
    console.print(screen(state, progress, now, planned=planned, columns=columns))
    return out.getvalue()


def test_the_screen_fits_80_columns_with_glyph_and_word():
    text = shown(night(*whole_night()), planned=40)
    assert all(len(line.rstrip()) <= 80 for line in text.split("\n"))
    assert "experiments 5/40" in text
    assert "2.01 -> 1.4 bits/byte" in text
    assert "certified: holdout" in text
    for cell in ("✓ keep", "✗ crash", "! violation", "· discard", "○ baseline"):
        assert cell in text


def test_noise_and_what_is_wrong_with_it_stand_on_the_screen():
    text = shown(night(*opened(min_effect=0.001), *baseline(2.0, 2.1, 1.9)))
    assert "noise 0.112, sees a gain of 0.31" in text
    assert "The noise is larger than the effects that count" in text
    assert all(len(line.rstrip()) <= 80 for line in text.split("\n"))
    assert "noise unknown" in shown(night(*opened(), *baseline(2.0)))


def test_the_phase_has_a_timer_against_its_limit():
    text = shown(night(*opened()), Progress(phase="judging", number=7, since=1e9 + 70, limit=300.0))
    assert "#7  judging  5 s of 5 min" in text


def test_a_study_that_has_not_begun_has_a_screen():
    assert "not measured yet" in shown(night())


def test_only_the_last_ten_experiments_are_shown():
    groups = [*opened(), *baseline(2.0)]
    for number in range(1, 31):
        groups += tried(number, Outcome.discard, 2.5, gain=-0.5)
    text = shown(night(*groups))
    assert "#30" in text
    assert "#21 " in text
    assert "#20 " not in text


def test_hostile_words_never_reach_the_screen_as_codes_or_markup():
    state = night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5, summary=HOSTILE))
    text = shown(state, columns=200)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]x[/bold]" in text


def test_the_best_only_steps_where_a_candidate_was_promoted():
    assert best_values(night(*whole_night())) == [2.01, 1.6, 1.6, 1.6, 1.6, 1.4]


@pytest.mark.parametrize(
    ("values", "columns", "bars"), [([2.0, 1.0], 10, "█▁"), ([1.0, 1.0], 10, "▁▁"), ([1.0], 10, ""), ([], 10, "")]
)
def test_a_sparkline_shows_the_range(values, columns, bars):
    assert sparkline(values, columns) == bars


def test_a_long_history_fits_into_the_sparkline():
    assert len(sparkline([float(n) for n in range(10_000)], 60)) == 60


def test_plain_mode_writes_one_line_an_event():
    lines: list[str] = []
    sink = LineSink(lines.append)
    groups: list = []
    for group in whole_night():
        groups.append(group)
        for event in group:
            sink.emit(event, night(*groups))
    assert not any("\n" in line for line in lines)
    assert lines[0] == "study lm begins on commit bbbbbbbbbbbb, box contained"
    assert "#1 ✓ keep 1.6 bits/byte (+0.41): because 1 | order 4" in lines
    assert "#3 ✗ crash: exit code 1 | try 3" in lines
    assert lines[-1] == "ended: 5 experiments are done"


def test_hostile_words_are_escaped_in_plain_mode():
    state = night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5, summary=HOSTILE))
    events = [
        Noted(kind="agent", text=HOSTILE),
        Closed(reason=HOSTILE),
        Judged(number=1, outcome=Outcome.crash, reason=HOSTILE),
    ]
    for event in events:
        assert line_of(event, state).isprintable()


def test_a_request_to_stop_is_a_line_and_a_start_is_not():
    state = night(*opened())
    assert line_of(Paused(), state) == "asked to stop after the present experiment"
    assert line_of(Noted(kind="started", text=""), state) == ""


NOISY = [*opened(), *baseline(2.0, 2.1, 1.9)]


def test_what_later_readings_decide_is_a_line_in_plain_mode():
    groups = [*NOISY, *tried(1, Outcome.inconclusive, 1.5, gain=0.5), *tried(2, Outcome.keep, 1.4, gain=0.1)]
    state = night(*groups)
    assert line_of(Promoted(number=1, commit="c", reason="better than #2 by 0.1"), state) == (
        "#1 is the best now: better than #2 by 0.1"
    )
    assert line_of(Promoted(number=0, commit="c", reason="#1 was lucky"), state) == (
        "the unchanged code is the best again: #1 was lucky"
    )
    assert line_of(Promoted(number=2, commit="c"), state) == ""


def test_the_gate_and_fresh_readings_have_plain_lines():
    state = night(*NOISY, *tried(1, Outcome.keep, 1.5, gain=0.5))
    assert line_of(Gated(number=1, against=0, passed=True), state).startswith("#1 passed the gate: better than the")
    assert line_of(Gated(number=1, against=0, passed=False), state).startswith("#1 did not pass the gate")
    for trial, line in (
        ("1/without-3+7", "#1 without #3, #7, afresh, read val_bpb 1.5 bits/byte in 2 s"),
        ("1/with-3", "#1, afresh, read val_bpb 1.5 bits/byte in 2 s"),
    ):
        assert line_of(Measured(number=1, run=0, measurement=reading(1.5), trial=trial), state) == line
    asked = Asked(number=2, parent=1, agent="tuner", kind=Asking.step_back)
    assert line_of(asked, state) == "#2 tuner changes #1 (step back)"


def test_the_screen_says_what_is_believed_or_certified_and_what_gave_way():
    groups = [*NOISY, *tried(1, Outcome.keep, 1.5, gain=0.5), *read_again(1, 1, 1.5)]
    assert "believed gain 0." in shown(night(*groups))
    groups += [*tried(2, Outcome.keep, 1.4, parent=1, gain=0.1), *best_is(1, "#2 was lucky")]
    sure = certificate(1, 2.0, 1.5, runs=5, low=0.41, high=0.59, alpha=0.05)
    text = shown(night(*groups, *sure))
    assert "certified gain 0.500 (25 %; 0.410 to 0.590 with 95 % confidence); 1 demotion" in text
    assert all(len(line.rstrip()) <= 80 for line in text.split("\n"))
