import pytest

from overnight.report.escape import code, fence, words
from overnight.report.text import block, duration, escape, figure, one_line, percent


@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "\x9b31m", "\x07", "\r", "\u202e", "\u2066", "\u200b", "\x7f", "\ud800"]
)
def test_a_character_that_steers_a_terminal_is_spelled_out(hostile):
    shown = escape(f"a{hostile}b")
    assert shown.isprintable()
    assert "\\" in shown


def test_words_in_any_language_stay_as_they_are():
    assert escape("größer 更好 ✓") == "größer 更好 ✓"


def test_one_line_has_no_line_break_and_a_limit():
    shown = one_line("a\n\n b\tc " + "x" * 500, 40)
    assert shown.startswith("a b c x")
    assert len(shown) == 40
    assert shown.endswith("…")


def test_a_block_keeps_its_lines_and_tabs_and_no_carriage_return():
    assert block("a\n\tb\r\nc\x1b") == "a\n\tb\\x0d\nc\\x1b"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.99794321, "0.997943"),
        (1100.0, "1100"),
        (1234567.0, "1234567"),
        (0.000123456789, "0.000123457"),
        (-2.5, "-2.5"),
        (9.9999999, "10"),
        (1e-9, "1.00000e-09"),
        (1e300, "1.00000e+300"),
    ],
)
def test_figures_have_six_significant_digits_and_rarely_an_exponent(value, shown):
    assert figure(value) == shown


def test_percent_of_nothing_is_a_dash():
    assert percent(None) == "-"
    assert percent(28.0512) == "28.1 %"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.4, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.7, "1 h"),
        (25500, "7 h 5 min"),
    ],
)
def test_durations_read_like_speech(seconds, shown):
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    "hostile", ["[click](http://evil.example)", "see www.evil.example", "@everyone", "https://evil.example"]
)
def test_an_address_or_mention_becomes_code_so_that_no_renderer_links_it(hostile):
    assert words(hostile).startswith("`")
    assert words(hostile).endswith("`")


def test_markup_in_words_is_escaped():
    shown = words("<b>*x*</b> [y] `z` #1 | $m$ a_b _c_")
    assert shown == r"\<b>\*x\*\</b> \[y\] \`z\` \#1 \| \$m\$ a_b \_c\_"


def test_inline_code_cannot_be_left():
    assert code("a ``` b") == "```` a ``` b ````"


def test_a_fence_is_longer_than_any_run_of_backticks_inside():
    lines = fence("x\n`````\n# out", "diff").split("\n")
    assert lines[0] == "``````diff"
    assert lines[-1] == "``````"


def test_a_fence_says_how_much_it_left_out():
    assert "… 8 more lines" in fence("\n".join("abcdefghij"), lines=2)
