"""Judging by `drive` with `copies`: the judge talks to one copy of the candidate after the other."""

import pytest
from judge_room import PYTHON, JudgeRoom

from overnight.errors import ContractError
from overnight.model.contract import Budget, Drive
from overnight.model.value import lookup
from overnight.program import describe, parse
from overnight.sandbox.none import Unboxed

ASK = """
import os
class Copy:
    def __init__(self, suffix):
        self.to = os.fdopen(int(os.environ["OVERNIGHT_CANDIDATE_IN" + suffix]), "w", buffering=1)
        self.answers = os.fdopen(int(os.environ["OVERNIGHT_CANDIDATE_OUT" + suffix]))
    def ask(self, question):
        self.to.write(f"{question}\\n")
        return self.answers.readline().strip()
one, two = Copy(""), Copy("_2")
"""
STAYS = "trap '' TERM HUP PIPE; {}; sleep 60"
PROGRAM = "---\nmetric: loss\nedit: x.py\ndrive: {{judge: python judge.py, serve: python x.py, {}}}\n---\n# T\n"


@pytest.fixture
def room(tmp_path):
    return JudgeRoom(tmp_path, {"ask.py": ASK})


def measured(room, train, judge, copies=2, sandbox=None, **keys):
    room.write({"answers": "1\n"})
    drive = Drive(judge=f"{PYTHON} -c '{judge}'", serve="sh train.sh", copies=copies)
    contract = room.contract(drive=drive, hide=("answers",), **keys)
    return room.judge(contract, sandbox).measure(room.candidate({"train.sh": train}), 7)


def loss(*arguments, **keys):
    measurement = measured(*arguments, **keys)
    assert measurement.failure is None, measurement.failure
    return lookup(measurement.values, "loss")


def test_a_copy_does_not_know_what_another_was_told(room):
    train = "while read q; do cat /tmp/told 2>/dev/null || echo 0; echo $q > /tmp/told; done"
    judge = 'from ask import *; one.ask(5); one.to.close(); print("loss:", two.ask(7))'
    assert loss(room, train, judge) == 0
    judge = 'from ask import *; one.ask(5); a = one.ask(6); one.to.close(); print("loss:", a + two.ask(7))'
    assert loss(room, train, judge) == 50


def test_all_copies_are_served_what_run_left(room):
    train = 'if test "$1" = build; then echo $$ > model; exit; fi; while read q; do cat model; done'
    judge = 'from ask import *; a = one.ask(1); one.to.close(); print("loss:", int(a) - int(two.ask(1)))'
    assert loss(room, train, judge, run="sh train.sh build") == 0


def test_no_two_copies_are_ever_alive_at_once(room):
    train = STAYS.format('read q; if test "$q" = pid; then echo $$; else kill -0 $q 2>&-; echo $?; fi')
    judge = 'from ask import *; pid = one.ask("pid"); one.to.close(); print("loss:", two.ask(pid))'
    assert loss(room, train, judge, sandbox=Unboxed()) == 1


def test_a_copy_starts_when_the_one_before_it_is_gone_by_itself(room):
    train = "read q; echo 4; exec >&-"
    assert loss(room, train, 'from ask import *; one.ask(1); print("loss:", two.ask(1))') == 4


@pytest.mark.parametrize("first", ["two.to.close(); a = one.ask(1)", "a = one.ask(1); two.to.close(); one.to.close()"])
def test_a_copy_that_the_judge_gave_up_is_not_started(room, tmp_path, first):
    train = f"echo here >> {tmp_path}/starts; while read q; do echo 3; done"
    judge = f'from ask import *; {first}; print("loss:", a)'
    assert loss(room, train, judge, sandbox=Unboxed()) == 3
    assert (tmp_path / "starts").read_text() == "here\n"


def test_a_judge_that_ends_early_ends_all(room):
    measurement = measured(room, "while read q; do echo 2; done; sleep 60", "from ask import *; raise SystemExit(4)")
    assert measurement.failure is not None
    assert measurement.failure.detail.startswith("`drive.judge` exited with code 4")
    assert measurement.seconds < 15


def test_resources_of_all_copies_are_added(room):
    train = "read q; sleep 0.3; echo 1; read q"
    judge = 'from ask import *; one.ask(1); one.to.close(); two.ask(1); print("loss: 1")'
    measurement = measured(room, train, judge)
    assert (lookup(measurement.values, "wall_seconds") or 0) >= 0.6


def test_a_limit_holds_for_each_copy(room):
    train = "read q; echo big >&2; head -c 300000 /dev/zero | tr '\\0' x >&2; echo 1; read q; echo 1"
    judge = 'from ask import *; one.ask(1); one.to.close(); two.ask(1); print("loss: 1")'
    measurement = measured(room, train, judge, budget=Budget(wall=20, grace=0, output=200_000))
    assert measurement.failure is not None
    assert "output" in measurement.failure.code + measurement.failure.detail


def test_the_number_of_copies_is_part_of_the_contract():
    made = parse(PROGRAM.format("copies: 2"), file="p")
    assert made.drive == Drive(judge="python judge.py", serve="python x.py", copies=2)
    assert parse(describe(made) + "# T\n", file="p").drive == made.drive


@pytest.mark.parametrize(
    ("keys", "says"),
    [("copies: 0", "copies"), ("copies: many", "copies"), ("copies: 2, over: port", "not over a port")],
)
def test_copies_that_cannot_be_had_are_refused(keys, says):
    with pytest.raises(ContractError, match=says):
        parse(PROGRAM.format(keys), file="p")
