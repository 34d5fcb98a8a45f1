"""How flags and tampering are shown to a reviewer."""

import re

from cli_night import baseline, commit_of, night, opened, reading, tried
from msgspec.structs import replace

from overnight.cli.look import log_text, status_text
from overnight.cli.one import ends, show_text
from overnight.model.event import Measured
from overnight.model.experiment import Flag, Outcome
from overnight.report.headline import doubt
from overnight.report.markdown import render
from overnight.report.rows import details
from overnight.report.summary import judged, numbers
from overnight.report.suspicion import flag_text, mark

FRAMES = Flag(rule="frames", path="train.py", line=3, detail="`f_locals` reads variables")
STARTUP = Flag(rule="startup", path="conftest.py", detail="`conftest.py` is read")


def flagged_night(*, tampers=0):
    sign = replace(reading(1.5), tampering=("it opened the trap",))
    later = [(Measured(number=tampers, run=1, measurement=sign),)] if tampers else []
    return night(
        *opened(),
        *baseline(2.0),
        *tried(1, Outcome.keep, 1.5, gain=0.5, flags=(FRAMES, STARTUP)),
        *tried(2, Outcome.discard, 1.9, parent=1, gain=-0.4, flags=(FRAMES,)),
        *tried(3, Outcome.discard, 1.8, parent=1, gain=-0.3),
        *later,
    )


def section(text, heading="Violations and tampering"):
    return re.split(r"^## ", text.split(f"## {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_a_flag_says_its_rule_its_place_and_what_it_found():
    assert flag_text(FRAMES) == "frames at train.py:3: `f_locals` reads variables"
    assert flag_text(STARTUP) == "startup at conftest.py: `conftest.py` is read"


def test_the_report_lists_the_flags_of_kept_changes_and_counts_the_others(tmp_path):
    text = section(render(flagged_night()))
    assert "2 changes of 3 with flags (frames 2, startup 1)" in text
    assert "**#1** (kept) frames at train.py:3" in text
    assert "others: #2;" in text
    assert "it never decides" in text


def test_the_report_names_the_flags_where_a_change_is_offered_for_merging():
    text = section(render(flagged_night()), "Kept, not certified")
    assert "to look at in its diff: frames, startup" in text


def test_below_the_headline_stands_which_kept_changes_have_flags():
    kept = night(*opened(), *baseline(2.0, 2.0), *tried(1, Outcome.keep, 1.5, gain=0.5, flags=(FRAMES, STARTUP)))
    assert "flags for a reviewer: #1 (frames, startup); `overnight show N`" in doubt(kept)
    lost = (*opened(), *baseline(2.0, 2.0), *tried(1, Outcome.discard, 2.5, gain=-0.5, flags=(FRAMES,)))
    assert "flags" not in doubt(night(*lost, *tried(2, Outcome.keep, 1.5, gain=0.5)))


def test_without_flags_the_report_does_not_speak_of_them():
    assert "flag" not in render(night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5)))


def test_lists_mark_in_words_what_to_look_at():
    state = flagged_night(tampers=1)
    assert [mark(one) for one in state.experiments] == ["", "(tampered, 2 flags) ", "(1 flag) ", ""]
    text = log_text(state, list(judged(state)))
    assert "(tampered, 2 flags) try 1" in text
    assert "(1 flag) try 2" in text


def test_status_says_how_much_is_suspicious_and_nothing_when_nothing_is():
    state = flagged_night(tampers=1)
    told = status_text(state, numbers(state), None)
    assert "1 broke the contract or tampered, 2 changes with flags for a reviewer" in told
    honest = night(*opened(), *baseline(2.0))
    assert "suspicious" not in status_text(honest, numbers(honest), None)


def test_a_kept_change_that_tampered_later_is_shown_as_withdrawn(tmp_path):
    state = flagged_night(tampers=1)
    assert state.best.number == 0
    shown = show_text(state, state.experiments[1], tmp_path)
    assert "is not the best any more since it was seen to tamper" in shown
    assert re.search(r"^tampering +it opened the trap$", shown, re.MULTILINE)
    assert re.search(r"^flag +frames at train.py:3", shown, re.MULTILINE)
    assert "tampering was seen" in shown
    assert "tampered, so it is not the best any more: it opened the trap" in section(render(state))


def test_programs_get_flags_and_signs_as_data():
    state = flagged_night(tampers=1)
    found = details(state, state.experiments[1])
    assert found["flags"][0] == {
        "rule": "frames", "path": "train.py", "line": 3, "detail": "`f_locals` reads variables"
    }  # fmt: skip
    assert found["tampering"] == ("it opened the trap",)
    assert [run["tampering"] for run in found["readings"]] == [(), ("it opened the trap",)]
    assert not found["promoted"]


def test_the_diff_of_a_candidate_that_tampered_can_be_read():
    sign = replace(reading(1.0), tampering=("it opened the trap",))
    asked, proposed, judgement = tried(1, Outcome.violation)
    state = night(*opened(), *baseline(2.0), asked, proposed, (Measured(number=1, run=0, measurement=sign),), judgement)
    assert ends(state, state.experiments[1], base=False)[1] == commit_of(1)
