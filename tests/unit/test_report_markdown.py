import re

import pytest
from cli_night import HOSTILE, baseline, certificate, night, opened, tried, whole_night
from msgspec.structs import replace

from overnight.model.contract import Holdout
from overnight.model.event import Asked, Judged
from overnight.model.experiment import Breach, Certified, Failure, Outcome
from overnight.report.markdown import render
from overnight.report.patch import paths
from overnight.report.reproduce import Beside
from overnight.rules.fold import fold

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
    assert text.split("\n")[2].startswith("**A win: val_bpb is better by 0.6 bits/byte (28.6 %)")
    assert "Written 2001-09-09 01:46 UTC" in text


def test_certified_changes_are_ranked_by_gain_with_ready_commands():
    merge = section(render(night(*whole_night())), "What to merge")
    assert merge.index("**#1**") < merge.index("**#5**")
    assert "overnight finish    # the branch overnight/lm" in merge
    assert "git cherry-pick" in merge
    assert "git diff bbbbbbbbbbbb" in merge


def test_uncertified_changes_are_not_offered_for_merging():
    text = render(night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5)))
    assert "**#1**" not in section(text, "What to merge")
    assert "**#1**" in section(text, "Kept, not certified")
    assert "overnight finish --all    # the branch overnight/lm" in section(text, "Kept, not certified")


def test_an_idea_that_was_tried_is_not_repeated():
    ideas = section(render(night(*whole_night())), "Ideas not tried")
    assert "mix orders" in ideas
    assert "order 4" not in ideas


def test_a_violation_is_shown_with_its_evidence():
    text = section(render(night(*whole_night())), "Violations and tampering")
    assert "**#4** by tuner was never judged: `judge.py` (locked: changed)" in text


def test_a_near_miss_is_listed():
    groups = [*opened(), *baseline(2.0), *tried(1, Outcome.discard, 2.005, gain=-0.005)]
    assert "**#1**" in section(render(night(*groups)), "Near misses")


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


GUARD = Failure(code="guard", detail="lines 70 is above the guard's maximum 60")


def test_what_a_guard_discarded_is_not_called_without_a_number():
    groups = [*opened(), *baseline(2.0), *tried(1, Outcome.discard, failure=GUARD)]
    assert "1 discarded for `guard`; latest #1" in section(render(night(*groups)), "Where it got stuck")


@pytest.mark.parametrize("holdout", [None, Holdout(certify="python judge.py --held")])
def test_what_was_never_certified_has_not_failed_to(holdout):
    (event,) = opened()[0]
    groups = [(replace(event, contract=replace(event.contract, holdout=holdout)),)]
    text = section(
        render(night(*groups, *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5))), "Kept, not certified"
    )
    assert ("was not tried, because program.md has no `holdout.certify`" in text) == (holdout is None)
    assert ("it comes at the end of a run" in text) == (holdout is not None)


def test_a_win_that_failed_to_certify_is_headed_so():
    groups = [*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5)]
    text = render(night(*groups, *certificate(1, 2.0, 2.1, Certified.no)))
    assert "**#1**" in section(text, "Wins that did not certify")


def test_a_certified_change_is_offered_although_a_later_best_is_not_certified():
    groups = [*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5), *certificate(1, 2.0, 1.6)]
    groups += [*tried(2, Outcome.keep, 1.4, parent=1, gain=0.1), *certificate(2, 2.0, 2.1, Certified.no)]
    text = render(night(*groups))
    assert "**#1**" in section(text, "What to merge")
    assert "**#2**" in section(text, "Wins that did not certify")


@pytest.mark.parametrize("min_effect", [0.0, 0.01])
def test_a_tie_is_a_near_miss_whatever_min_effect_is(min_effect):
    groups = [*opened(min_effect=min_effect), *baseline(2.0), *tried(1, Outcome.discard, 2.0, gain=0.0)]
    assert "**#1** a tie" in section(render(night(*groups)), "Near misses")


def test_only_a_change_that_stands_alone_is_offered_alone():
    groups = [*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.9, gain=0.1)]
    groups += tried(2, Outcome.keep, 1.4, parent=1, gain=0.5)
    assert "# only #1, onto your branch\n" in render(night(*groups))
    later = render(night(*groups, *certificate(1, 2.0, 1.9)))
    assert "# only #2, onto your branch; it is built on #1, so it may conflict" in later


def test_the_report_of_one_segment_of_several_says_so():
    text = render(fold([*opened(), *baseline(2.0), *whole_night()]))
    assert "Segment 2 of 2; `overnight report --segment 1` shows the one before." in text.replace("\\", "")
    assert "Segment" not in render(night(*whole_night()))


def again(**known):
    state = night(*opened(), *baseline(2.0), *tried(1, Outcome.discard, 2.1))
    return section(render(state, beside=Beside(root="/home/me/it's", **known)), "How to reproduce")


def test_the_commands_to_reproduce_name_agent_policy_and_quoted_paths():
    text = again(program="disk", copies=("/home/me/it's/answers",), links=("/home/me/it's/.venv",))
    for line in (
        """cd '/home/me/it'"'"'s'""",
        "git worktree add --detach /home/me/again bbbbbbbbbbbb",
        """cp '/home/me/it'"'"'s/program.md' /home/me/again/""",
        """cp -Rp '/home/me/it'"'"'s/answers' /home/me/again/""",
        """ln -s '/home/me/it'"'"'s/.venv' /home/me/again/""",
        "overnight run --study again --seed 7 --experiments 1 --agent tuner",
    ):
        assert f"{line}\n" in text


def test_what_cannot_be_copied_is_said_in_words():
    text = again(program="", elsewhere=("/vault/labels",), lost=("gone/**",), many=("*.bin",))
    assert "program.md has changed since this segment began" in text
    assert "used where they lie: `/vault/labels`" in text
    assert "put them back first: `gone/**`" in text
    assert "copied to the same places: `*.bin`" in text
