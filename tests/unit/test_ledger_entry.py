import unicodedata
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.ledger.entry import _LINES, compose, events_of, headline, parse, root
from overnight.model.contract import Contract, Objective
from overnight.model.event import (
    Adopted,
    Asked,
    Certificate,
    Closed,
    Event,
    Gated,
    HoldoutRead,
    Judged,
    Measured,
    Noted,
    Opened,
    Paused,
    Promoted,
    Proposed,
)
from overnight.model.experiment import Failure, Measurement, Outcome

PARENT, CANDIDATE = "a" * 40, "b" * 40
CONTRACT = Contract(title="Lower loss", prose="p", objective=Objective(metric="val_bpb"), edit=("a",), run="x")


def note(text="hm"):
    return Noted(kind="person", text=text, at=12.75)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Opened(study="s", digest="d", contract=CONTRACT, base="b", tree="t"), "opened s: Lower loss"),
        (Asked(number=3, parent=1, agent="tuner"), "asked #3 on #1: tuner"),
        (
            Proposed(number=3, tree="t", commit="c", parent_commit="p", summary="try\nmomentum"),
            "proposed #3: try momentum",
        ),
        (
            Measured(number=3, run=1, measurement=Measurement(values=(("val_bpb", 2.25),))),
            "measured #3, run 1: val_bpb 2.25",
        ),
        (
            Measured(number=3, run=0, measurement=Measurement(failure=Failure(code="exit", detail="it ended with 1"))),
            "measured #3, run 0: exit: it ended with 1",
        ),
        (Judged(number=12, outcome=Outcome.keep, reason="r", value=2.31, gain=0.02), "keep #12: 2.31, gain 0.02"),
        (Judged(number=0, outcome=Outcome.baseline, reason="r", value=2.5), "baseline #0: 2.5"),
        (Judged(number=7, outcome=Outcome.crash, reason="it ended with 1"), "crash #7: it ended with 1"),
        (Promoted(number=7, commit="c"), "best so far: #7"),
        (Gated(number=7, against=3, passed=True), "gate: #7 passed"),
        (Gated(number=7, against=3, passed=False), "gate: #7 did not pass"),
        (HoldoutRead(split="certify", number=7), "holdout certify read for #7"),
        (Certificate(number=7), "certificate of #7: no"),
        (Adopted(number=7, peer="ann", commit="c"), "adopted #7 from ann"),
        (note("hello"), "note (person): hello"),
        (Noted(kind="fork", number=2, text="8"), "note (fork of #2): 8"),
        (Paused(by="ann", reason="bed"), "pause asked by ann: bed"),
        (Closed(reason="the night is over"), "closed: the night is over"),
    ],
)
def test_every_event_has_a_line_for_people(event, line):
    assert headline((event,)) == line


def test_no_event_was_forgotten():
    assert set(_LINES) == set(get_args(Event))


def test_the_verdict_speaks_for_its_group():
    judged = Judged(number=1, outcome=Outcome.keep, reason="r", value=2.0)
    assert headline((Promoted(number=1, commit="c"), judged, note())) == headline((judged,))


@given(st.text())
def test_a_line_is_short_and_shows_no_control_characters(text):
    line = headline((note(text),))
    assert len(line) <= 100
    assert not [letter for letter in line if unicodedata.category(letter) in {"Cc", "Cf", "Zl", "Zp", "Cs"}]


@given(st.text(), st.sampled_from(["", CANDIDATE]))
def test_an_entry_is_read_back_whatever_it_says(text, candidate):
    events = (note(text), Closed(reason=text))
    parent, second, payload = parse(compose(events, PARENT, candidate))
    assert (parent, second, events_of(payload)) == (PARENT, candidate, events)


def test_the_same_entry_has_the_same_bytes_and_its_date_is_the_event_s():
    raw = compose((note(),), PARENT, "")
    assert raw == compose((note(),), PARENT, "")
    assert b"author overnight <overnight@localhost> 12 +0000\n" in raw


@pytest.mark.parametrize("at", [-5.0, 1e300])
def test_an_absurd_time_does_not_make_an_absurd_commit(at):
    raw = compose((Noted(kind="person", text="", at=at),), PARENT, "")
    seconds = int(raw.split(b"localhost> ")[1].split()[0])
    assert 0 <= seconds <= 2**40


def test_the_root_has_no_parent_and_no_events():
    parent, candidate, payload = parse(root("s"))
    assert (parent, candidate, events_of(payload)) == ("", "", ())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor p\n\nfix typo\n",
        b"tree " + b"c" * 40 + b"\nparent " + b"a" * 40 + b"\n\nline\n\n[]\n",
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nan end that is no root\n\n[1]\n",
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n" + (b"parent " + b"a" * 40 + b"\n") * 3 + b"\nl\n\n[]\n",
    ],
)
def test_a_commit_of_somebody_else_is_not_an_entry(raw):
    with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
        parse(raw)


def test_events_of_a_newer_version_are_an_error_that_says_why():
    with pytest.raises(ValueError, match="sung"):
        events_of(b'[{"event":"sung"}]')
