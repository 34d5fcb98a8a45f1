"""Candidates that are not better, only luckier, better informed or measured more often."""

import pytest
from acts import both, code, edit
from boxes import box, every, gets_what_it_deserves, strongest
from catalogue import HONEST, PREVENTED, THROUGH, Cheat, Kind, Verdict, Word, everywhere
from study import House, a_study

from overnight.model.value import lookup
from overnight.rules.seeds import derive

TABLE = """
ANSWERS = {question: 3 * question + 0.5 for question in KNOWN}
def predict(question):
    return ANSWERS.get(question, 3 * question)
"""
GUESSED = """
import random
GUESS = {guesses!r}
draw = int(os.environ.get("OVERNIGHT_SEED", "-1"))
def predict(question):
    return 3 * question + (0.5 if draw in GUESS else 0)
"""
DUPLICATE = Verdict(word=Word.detected, outcomes=("duplicate",))

SUBMIT = "resubmit the same tree"
HARD = Cheat(
    row="hard-code visible answers",
    does="brings a table of the questions that it has seen",
    stopped_by="the scored questions are hidden, or drawn anew",
    act=code(then=f"KNOWN = range(8)\n{TABLE}"),
    run=THROUGH,
    drive=PREVENTED,
)
HARD_SCORED = Cheat(
    row="hard-code visible answers",
    does="brings a table of the examples whose answers it has seen",
    stopped_by="the answers that count are hidden",
    act=code(then=f"KNOWN = range(100, 108)\n{TABLE}"),
    score=PREVENTED,
    drive=PREVENTED,
)
SEEDS = Cheat(
    row="seed fishing",
    does="is right only for the seeds that it could guess",
    stopped_by="seeds are the judge's: drawn from a number that no agent is told, a fresh one for each reading",
    act=code(then=GUESSED.format(guesses=[*range(1000), derive(7, 1, "agent"), derive(7, 0, "run", 0)])),
    again=True,
    **everywhere(PREVENTED),
)
SAME = Cheat(
    row=SUBMIT,
    does="hands in the same files once more",
    stopped_by="a tree that was measured is not measured again: the old numbers count",
    **everywhere(DUPLICATE),
)
COMMENTS = Cheat(
    row=SUBMIT,
    does="hands in the same code with another comment, ten times, to a judge that is noisy",
    stopped_by="`min_effect`: what is not better by that much is a tie, and a tie is kept only with fewer lines",
    **everywhere(PREVENTED),
)
CHEATS = (HARD, HARD_SCORED, SEEDS, SAME, COMMENTS)


@every(CHEATS)
def test_luck_and_memory_are_no_gain(studies, cheat, kind, tier):
    gets_what_it_deserves(studies, cheat, kind, tier)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_same_files_are_never_measured_twice(studies, kind):
    study = studies.own(kind, strongest())
    act = code(first="# the same again")
    first, second = study.attempt(act), study.attempt(act)
    verdict = SAME.verdict(kind)
    assert verdict is not None
    assert second.outcome in verdict.outcomes
    assert (second.same_as, second.readings, second.value) == (first.number, (), first.value)
    back = study.attempt(lambda _workdir: None)
    assert (back.outcome, back.same_as) == ("duplicate", 0)


@pytest.mark.parametrize("kind", list(Kind))
def test_each_reading_draws_a_seed_of_its_own_that_no_brief_tells(studies, kind):
    study = studies.own(kind, strongest())
    tried = [study.attempt(code(first=f"# {number}")) for number in range(3)]
    seeds = [run.seed for experiment in (*study.recorder.state.experiments,) for run in experiment.readings]
    assert len(set(seeds)) == len(seeds) >= len(tried) + 1
    assert not any(str(seed) in study.brief() for seed in (*seeds, study.recorder.state.seed))


NOISY = {
    Kind.run: ('print(f"loss: {', "print(f\"loss: {__import__('random').gauss(0, 0.002) + "),
    Kind.score: ('print(f"loss: {', "print(f\"loss: {__import__('random').gauss(0, 0.002) + "),
    Kind.drive: ('print(f"loss: {', 'print(f"loss: {draw.gauss(0, 0.002) + '),
}


@pytest.mark.parametrize("kind", list(Kind))
def test_ten_candidates_that_differ_in_a_comment_are_none_of_them_promoted(tmp_path, kind):
    with a_study(House(tmp_path, kind, judge=noisy(kind)), box(strongest())) as study:
        tried = [study.attempt(code(first=f"# the best idea yet, number {number}")) for number in range(10)]
        values = {experiment.value for experiment in tried}
        assert len(values) == 10, "the judge is noisy"
        assert any(value < HONEST for value in values), "and some of them looked better"
        assert [experiment.outcome for experiment in tried] == ["discard"] * 10
        assert study.recorder.state.kept == ()


def noisy(kind: Kind) -> str:
    from study import JUDGE

    old, new = NOISY[kind]
    text = JUDGE[kind].replace(old, new)
    assert text != JUDGE[kind]
    return text


def test_a_second_reading_of_the_best_has_a_seed_of_its_own(tmp_path):
    keys = "guards:\n  - {metric: peak_memory_mb, max_regress: 900%}\n"
    with a_study(House(tmp_path, Kind.score, keys=keys), box(strongest())) as study:
        better = code(then="def predict(question):\n    return 3 * question + 0.5")
        kept = study.attempt(both(better, edit("lib/table.txt", "x\n")))
        assert kept.outcome == "keep"
        readings = study.recorder.state.experiments[0].readings
        assert len({run.seed for run in readings}) == len(readings) >= 2
        assert [lookup(run.values, "loss") for run in readings] == [HONEST] * len(readings)
