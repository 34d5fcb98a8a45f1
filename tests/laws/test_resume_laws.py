"""Killed at any append and started again, a night ends as if nothing had happened."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import contract, opening
from storms import Frail, PowerCutError, Shelf, story

from overnight.agents import Scripted, Step
from overnight.engine.baseline import open_segment
from overnight.engine.conduct import Conductor
from overnight.engine.laboratory import Laboratory
from overnight.engine.recorder import Recorder
from overnight.engine.study import run_study
from overnight.errors import UsageError
from overnight.model.contract import Guard, Holdout, Stop
from overnight.model.experiment import Certified, Failure, Measurement, Outcome, Trust
from overnight.policies.ratchet import Ratchet
from overnight.rules.deciding.greedy import Greedy
from overnight.rules.lineage import lineage
from overnight.testing import MemoryLedger

TERMS = contract(
    guards=(Guard(metric="side", max_regress=1.0),), holdout=Holdout(certify="./certify"), stop=Stop(experiments=4)
)  # fmt: skip


class Ruler:
    """A deterministic judge that counts how often it was asked about each tree, split and seed.

    It sees tampering whenever the text is 0, at every other seed when it is 1, and on the certify split when it is 1.5.
    """

    def __init__(self, shelf):
        self.shelf, self.asked = shelf, []

    def measure(self, tree, seed, split=""):
        self.asked.append((tree, seed, split))
        try:
            value = float(self.shelf.texts[tree])
        except ValueError:
            return Measurement(failure=Failure(code="exit", detail="no number"), seed=seed, split=split, seconds=1.0)
        sly = value == 0 or (value == 1 and seed % 2 == 1) or (value == 1.5 and split == "certify")
        seen = ("it opened the trap",) if sly else ()
        numbers = (("m", value), ("side", 1.0))
        return Measurement(values=numbers, seed=seed, split=split, seconds=1.0, trust=Trust.scored, tampering=seen)


def laboratory(ledger, folder, texts):
    shelf = Shelf()
    shelf.texts["t-empty"] = ""
    for text in texts:
        shelf.texts["t" + hashlib.sha256(text.encode()).hexdigest()[:8]] = text
    steps = [Step(summary=text, files=(("a.py", text),)) for text in texts]
    recorder = Recorder(ledger, [], lambda: 1.0)
    lab = Laboratory(
        contract=TERMS,
        recorder=recorder,
        workspace=shelf,
        judge=Ruler(shelf),
        agent=Scripted(steps),
        conductor=Conductor("ratchet", Ratchet(), Greedy()),
        agent_name="scripted",
        scratch=folder,
        counts=lambda _tree: (("loc", 1.0), ("diff_lines", 0.0)),
        stop=TERMS.stop,
        progress=lambda *_: None,
        monotonic=lambda: 0.0,
        rested=lambda: None,
        empty="t-empty",
    )
    if not recorder.state.digest:
        open_segment(lab, opening(contract=TERMS, seed=7))
    return lab


values = st.sampled_from(["4", "6", "3", "5", "crash", "4.5", "2", "0", "1", "1.5"])


@settings(max_examples=25)
@given(st.lists(values, min_size=4, max_size=4), st.lists(st.tuples(st.integers(1, 14), st.booleans()), max_size=5))
def test_however_often_it_is_killed_the_night_ends_the_same(texts, cuts):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calm = run_study(laboratory(MemoryLedger(), folder / "calm", texts))
        ledger = MemoryLedger()
        for cut, after in cuts:
            try:
                run_study(laboratory(Frail(ledger, cut, after), folder / "storm", texts))
            except PowerCutError:
                continue
        storm = run_study(laboratory(ledger, folder / "storm", texts))
    assert story(storm) == story(calm)
    assert all(item.outcome is not None for item in storm.experiments)
    assert storm.experiments[0].outcome is Outcome.baseline


@settings(max_examples=25)
@given(st.lists(values, min_size=4, max_size=4), st.integers(1, 30))
def test_a_finished_measurement_is_never_taken_again(texts, cut):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = MemoryLedger()
        first = second = None
        try:
            first = laboratory(Frail(ledger, cut, after=True), folder, texts)
            run_study(first)
        except PowerCutError:
            pass
        second = laboratory(ledger, folder, texts)
        recorded = {
            (item.tree, run.seed, run.split)
            for item in second.recorder.state.experiments
            for run in (*item.readings, *item.holdout)
        }
        run_study(second)
        assert not recorded & set(second.judge.asked)


@settings(max_examples=40)
@given(st.lists(values, min_size=4, max_size=4))
def test_what_was_seen_to_tamper_is_never_the_best_and_no_win_stands_on_it(texts):
    with tempfile.TemporaryDirectory() as name:
        state = run_study(laboratory(MemoryLedger(), Path(name), texts))
    sly = {item.number for item in state.experiments if item.tampering}
    assert not sly & set(state.kept)
    assert all(not sly & set(lineage(state, number)) for number in state.kept)
    assert not sly & set(state.leaders)
    assert state.win is None or state.win.number not in sly
    for item in state.experiments:
        if item.readings and item.readings[0].tampering:
            assert (item.outcome, item.value) == (Outcome.violation, None)
        if item.outcome is Outcome.duplicate:
            assert not item.readings


def test_a_best_that_tampers_at_certification_gives_way_to_the_one_before_it():
    with tempfile.TemporaryDirectory() as name:
        state = run_study(laboratory(MemoryLedger(), Path(name), ["4", "1.5", "6", "7"]))
    assert state.experiments[2].outcome is Outcome.keep
    assert state.kept == (1,)
    assert (state.certificate.number, state.certificate.level) == (1, Certified.holdout)
    assert state.counts.tampering == 1
    assert any("#2 was seen to tamper" in text for _, text in state.notes)


def test_unchanged_code_that_tampers_ends_the_run_with_the_sign_of_it():
    with tempfile.TemporaryDirectory() as name:
        lab = laboratory(MemoryLedger(), Path(name), ["4", "3", "2", "1"])
        lab.workspace.texts["t0"] = "0"
        with pytest.raises(UsageError, match="it opened the trap"):
            run_study(lab)


def test_an_agents_words_are_bounded_before_they_enter_the_record():
    with tempfile.TemporaryDirectory() as name:
        lab = laboratory(MemoryLedger(), Path(name), ["4", "3", "2", "1"])
        hostile = "\x1b[31m\u202ered\x00\n" + "x" * 1_000_000
        steps = [Step(summary=hostile, hypothesis=hostile, ideas=(hostile,) * 50, files=(("a.py", "4"),))]
        state = run_study(replace(lab, agent=Scripted(steps), stop=Stop(experiments=1)))
    said = state.experiments[1]
    for words, most in ((said.summary, 200), (said.hypothesis, 1000), *((idea, 300) for idea in said.ideas)):
        assert words.startswith("[31m red")
        assert words.isprintable()
        assert len(words) == most
    assert len(said.ideas) == 10
