"""Judges that misbehave: each is one clear failure, and nothing of them is left running."""

import os
from pathlib import Path

import pytest
from judge_room import PYTHON, JudgeRoom

from overnight.model.contract import Budget, Drive


def still_running(word: str) -> list[str]:
    """Command lines of processes that name `word`, this one left out."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes()
        except OSError:
            continue
        if word.encode() in line and place.parent.name != str(os.getpid()):
            found.append(line.decode(errors="replace"))
    return found


@pytest.fixture
def word(tmp_path):
    """A word that only this specification's processes carry, whichever others run beside it."""
    return f"bad-judge-{tmp_path.name}-{os.getpid()}"


@pytest.fixture
def room(tmp_path):
    return JudgeRoom(tmp_path, {})


def judged(room, kind, judge, **budget):
    limits = Budget(**{"wall": 15.0, "grace": 0.2, "output": 20_000, "disk": 20 * 1024**2, **budget})
    if kind == "score":
        return room.measure("true", run="true", score=judge, budget=limits)
    if kind == "port":
        serve = f"exec {PYTHON} -m http.server -b 127.0.0.1 $OVERNIGHT_PORT"
        return room.measure(serve, drive=Drive(judge=judge, serve="sh train.sh", over="port"), budget=limits)
    return room.measure("cat", drive=Drive(judge=judge, serve="sh train.sh"), budget=limits)


pytestmark = pytest.mark.parametrize("kind", ["score", "drive", "port"])


def test_a_judge_that_forks_daemons_is_heard_and_its_daemons_die(room, kind, word):
    daemon = f"setsid {PYTHON} -c 'import time; time.sleep(300)' {word} >/dev/null 2>&1 &"
    measurement = judged(room, kind, f"for n in 1 2 3; do {daemon} done; sleep 0.2; echo loss: 1")
    assert measurement.failure is None
    assert still_running(word) == []


def test_a_judge_that_ignores_the_polite_signal_is_killed(room, kind, word):
    judge = f"{PYTHON} -c 'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300)' {word}"
    measurement = judged(room, kind, judge, wall=2.5)
    assert measurement.failure is not None
    assert measurement.failure.code == "timeout"
    assert measurement.seconds < 30
    assert still_running(word) == []


def test_a_judge_that_hangs_is_a_timeout(room, kind, word):
    failure = judged(room, kind, f"exec {PYTHON} -c 'while True: pass' {word}", wall=2.5).failure
    assert failure is not None
    assert failure.code == "timeout"
    assert "budget.wall" in failure.detail
    assert still_running(word) == []


@pytest.mark.parametrize("place", [".", "/tmp", "$HOME", "$TMPDIR"])
def test_a_judge_that_fills_its_scratch_is_stopped_at_the_disk_limit(room, kind, place):
    # Without room in a folder of its own the write itself fails: then the judge does.
    judge = f"dd if=/dev/zero of={place}/full bs=1M count=60 2>/dev/null && sleep 2 && echo loss: 1"
    failure = judged(room, kind, judge).failure
    assert failure is not None
    assert failure.code in ("disk", "exit", "driver")


def test_a_judge_that_prints_binary_gives_no_number_and_a_readable_tail(room, kind):
    failure = judged(room, kind, r"printf '\000\377\033[31mred\033[0m\n\200loss 1\n'").failure
    assert failure is not None
    assert failure.code == "no-metric"
    assert failure.tail.isprintable() or failure.tail.replace("\n", "").isprintable()


def test_binary_around_a_proper_line_does_not_hide_it(room, kind):
    measurement = judged(room, kind, r"printf '\000\377\n'; echo loss: 3; printf '\200\n'")
    assert measurement.failure is None
    assert measurement.values[0] == ("loss", 3)


def test_a_judge_that_prints_megabytes_is_stopped_at_the_output_limit(room, kind):
    failure = judged(room, kind, "yes | head -c 5000000; echo loss: 1").failure
    assert failure is not None
    assert failure.code == "output"


def test_a_judge_that_needs_a_network_fails_by_its_own_words(room, kind):
    fetch = 'import urllib.request; urllib.request.urlopen("http://192.0.2.1/labels", timeout=5)'
    failure = judged(room, kind, f"{PYTHON} -c '{fetch}'").failure
    assert failure is not None
    assert failure.code == ("exit" if kind == "score" else "driver")
    assert "Network is unreachable" in failure.tail


def test_a_judge_that_prints_nothing_is_told_what_to_print(room, kind):
    failure = judged(room, kind, "true").failure
    assert failure is not None
    assert failure.code == "no-metric"
    assert '"loss: NUMBER"' in failure.detail


def test_a_judge_that_is_not_there_is_said_to_be_missing(room, kind):
    failure = judged(room, kind, "no-such-judge").failure
    assert failure is not None
    assert "could not find it" in failure.detail
