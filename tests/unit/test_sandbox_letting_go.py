"""Whoever kills a box and whoever waits for its end may come at the same instant; nobody waits for ever."""

import os
import subprocess
import sys
import threading

import pytest

from overnight.errors import MachineError
from overnight.model.box import Limits
from overnight.sandbox.confined import GuardedTree
from overnight.sandbox.watch import Used, Watched


def test_the_guards_pipe_is_closed_once_however_many_let_go_of_it():
    failed = []

    def let_go(tree, barrier):
        barrier.wait()
        try:
            tree.kill()
        except OSError as error:
            failed.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with subprocess.Popen(["true"]) as process:
            for _ in range(500):
                ours, theirs = os.pipe()
                tree, barrier = GuardedTree(process, theirs, -1), threading.Barrier(2)
                threads = [threading.Thread(target=let_go, args=(tree, barrier)) for _ in range(2)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                os.close(ours)
    finally:
        sys.setswitchinterval(interval)
    assert failed == []


class Unwell:
    """A tree and a holder of which nothing works."""

    exit_fd = None
    first = period = 0.02

    def ended(self):
        return True

    def reap(self):
        raise OSError("the process number is gone")

    def kill(self):
        pass

    def close(self):
        pass

    def look(self, now):
        return ""

    def conclude(self, used: Used, code: int, now: float):
        raise AssertionError


def test_a_watcher_that_fails_twice_still_tells_whoever_waits():
    unwell = Unwell()
    watched = Watched(unwell, Limits(wall=5.0), {}, unwell)
    with pytest.raises(MachineError, match="the process number is gone"):
        watched.wait()
