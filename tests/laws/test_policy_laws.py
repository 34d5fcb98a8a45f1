"""What holds of every policy on every night: the best, the gate, the looks, the repeats."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studies import Paper

from overnight.model.contract import Guard, Holdout, Keep
from overnight.model.event import HoldoutRead, Judged, Measured, Promoted
from overnight.model.experiment import Outcome
from overnight.model.step import Propose
from overnight.rules.fold import Folding
from overnight.rules.gate import gate_looks
from overnight.wiring.policies import POLICIES

EVERY = pytest.mark.parametrize("policy", POLICIES)
seeds = st.integers(0, 100_000)
noises = st.sampled_from([0.0, 0.5, 1.0, 3.0])


def gated(queries=60, parts=1):
    return Holdout(gate="./gate", certify="./certify", queries=queries, parts=parts)


@EVERY
@settings(max_examples=8)
@given(seed=seeds, noise=noises)
def test_the_best_is_always_one_that_may_be_built_on_or_the_unchanged_code(policy, seed, noise):
    paper = Paper(policy, seed, noise=noise, failing=0.15, sly=0.1)
    last = paper.run(30)
    for state in (*paper.states, last):
        assert state.best.number == 0 or state.best.outcome is Outcome.keep
        assert not state.best.tampering
    for number, state in paper.promotions():
        assert number == 0 or not state.experiments[number].tampering


@EVERY
@settings(max_examples=8)
@given(seed=seeds, noise=noises)
def test_a_kept_number_was_promoted_and_a_way_back_leads_to_a_former_best(policy, seed, noise):
    paper = Paper(policy, seed, noise=noise)
    last = paper.run(40)
    promoted = {event.number for group in paper.groups for event in group if isinstance(event, Promoted)}
    assert set(last.kept) <= promoted
    folding, was = Folding(), []
    for group in paper.groups:
        folding.add(group)
        state = folding.state()
        for event in group:
            if isinstance(event, Promoted) and event.number in {0, *was}:
                assert state.best.number == event.number
        if state.best is not None and (not was or was[-1] != state.best.number):
            was.append(state.best.number)
    assert all(number in was for number, _ in last.demotions)


@EVERY
@settings(max_examples=8)
@given(seed=seeds, noise=noises, queries=st.integers(20, 40), parts=st.sampled_from([1, 3]))
def test_every_look_at_the_gate_is_written_down_before_it_is_taken_and_none_is_taken_too_many(
    policy, seed, noise, queries, parts
):
    paper = Paper(policy, seed, noise=noise, holdout=gated(queries, parts))
    last = paper.run(60)
    assert last.counts.gate_reads <= gate_looks(paper.contract) <= queries
    events = [event for group in paper.groups for event in group]
    looks = [event for event in events if isinstance(event, HoldoutRead)]
    taken = [event for event in events if isinstance(event, Measured) and event.measurement.split.startswith("gate")]
    assert [look.number for look in looks] == [reading.number for reading in taken]
    for look in looks:
        following = events[next(at for at, event in enumerate(events) if event is look) + 1]
        assert isinstance(following, Measured)
        assert (following.number, following.measurement.split[:4]) == (look.number, "gate")


@EVERY
@settings(max_examples=10)
@given(seed=seeds, noise=noises, queries=st.sampled_from([30, 200]))
def test_what_the_gate_refused_is_never_the_best_and_never_built_on(policy, seed, noise, queries):
    paper = Paper(policy, seed, noise=noise, holdout=gated(queries))
    paper.run(40)
    for number, state in paper.promotions():
        back = number in {0, *state.kept}
        assert back or state.experiments[number].gate is True
    for step, state in paper.before(Propose):
        if step.number == len(state.experiments):
            parent = state.experiments[step.ask.parent]
            assert parent.number == 0 or parent.gate is True or parent.number == state.best.number
            assert all(state.experiments[donor].gate is not False for donor in step.ask.donors)


@EVERY
@settings(max_examples=8)
@given(seed=seeds, noise=noises)
def test_only_what_was_judged_and_may_be_used_is_built_on(policy, seed, noise):
    paper = Paper(policy, seed, noise=noise, failing=0.15, sly=0.1)
    paper.run(40)
    for step, state in paper.before(Propose):
        parent = state.experiments[step.ask.parent]
        assert parent.usable or parent.number == state.best.number
        assert all(donor != parent.number and state.experiments[donor].usable for donor in step.ask.donors)


@EVERY
@settings(max_examples=10)
@given(seed=seeds, noise=noises, least=st.integers(1, 3), more=st.integers(0, 5), guarded=st.booleans())
def test_a_candidate_is_read_as_often_as_the_contract_says_before_its_verdict(
    policy, seed, noise, least, more, guarded
):
    guards = (Guard(metric="side", max_regress=0.1), Guard(metric="side", max=11.0)) if guarded else ()
    keep = Keep(repeats=(least, least + more))
    paper = Paper(policy, seed, noise=noise, keep=keep, guards=guards)
    last = paper.run(30)
    folding = Folding()
    for group in paper.groups:
        folding.add(group)
        for event in group:
            if isinstance(event, Judged) and event.outcome in {Outcome.keep, Outcome.discard, Outcome.inconclusive}:
                read = len(folding.state().experiments[event.number].readings)
                failed = folding.state().experiments[event.number].failure is not None
                assert read <= max(least, least + more)
                assert read >= least or failed
    assert last.counts.experiments >= 30
