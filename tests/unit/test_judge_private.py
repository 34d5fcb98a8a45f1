"""What a failing judge printed may hold hidden data: it is the person's to read, and no agent's."""

import pytest
from judge_room import PYTHON, JudgeRoom

from overnight.model.contract import Budget, Drive

SECRET = "the-answer-is-forty-two"


@pytest.fixture
def room(tmp_path):
    room = JudgeRoom(tmp_path, {})
    room.write({"hidden/answers": SECRET})
    return room


@pytest.mark.parametrize("kind", ["score", "drive", "port"])
@pytest.mark.parametrize(
    ("judge", "code"),
    [
        ("cat hidden/answers >&2; exit 1", None),
        ("cat hidden/answers; exit 0", "no-metric"),
        ("echo loss: $(cat hidden/answers)", "malformed"),
        ("echo METRIC loss=$(cat hidden/answers)", "malformed"),
        ('printf \'{"loss": "%s"}\' "$(cat hidden/answers)"', "malformed"),
        ("cat hidden/answers; echo; echo loss: nan", "non-finite"),
        ("cat hidden/answers; sleep 60", "timeout"),
        ("yes $(cat hidden/answers)", "output"),
        ("cat hidden/answers; echo; echo loss: 1; echo loss: 2", "twice"),
    ],
)
def test_a_failing_judge_tells_the_agent_only_what_kind_of_failure_it_was(room, kind, judge, code):
    keys = {"hide": ("hidden/**",), "budget": Budget(wall=3 if kind == "port" else 1, output=10_000, grace=0)}
    if kind == "score":
        failure = room.failure("true", run="sh train.sh", score=judge, **keys)
    elif kind == "drive":
        failure = room.failure("cat", drive=Drive(judge=judge, serve="sh train.sh"), **keys)
    else:
        serve = f"exec {PYTHON} -m http.server -b 127.0.0.1 $OVERNIGHT_PORT"
        failure = room.failure(serve, drive=Drive(judge=judge, serve="sh train.sh", over="port"), **keys)
    assert failure.code == code or (code is None and failure.code in ("exit", "driver"))
    assert SECRET not in failure.detail
    assert failure.private or SECRET not in failure.tail


def test_what_the_candidate_printed_itself_is_not_private(room):
    failure = room.failure("echo my own words; exit 1", run="sh train.sh", score="true")
    assert "my own words" in failure.tail
    assert not failure.private


def test_a_number_that_the_candidate_printed_wrongly_is_quoted_to_it(room):
    failure = room.failure("echo loss: 1,5", run="sh train.sh")
    assert "'1,5'" in failure.detail
    assert not failure.private
