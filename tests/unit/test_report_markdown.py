import re

from cli_night import HOSTILE, baseline, night, opened, tried, whole_night

from overnight.model.event import Asked, Judged
from overnight.model.experiment import Breach, Failure, Outcome
from overnight.report.markdown import render
from overnight.report.patch import paths

SECTIONS = [
    "What to merge",
    "Wins that did not certify",
    "Near misses",
    "Ideas not tried",
    "Violations and tampering",
    "Cost and time",
    "Where it got stuck",
    "How to reproduce",
]


def section(text: str, name: str) -> str:
    return text.split(f"## {name}\n")[1].split("\n## ", maxsplit=1)[0]


def test_the_report_has_its_sections_in_order_and_the_headline_first():
    text = render(night(*whole_night()), now=1e9, version="0.1.0")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert text.split("\n")[2].startswith("**A win: val_bpb is better by 0.61 bits/byte (30.3 %)")
    assert "Written 2001-09-09 01:46 UTC" in text


def test_certified_changes_are_ranked_by_gain_with_ready_commands():
    merge = section(render(night(*whole_night())), "What to merge")
    assert merge.index("**#1**") < merge.index("**#5**")
    assert "git branch overnight/lm 000000000000" in merge
    assert "git cherry-pick" in merge
    assert "git diff bbbbbbbbbbbb" in merge


def test_uncertified_changes_are_not_offered_for_merging():
    text = render(night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5)))
    assert "**#1**" not in section(text, "What to merge")
    assert "**#1**" in section(text, "Kept, not certified")


def test_an_idea_that_was_tried_is_not_repeated():
    ideas = section(render(night(*whole_night())), "Ideas not tried")
    assert "mix orders" in ideas
    assert "order 4" not in ideas


def test_a_violation_is_shown_with_its_evidence():
    text = section(render(night(*whole_night())), "Violations and tampering")
    assert "**#4** by tuner was never judged: `judge.py` (locked: changed)" in text


def test_a_near_miss_is_listed():
    assert "**#2**" in section(render(night(*whole_night())), "Near misses")


def test_the_longest_stretch_without_a_gain_is_counted():
    text = section(render(night(*whole_night())), "Where it got stuck")
    assert "The longest stretch without one was 3 experiments, from #2." in text


def test_what_is_needed_to_reproduce_is_there():
    text = section(render(night(*whole_night()), version="9.9"), "How to reproduce")
    for needed in ("d" * 64, "b" * 40, "seed 7", "contained", "box-1", "9.9"):
        assert needed in text


def test_states_without_numbers_still_have_a_report():
    crashed = [
        (Asked(number=0, parent=0, agent=""),),
        (Judged(number=0, outcome=Outcome.baseline, reason="exit code 1", failure=Failure(code="exit", detail="x")),),
    ]
    for groups, expected in (
        ([], "Nothing has been recorded yet"),
        (opened(), "has not been measured yet"),
        ([*opened(), *crashed], "could not be measured: exit code 1"),
        ([*opened(), *baseline(2.0)], "no experiment has been judged yet"),
    ):
        text = render(night(*groups))
        assert expected in text
        assert not re.search(r"\b(nan|inf|None,|null)\b", text)


def test_hostile_words_cannot_steer_a_terminal_or_a_renderer():
    groups = [
        *opened(),
        *baseline(2.0),
        *tried(1, Outcome.keep, 1.5, gain=0.5, summary=HOSTILE, ideas=(HOSTILE,)),
        *tried(2, Outcome.violation, breaches=(Breach(path=HOSTILE, rule=HOSTILE, detail=HOSTILE),)),
        *tried(3, Outcome.crash, failure=Failure(code="malformed", detail=HOSTILE, tail=HOSTILE)),
        *tried(4, Outcome.discard, 1.45, gain=0.005, summary=HOSTILE),
    ]
    text = render(night(*groups), diffs={1: f"+{HOSTILE}\n```\n# out\n"})
    assert all(character in "\n\t" or character.isprintable() for character in text)
    outside = re.sub(r"(`+)[^`].*?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)<script|(?<!\\)\[click|http://", outside)
    assert not re.search(r"^# (?!overnight)", outside, re.MULTILINE)


def test_the_length_is_bounded_whatever_the_history():
    groups = [*opened(), *baseline(2.0)]
    value = 2.0
    for number in range(1, 400):
        if number % 2:
            value *= 0.99
            groups += tried(
                number,
                Outcome.keep,
                value,
                parent=number - 2 if number > 1 else 0,
                gain=0.01,
                summary="s" * 5000,
                ideas=("i" * 5000 + str(number),),
            )
        else:
            groups += tried(number, Outcome.violation, breaches=(Breach(path="p" * 5000, rule="r" * 5000),) * 50)
    text = render(night(*groups), diffs=dict.fromkeys(range(400), "+x\n" * 10_000))
    assert len(text.split("\n")) < 300
    assert len(text) < 50_000


def test_paths_of_a_diff_come_from_headers_not_from_content():
    patch = (
        "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n x\n--- a/evil.py\n+++ b/evil.py\n"
        "diff --git a/gone.py b/gone.py\n--- a/gone.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
        "Binary files a/m.bin and b/m.bin differ\n"
    )
    assert paths(patch) == ["a.py", "gone.py", "m.bin"]
