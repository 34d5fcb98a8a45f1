"""A judge's progress is heard while it runs, and what it says may end the run."""

import time

import pytest
from judge_room import SECONDS, JudgeRoom

from overnight.judge.progress import progress_in
from overnight.model.contract import Drive
from overnight.model.experiment import Trust
from overnight.sandbox.bubblewrap import Bubblewrap
from overnight.sandbox.none import Unboxed
from overnight.wiring.tracked import Tracked

STEPS = "for step in 1 2 3 4 5; do echo PROGRESS $step 0.$step; done\necho loss: 1.5\n"
ENDLESS = "echo PROGRESS 1 9.5\nsleep 60\necho loss: 1\n"  # the shape of a run that nothing else would end in time


@pytest.fixture
def room(tmp_path):
    return JudgeRoom(tmp_path, {"prepare.sh": "echo loss: 1\n"})


@pytest.mark.parametrize(
    ("output", "points"),
    [
        (b"PROGRESS 1 2.5\nPROGRESS 2 1e-3\r\n", ((1.0, 2.5), (2.0, 0.001))),
        (b"PROGRESS 1 2.5\nPROGRESS 2 1", ((1.0, 2.5),)),
        (b"PROGRESS 2 1\nPROGRESS 2 3\nPROGRESS 1 4\nPROGRESS 3 5\n", ((2.0, 1.0), (3.0, 5.0))),
        (b"PROGRESS 1 nan\nPROGRESS 1 1e999\nPROGRESS one 2\n PROGRESS 1 2\nPROGRESS 1 2 3\n", ()),
        (b"loss: 3\nprogress 1 2\n\xff\xfe\n", ()),
    ],
)
def test_only_whole_plain_rising_lines_are_progress(output, points):
    assert progress_in(output) == points


def test_a_long_curve_is_bounded():
    output = b"".join(b"PROGRESS %d 1\n" % step for step in range(5000))
    points = progress_in(output)
    assert len(points) == 200
    assert points[-1] == (4999.0, 1.0)


def measured(room, train, ask, sandbox=None, **keys):
    judge = room.judge(room.contract(**keys), sandbox)
    return judge.measure(room.candidate({"train.sh": train}), 7, "", ask=ask)


def test_progress_is_kept_beside_the_numbers_where_it_is_asked_for(room):
    found = measured(room, STEPS, lambda _points: "", run="sh train.sh")
    assert found.failure is None
    assert found.progress == tuple((float(step), step / 10) for step in range(1, 6))
    assert room.measure(STEPS, run="sh train.sh").progress == ()


def test_a_hopeless_run_is_ended_with_the_sentence_as_its_failure(room):
    begun = time.monotonic()
    heard = []

    def ask(points):
        heard.append(points)
        return f"at step {points[-1][0]:g} it had {points[-1][1]:g}"

    found = measured(room, ENDLESS, ask, run="sh train.sh")
    assert time.monotonic() - begun < SECONDS
    assert (found.failure.code, found.failure.detail) == ("hopeless", "at step 1 it had 9.5")
    assert found.values == ()
    assert found.progress == ((1.0, 9.5),)
    assert heard == [((1.0, 9.5),)]


class Deaf:
    """A box of somebody else's, whose output cannot be read while it runs."""

    def __init__(self, sandbox):
        self.covers, self._start = sandbox.covers, sandbox.start

    def start(self, box):
        return Plain(self._start(box))


class Plain:
    def __init__(self, running):
        self.wait, self.kill = running.wait, running.kill


@pytest.mark.parametrize("kind", [Unboxed, lambda: Tracked(Bubblewrap())])
def test_a_hopeless_run_is_ended_in_any_box(room, kind):
    found = measured(room, ENDLESS, lambda _points: "it is hopeless", kind(), run="sh train.sh")
    assert found.failure.code == "hopeless"


def test_a_box_that_cannot_be_overheard_runs_to_its_end_and_its_progress_is_known_then(room):
    asked = []
    found = measured(room, STEPS, asked.append, Deaf(Bubblewrap()), run="sh train.sh")
    assert (found.failure, asked) == (None, [])
    assert len(found.progress) == 5


def test_a_person_who_cancels_is_not_called_a_hopeless_run(room):
    judge = room.judge(room.contract(run="sh train.sh"))

    def ask(_points):
        judge.cancel()
        return "it is hopeless"

    found = judge.measure(room.candidate({"train.sh": ENDLESS}), 7, "", ask=ask)
    assert found.failure.code == "cancelled"


def test_the_judge_of_a_driven_candidate_is_heard_and_the_candidate_is_not(room):
    heard = []
    judge = "echo PROGRESS 1 3.5; sleep 2; echo loss: 2"  # the listener looks twice a second
    found = measured(
        room,
        "echo PROGRESS 9 9.5 >&2\ncat\n",
        lambda points: heard.append(points) or "",
        run="",
        drive=Drive(judge=judge, serve="sh train.sh"),
    )
    assert found.failure is None
    assert heard == [((1.0, 3.5),)]
    assert found.progress == ((1.0, 3.5),)


def test_a_driven_run_is_ended_too(room):
    drive = Drive(judge="echo PROGRESS 1 3.5; sleep 60; echo loss: 2", serve="cat")  # ended long before
    found = measured(room, "true\n", lambda _points: "it is hopeless", run="", drive=drive)
    assert found.failure.code == "hopeless"


def test_what_runs_is_heard_and_what_scores_decides(room):
    found = measured(room, "echo PROGRESS 1 2.5\n", lambda _points: "", run="sh train.sh", score="echo loss: 4")
    assert found.progress == ((1.0, 2.5),)
    assert found.trust is Trust.scored
    assert dict(found.values)["loss"] == 4
