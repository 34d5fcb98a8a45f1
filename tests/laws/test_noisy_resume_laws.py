"""With a judge that scatters, killed anywhere: every policy decides as if nothing had happened."""

import hashlib
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import contract, opening
from storms import Frail, PowerCutError, Shelf, story

from overnight.engine.baseline import open_segment
from overnight.engine.laboratory import Laboratory
from overnight.engine.recorder import Recorder
from overnight.engine.study import run_study
from overnight.model.contract import Guard, Holdout, Keep, Stop
from overnight.model.experiment import Failure, Measurement, Proposal, Trust
from overnight.testing import MemoryLedger
from overnight.wiring.policies import POLICIES, conductor_of

EXPERIMENTS = 7
GATE = Holdout(gate="./gate", certify="./certify")
RELATIVE = (Guard(metric="side", max_regress=0.2),)
TERMS = {
    "plain": {},
    "gate": {"holdout": GATE},
    "relative guard": {"guards": RELATIVE},
    "gate and relative guard": {"holdout": GATE, "guards": RELATIVE, "keep": Keep(repeats=(2, 4))},
}


def drawn(*words):
    return Random(" ".join(map(str, words)))


class Wanderer:
    """An agent whose number is its parent's and a step that the brief's seed decides; its words are the brief's."""

    def propose(self, brief, workdir, budget):
        rng = Random(brief.seed)
        file = workdir / "a.py"
        file.write_text(f"{float(file.read_text()) + rng.choice([-2.0, -0.5, 0.0, 0.5, 2.0]):.1f}")
        seen = hashlib.sha256(brief.text.encode()).hexdigest()
        return Proposal(summary=seen, needs_followup=rng.random() < 0.3)


class Scatter:
    """A judge whose readings scatter with the seed, on both metrics and every split; now and then it fails."""

    def __init__(self, shelf, failing):
        self.shelf, self.failing = shelf, failing

    def measure(self, tree, seed, split=""):
        rng = drawn(tree, seed, split)
        if seed and rng.random() < self.failing and tree != "t0":
            failure = Failure(code="exit", detail="it ended with 1")
            return Measurement(failure=failure, seed=seed, split=split, seconds=1.0)
        numbers = (("m", float(self.shelf.texts[tree]) + rng.gauss(0, 1)), ("side", 10 + rng.gauss(0, 1)))
        return Measurement(values=numbers, seed=seed, split=split, seconds=1.0, trust=Trust.scored)


def laboratory(ledger, shelf, folder, policy, shape, seed, failing):
    terms = contract(stop=Stop(experiments=EXPERIMENTS), **TERMS[shape])
    recorder = Recorder(ledger, [], lambda: 1.0)
    lab = Laboratory(
        contract=terms,
        recorder=recorder,
        workspace=shelf,
        judge=Scatter(shelf, failing),
        agent=Wanderer(),
        conductor=conductor_of(policy),
        agent_name="wanderer",
        scratch=folder,
        counts=lambda _tree: (("loc", 1.0), ("diff_lines", 0.0)),
        stop=terms.stop,
        progress=lambda *_: None,
        monotonic=lambda: 0.0,
        rested=lambda: None,
    )
    if not recorder.state.digest:
        open_segment(lab, opening(contract=terms, seed=seed))
    return lab


def told(state):
    """The story, and what was asked, said and seen on the gate."""
    asked = [(item.parent, item.kind, item.donors, item.summary, item.gate) for item in state.experiments]
    return story(state), asked, state.demotions, state.certificates


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=12)
@given(
    shape=st.sampled_from(sorted(TERMS)),
    seed=st.integers(0, 10_000),
    failing=st.sampled_from([0.0, 0.1]),
    cuts=st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=5),
)
def test_a_noisy_night_that_is_killed_decides_as_if_it_had_not_been(policy, shape, seed, failing, cuts):
    terms = (policy, shape, seed, failing)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calm = run_study(laboratory(MemoryLedger(), Shelf(), folder / "calm", *terms))
        ledger, shelf = MemoryLedger(), Shelf()
        for cut, after in cuts:
            try:
                run_study(laboratory(Frail(ledger, cut, after), shelf, folder / "storm", *terms))
            except PowerCutError:
                continue
        storm = run_study(laboratory(ledger, shelf, folder / "storm", *terms))
    assert told(storm) == told(calm)
    assert storm.counts.gate_reads >= calm.counts.gate_reads
