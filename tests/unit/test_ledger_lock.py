import os
import re
import signal
import subprocess
import sys
import time

import pytest

from overnight.errors import StudyBusyError
from overnight.ledger import StudyLock

HOLD = """
import sys, time
from pathlib import Path
from overnight.ledger import StudyLock
with StudyLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "overnight" / "s" / "lock"


@pytest.fixture
def other(path):
    """Another process that holds the lock."""
    child = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"held\n"
    yield child
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


def test_the_second_is_told_who_has_it_since_when_and_what_to_do(path, other):
    with pytest.raises(StudyBusyError) as caught, StudyLock(path):
        pass
    words = str(caught.value)
    assert f"process {other.pid}" in words
    assert time.strftime("%Y-") in words
    assert re.search("`overnight status`.*`overnight stop`", words)
    assert StudyLock(path).holder() == other.pid


def test_a_killed_holder_holds_nothing(path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert StudyLock(path).holder() is None
    with StudyLock(path):
        assert StudyLock(path).holder() == os.getpid()


def test_it_is_free_after_the_block_also_after_an_error(path):
    with pytest.raises(ZeroDivisionError), StudyLock(path):
        1 / 0  # noqa: B018 - any error
    with StudyLock(path):
        pass
    assert StudyLock(path).holder() is None


def test_one_process_cannot_take_it_twice(path):
    with StudyLock(path), pytest.raises(StudyBusyError), StudyLock(path):
        pass


def test_children_do_not_inherit_it(path):
    with StudyLock(path):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    try:
        with StudyLock(path):
            pass
    finally:
        child.stdin.close()
        child.wait()


def test_looking_makes_no_file(path):
    assert StudyLock(path).holder() is None
    assert not path.parent.exists()


def test_a_holder_whose_file_was_emptied_is_still_a_holder(path, other):
    path.write_text("")
    assert StudyLock(path).holder() == 0
    with pytest.raises(StudyBusyError, match="another process"), StudyLock(path):
        pass
