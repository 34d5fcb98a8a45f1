"""Judging by `run` and `score`: a second process, in the judge's own tree, after the candidate is dead."""

import pytest
from judge_room import JudgeRoom

from overnight.model.contract import Budget, Holdout, Isolation, Objective
from overnight.model.experiment import Trust
from overnight.model.value import lookup
from overnight.sandbox.none import Unboxed

SCORE = {"run": "sh train.sh", "score": "sh judge.sh", "artifacts": ("out/pred",)}
JUDGE = 'read pred < out/pred; read answer < answers/a; echo "loss: $((pred - answer))"\n'


@pytest.fixture
def room(tmp_path):
    room = JudgeRoom(tmp_path, {"judge.sh": JUDGE})
    room.write({"answers/a": "40\n"})
    return room


def predicting(number: int, then: str = "") -> str:
    return f"mkdir -p out; echo {number} > out/pred; {then}"


def scored(room, train, **keys):
    return room.measure(train, **{**SCORE, "hide": ("answers/**",), **keys})


def failure(room, train, **keys):
    measurement = scored(room, train, **keys)
    assert measurement.failure is not None
    return measurement.failure


def test_the_judge_sees_the_artefact_and_the_answers(room):
    measurement = scored(room, predicting(42))
    assert lookup(measurement.values, "loss") == 2
    assert measurement.trust is Trust.scored


def test_what_the_candidate_prints_counts_for_nothing(room):
    train = predicting(42, "echo loss: 0; echo METRIC loss=0 >&2; echo loss: nan")
    assert lookup(scored(room, train).values, "loss") == 2


def test_the_candidates_resources_are_measured_not_the_judges(room):
    measurement = scored(room, predicting(42), score="sleep 0.5; sh judge.sh")
    assert (lookup(measurement.values, "wall_seconds") or 9) < measurement.seconds - 0.4


def test_an_objective_of_the_box_is_called_measured_even_with_a_score(room):
    measurement = scored(room, predicting(42), objective=Objective(metric="cpu_seconds"))
    assert measurement.trust is Trust.measured


def test_the_judge_runs_with_the_bases_files_not_the_candidates(room):
    score = "grep -q candidate train.sh && exit 9; test ! -e litter && echo loss: 1"
    assert lookup(scored(room, predicting(1, "touch litter # candidate"), score=score).values, "loss") == 1


def test_a_candidate_tree_with_another_judge_changes_nothing(room):
    judge = room.judge(room.contract(**SCORE, hide=("answers/**",)))
    tree = room.candidate({"train.sh": predicting(42), "judge.sh": "echo loss: -1"})
    assert lookup(judge.measure(tree, 1).values, "loss") == 2


def test_a_run_that_overwrites_the_judge_changes_nothing(room):
    assert lookup(scored(room, predicting(42, "echo 'echo loss: -1' > judge.sh")).values, "loss") == 2


def test_hidden_files_exist_for_the_judge_alone(room):
    assert failure(room, predicting(42, "cat answers/a")).code == "exit"


def test_a_process_that_outlives_the_run_is_dead_before_the_judge_starts(room):
    train = predicting(42, "(trap '' TERM HUP; while :; do echo 0 > out/pred; done) >/dev/null 2>&1 & sleep 0.1")
    train += "\necho 42 > out/late"
    assert lookup(scored(room, train, artifacts=("out/*",), score="echo loss: 1").values, "loss") == 1


def test_the_judge_may_write_temporary_files(room):
    score = "touch here /tmp/there $HOME/elsewhere && sh judge.sh"
    assert lookup(scored(room, predicting(42), score=score).values, "loss") == 2
    assert not (room.root / "here").exists()


def test_the_judge_does_not_get_the_candidates_environment(room):
    isolation = Isolation(env=(("TRICK", "1"),))
    assert failure(room, predicting(42), score='test -n "$TRICK"', isolation=isolation).code == "exit"
    measurement = scored(room, predicting(42), run='test -n "$TRICK" && sh train.sh', isolation=isolation)
    assert lookup(measurement.values, "loss") == 2


def test_both_commands_see_the_same_seed(room):
    train = 'mkdir out; echo "$OVERNIGHT_SEED" > out/pred'
    score = 'read pred < out/pred; echo "loss: $((pred - OVERNIGHT_SEED))"'
    assert lookup(scored(room, train, score=score).values, "loss") == 0


def test_the_holdouts_command_replaces_score_and_run_stays(room):
    holdout = Holdout(certify='test "$OVERNIGHT_SPLIT" = certify && test -e out/pred && echo loss: 77')
    assert lookup(scored(room, predicting(42), holdout=holdout).values, "loss") == 2
    assert lookup(scored(room, predicting(42), holdout=holdout, split="certify").values, "loss") == 77


def test_artefacts_and_judge_are_in_the_folder_of_the_program(tmp_path):
    room = JudgeRoom(tmp_path, {"sub/judge.sh": "cat pred", "sub/train.sh": "echo loss: 4 > pred"})
    assert room.loss(run="sh train.sh", score="sh judge.sh", artifacts=("pred",), folder="sub") == 4


@pytest.mark.parametrize(
    "train",
    [
        "true",
        "mkdir out; ln -s /etc/passwd out/pred",
        "mkdir out; mkfifo out/pred",
        "mkdir out; echo 1 > out/pred; ln out/pred out/again",
        "mkdir out; truncate -s 1T out/pred || truncate -s 1900M out/pred",
        "mkdir -p out/pred",
        "ln -s /etc out",
    ],
    ids=["missing", "symlink", "pipe", "hard link", "sparse", "folder", "linked folder"],
)
def test_an_artefact_that_is_no_plain_file_is_a_failure(room, train):
    assert failure(room, train, budget=Budget(wall=20, disk=1_000_000_000, grace=0)).code in (
        "artifact",
        "disk",
        "exit",
    )


def test_an_artefact_in_the_place_of_the_judge_is_a_failure(room):
    found = failure(room, "echo echo loss: 0 > judge.sh", artifacts=("*.sh",))
    assert found.code == "artifact"
    assert "in the way" in found.detail


def test_an_artefact_that_the_judge_could_import_is_a_failure(room):
    assert failure(room, "echo 'print(1)' > json.py", artifacts=("*.py",)).code == "artifact"


@pytest.mark.parametrize(
    ("train", "glob"),
    [("rm -r answers; echo 0 > answers", "answers"), ("mkdir -p answers; echo 0 > answers/a", "answers/**")],
)
def test_an_artefact_in_the_place_of_hidden_files_does_not_exist(room, train, glob):
    found = failure(room, train, artifacts=(glob,))
    assert found.code == "artifact"
    assert "No file matches" in found.detail


@pytest.mark.parametrize(
    ("score", "code"),
    [
        ("exit 4", "exit"),
        ("echo loss: nan", "non-finite"),
        ("true", "no-metric"),
        ("sleep 60", "timeout"),
        ("yes", "output"),
    ],
)
def test_a_failing_judge_is_a_failure(room, score, code):
    found = failure(room, predicting(42), score=score, budget=Budget(wall=1, output=10_000, grace=0))
    assert found.code == code


def test_without_a_box_a_score_is_self_reported(room):
    contract = room.contract(**SCORE, hide=("answers/**",))
    measurement = room.judge(contract, Unboxed()).measure(room.candidate({"train.sh": predicting(42)}), 1)
    assert lookup(measurement.values, "loss") == 2
    assert measurement.trust is Trust.self_reported
