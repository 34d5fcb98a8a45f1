import io

import pytest

from overnight.cli.console import OUTCOMES, outcome_cell, pairs, say_json, styled, table
from overnight.model.experiment import Outcome


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_needs_a_terminal_that_wants_it(stream, environment, expected):
    assert styled(stream, environment) is expected


def test_every_outcome_has_a_glyph_and_its_word():
    for outcome in Outcome:
        assert outcome_cell(outcome.value).endswith(f" {outcome.value}")
    glyphs = [glyph for glyph, _ in OUTCOMES.values()]
    assert len(set(glyphs)) == len(glyphs)


def test_a_table_never_exceeds_its_width_even_with_wide_characters():
    text = table((">n", "what"), [["#1", "更" * 100], ["#12", "short"]], 40)
    lines = text.split("\n")
    assert lines[1].endswith("…")
    assert all(len(line) + line.count("更") <= 40 for line in lines)
    assert lines[2].startswith("#12  short")


def test_a_table_says_the_same_with_and_without_colour():
    plain = table(("a", "b"), [["1", "x"]], 40)
    coloured = table(("a", "b"), [["1", "x"]], 40, colours=["31"])
    assert "\x1b" not in plain
    assert "\x1b[31m" in coloured
    for code in ("\x1b[1m", "\x1b[31m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain


def test_an_empty_table_is_its_head():
    assert table(("a", ">b"), [], 40) == "a  b"


def test_pairs_are_aligned():
    assert pairs([("a", "1"), ("long", "2")]) == "a     1\nlong  2"


def test_json_is_ascii_and_refuses_what_is_not_a_number(capsys):
    say_json({"said": "größer \x1b[31m \u202e \x9b"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    with pytest.raises(ValueError, match="JSON"):
        say_json({"value": float("nan")})
