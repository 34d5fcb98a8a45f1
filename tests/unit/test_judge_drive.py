"""Judging by `drive`: the judge talks to the running candidate over two pipes."""

import pytest
from judge_room import PYTHON, JudgeRoom

from overnight.model.contract import Budget, Drive, Holdout
from overnight.model.experiment import Trust
from overnight.model.value import lookup
from overnight.sandbox.none import Unboxed

ASK = """
import os
to = os.fdopen(int(os.environ["OVERNIGHT_CANDIDATE_IN"]), "w", buffering=1)
answers = os.fdopen(int(os.environ["OVERNIGHT_CANDIDATE_OUT"]))
def ask(question):
    try:
        to.write(question + "\\n")
    except BrokenPipeError:
        raise SystemExit("the candidate is gone")
    answer = answers.readline()
    if not answer:
        raise SystemExit("the candidate is gone")
    return answer.strip()
"""
JUDGE = ASK + "print('loss:', sum(int(ask(q)) for q in open('answers').read().split()))\n"
SERVE = "while read question; do echo $((question * 2)); done"
DRIVE = Drive(judge=f"{PYTHON} judge.py", serve="sh train.sh")


@pytest.fixture
def room(tmp_path):
    room = JudgeRoom(tmp_path, {"judge.py": JUDGE, "ask.py": ASK})
    room.write({"answers": "1 2 3"})
    return room


def driven(room, train=SERVE, judge="", **keys):
    drive = Drive(judge=f"{PYTHON} -c '{judge}'", serve="sh train.sh") if judge else DRIVE
    return room.measure(train, **{"drive": drive, "hide": ("answers",), **keys})


def failure(room, train=SERVE, judge="", **keys):
    measurement = driven(room, train, judge, **keys)
    assert measurement.failure is not None, measurement.values
    return measurement.failure


def test_the_judge_asks_and_the_candidate_answers(room):
    measurement = driven(room)
    assert measurement.failure is None
    assert lookup(measurement.values, "loss") == 12
    assert measurement.trust is Trust.scored


def test_what_the_candidate_says_is_an_answer_and_no_metric(room):
    assert failure(room, "while read q; do echo loss: 0; echo loss: 0 >&2; done").code == "driver"


def test_resources_of_run_and_serve_are_added(room):
    train = 'if test "$1" = build; then sleep 0.2; exit; fi; sleep 0.2; ' + SERVE
    measurement = driven(room, train, run="sh train.sh build")
    assert (lookup(measurement.values, "wall_seconds") or 0) >= 0.4
    assert (lookup(measurement.values, "peak_memory_mb") or 0) > 0


def test_what_run_left_is_served_frozen(room):
    train = """
if test "$1" = build; then echo 5 > model; chmod +x train.sh; ln -s /etc link; mkfifo pipe; exit; fi
touch new 2>/dev/null && exit 9; echo 6 2>/dev/null > model && exit 9; test -e link -o -e pipe && exit 9
while read question; do cat model; done
"""
    assert lookup(driven(room, train, run="sh train.sh build").values, "loss") == 15


def test_a_failing_run_is_never_served(room):
    assert failure(room, "exit 3", run="sh train.sh").code == "exit"


def test_the_judge_has_the_bases_files_and_the_candidate_no_answers(room):
    train = 'echo broken > judge.py; grep "1 2 3" answers && exit 9\n' + SERVE
    assert lookup(driven(room, train, run="touch here").values, "loss") == 12


def test_the_served_candidate_has_its_data(room):
    room.write({"data/x": "7\n"})
    assert lookup(driven(room, "while read q; do cat data/x; done", data=("data/**",)).values, "loss") == 21
    found = driven(room, "while read q; do cat data/x; done", data=("data/**",), run="mv data elsewhere || true")
    assert lookup(found.values, "loss") == 21


def test_the_candidate_knows_neither_split_nor_the_judges_seed(room):
    train = 'while read q; do echo "$OVERNIGHT_SPLIT.$OVERNIGHT_SEED"; done'
    judge = 'from ask import ask; import os; split, seed = ask("x").split(".")\n'
    judge += 'print("loss:", int(split == "" and seed != os.environ["OVERNIGHT_SEED"] == "7" and int(seed) >= 0))'
    assert lookup(driven(room, train, judge).values, "loss") == 1


def test_the_candidates_seed_follows_the_judges(room):
    train = 'while read q; do echo "$OVERNIGHT_SEED"; done'
    judge = 'from ask import ask; print("loss:", ask("x"))'
    seeds = [lookup(driven(room, train, judge, seed=seed).values, "loss") for seed in (1, 1, 2)]
    assert seeds[0] == seeds[1] != seeds[2]


def test_the_holdouts_command_replaces_the_judge(room):
    holdout = Holdout(certify="test $OVERNIGHT_SPLIT = certify && echo loss: 77")
    assert lookup(driven(room, holdout=holdout).values, "loss") == 12
    assert lookup(driven(room, holdout=holdout, split="certify").values, "loss") == 77


def test_a_candidate_that_ends_when_its_input_ends_is_no_failure(room):
    judge = 'from ask import *; to.write("4\\n"); to.close(); print("loss:", int(answers.read()))'
    assert lookup(driven(room, judge=judge).values, "loss") == 8


def test_a_candidate_that_stays_is_killed_when_the_judge_has_finished(room):
    measurement = driven(room, "while read q; do echo 1; done; sleep 60")
    assert lookup(measurement.values, "loss") == 3
    assert measurement.seconds < 20


@pytest.mark.parametrize(
    ("train", "end"),
    [
        ("exit 3", "exited with code 3"),
        ("read q; echo 1; exit 3", "exited with code 3"),
        ("read q; kill -9 $$", "was killed by signal 9"),
    ],
)
def test_a_candidate_that_dies_early_is_named_and_the_judge_reads_end_of_file(room, train, end):
    found = failure(room, f"echo last words >&2\n{train}")
    assert found.code == "driver"
    assert f"the candidate's `serve` {end}" in found.detail.lower()
    assert "last words" in found.tail
    assert "the candidate is gone" in found.tail


def test_a_candidate_that_died_is_a_failure_though_the_judge_did_not_mind(room):
    judge = 'from ask import *; answers.read(); import time; time.sleep(0.3); print("loss: 1")'
    assert failure(room, "exit 3", judge).code == "driver"


def test_a_candidate_that_cannot_bear_the_end_of_its_input_is_no_failure(room):
    judge = 'from ask import *; print("loss:", ask("1")); to.close(); import time; time.sleep(0.3)'
    assert lookup(driven(room, "while read q; do echo 1; done; exit 3", judge).values, "loss") == 1


def test_a_judge_that_fails_is_named(room):
    found = failure(room, judge='from ask import ask; ask("1"); raise SystemExit("I am broken")')
    assert found.code == "driver"
    assert found.detail.startswith("`drive.judge` exited with code 1")
    assert "I am broken" in found.tail


def test_a_candidate_reads_end_of_file_when_the_judge_is_gone(room):
    train = "while read q; do echo $q; done; echo done >&2"
    found = failure(room, train, judge='from ask import ask; ask("1"); raise SystemExit(2)')
    assert found.detail.startswith("`drive.judge` exited with code 2")


@pytest.mark.parametrize(
    ("train", "judge", "code"),
    [
        ("sleep 60", "", "timeout"),
        (SERVE, "import time; time.sleep(60)", "timeout"),
        (SERVE, "print(1)", "no-metric"),
        (SERVE, 'print("loss: nan")', "non-finite"),
        ("yes >&2", "", "output"),
    ],
)
def test_each_other_way_to_fail_has_its_code(room, train, judge, code):
    assert failure(room, train, judge, budget=Budget(wall=1, output=10_000, grace=0)).code == code


def test_a_candidate_over_its_budget_fails_though_the_judge_got_a_number(room):
    train = "sleep 60 & sleep 60 & sleep 60 & while read q; do echo 1; done"
    judge = 'from ask import *; import time; print("loss:", ask("1")); time.sleep(0.8)'
    found = failure(room, train, judge, budget=Budget(wall=20, pids=2, grace=0))
    assert found.code == "pids"


def test_raw_bytes_of_any_size_pass_both_ways(tmp_path):
    judge = (
        ASK
        + """
import threading
data = bytes(range(256)) * 4000
threading.Thread(target=lambda: (to.buffer.write(data), to.close())).start()
print("loss:", int(answers.buffer.read() == data))
"""
    )
    room = JudgeRoom(tmp_path, {"judge.py": judge})
    assert room.loss("cat", drive=DRIVE) == 1


def test_without_a_box_the_conversation_is_the_same_and_self_reported(room):
    measurement = room.judge(room.contract(drive=DRIVE, hide=("answers",)), Unboxed()).measure(
        room.candidate({"train.sh": SERVE}), 1
    )
    assert lookup(measurement.values, "loss") == 12
    assert measurement.trust is Trust.self_reported
