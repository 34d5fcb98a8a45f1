"""A tiny shell process that ends what a SIGKILL of overnight would leave behind, then ends itself.

bwrap ties its own life to ours, but its inner processes do so only once the box is set up: killed at the wrong
instant, they would go on without anybody, and with no limits. So every process that starts boxes has one guardian
in a session of its own, which waits for the end of a pipe that only that process holds, and then kills whatever
carries its mark in the environment it was started with, and removes the control groups that it was told of. Linux
only; a guardian that is killed too guards nothing.
"""

import os
import secrets
import threading

NAME = "OVERNIGHT_BOX"
SHELL = "/bin/sh"
# A dead process has no environment any more, so two empty rounds mean that all are dead. $1 is the mark; what comes
# through the pipe are lines, each the beginning of the paths of folders to remove when they are empty.
SCRIPT = """
trap '' HUP INT TERM
mark=$1
shift
while IFS= read -r line; do set -- "$@" "$line"; done
rounds=0 empty=0
while [ "$empty" -lt 2 ] && [ "$rounds" -lt 1000 ]; do
    rounds=$((rounds + 1)) empty=$((empty + 1))
    for file in $(grep -ls -e "$mark" /proc/[0-9]*/environ); do
        pid=${file#/proc/}
        kill -9 "${pid%/environ}" && empty=0
    done
done
rounds=0
while [ "$rounds" -lt 100 ]; do
    rounds=$((rounds + 1)) left=
    for start in "$@"; do
        for folder in "$start"*/; do [ ! -d "$folder" ] || rmdir "$folder" || left=1; done
    done
    [ "$left" ] || exit
    sleep 0.02
done
"""


class _Guardian:
    """At most one per process, started with its first box."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = 0
        self._mark = ""
        self._pipe = -1
        self._told: set[str] = set()

    def mark(self) -> str:
        """The mark of this process's boxes; a fork of this process gets a guardian and a mark of its own."""
        with self._lock:
            self._require()
            return self._mark

    def tell(self, start: str) -> None:
        """Have empty folders removed whose paths begin with `start`."""
        with self._lock:
            self._require()
            if start not in self._told:
                os.write(self._pipe, os.fsencode(start) + b"\n")
                self._told.add(start)

    def _require(self) -> None:
        if self._process != os.getpid():
            self._mark = secrets.token_hex(16)
            self._told = set()
            self._start()
            self._process = os.getpid()

    def _start(self) -> None:
        end, ours = os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, end, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        words = [SHELL, "-c", SCRIPT, "overnight-guardian", self._mark]
        environment = {"PATH": "/usr/bin:/bin"}
        try:
            os.posix_spawn(SHELL, words, environment, file_actions=actions, setsid=True)
        except BaseException:  # whatever it is, a pipe without a reader must not stay
            os.close(ours)
            raise
        finally:
            os.close(end)
        # `ours` stays open, unheld by anybody else, until this process is gone: that is the message.
        self._pipe = ours


_GUARDIAN = _Guardian()


def guarded() -> dict[str, str]:
    """The environment that puts a process under this process's guardian, which is started if need be."""
    return {NAME: _GUARDIAN.mark()}


def remove_when_gone(start: str) -> None:
    """Have the guardian remove the empty folders whose paths begin with `start`, once this process is gone."""
    _GUARDIAN.tell(start)
