"""At a real terminal: the live screen, the keys, and what happens when the terminal goes away."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time

import pytest
from person import MODEL, OVERNIGHT, PROGRAM, Project, step

pytestmark = pytest.mark.e2e

# Makes the terminal on descriptor 0 the controlling one, as a login does, and becomes the command.
LOGIN = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CTRL_C = b"\x03"
PATIENCE = 60


class Terminal:
    """A pseudo-terminal with one overnight command in a session of its own; `seen` is everything it was sent."""

    def __init__(self, project, *arguments, columns=80, **variables):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {**project.environment, "TERM": "xterm-256color", **variables}
        for name in ("COLUMNS", "LINES", *(() if "NO_COLOR" in variables else ("NO_COLOR",))):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOGIN, *OVERNIGHT, *map(str, arguments)],
            cwd=project.root if project.root.is_dir() else project.root.parent,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._bytes = b""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # the other side is closed
                piece = b""
            with self._changed:
                self._bytes += piece
                self._changed.notify_all()
            if not piece:
                return

    @property
    def seen(self):
        return self._bytes.decode("utf-8", errors="replace")

    @property
    def text(self):
        """What was sent without escape sequences."""
        return ESCAPE.sub("", self.seen)

    def wait_for(self, words):
        with self._changed:
            assert self._changed.wait_for(lambda: words in self.text, PATIENCE), self.text[-3000:]

    def press(self, keys):
        os.write(self._master, keys)

    def hang_up(self):
        """Close the window: the kernel sends SIGHUP to the session."""
        os.close(self._master)

    def wait(self):
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code


@pytest.fixture
def slow(project):
    """The project, a fifth of a second slower; much slower where X is 2 and SLOW says how much."""
    delay = "import os, time\ntime.sleep(0.2)\n{}\nif X == 2: time.sleep(float(os.environ.get('SLOW') or 0))\n"
    program = PROGRAM.replace("wall: 20s", "wall: 90s").replace("bounds:", "isolation: {pass_env: [SLOW]}\nbounds:")
    head, _, tail = MODEL.partition("\n\n")
    project.write({"program.md": program, "model.py": delay.format(head) + tail})
    project.commit("slow")
    return project


def ended(project):
    """Waits until nothing runs the study any more; its status."""
    deadline = time.monotonic() + PATIENCE
    while project.status()["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)  # another process is at work, and its end is what we wait for
    return project.status()


def test_a_night_at_a_terminal_is_a_live_screen_and_a_headline(slow):
    terminal = Terminal(slow, "run", "--experiments", 4, "--seed", 3)
    assert terminal.wait() == 0
    assert "closing this terminal does not stop it" in terminal.text
    assert "experiments 4/4" in terminal.text
    assert "#4" in terminal.text
    assert "ended: 4 experiments are done" in terminal.text
    assert "overnight report" in terminal.text
    assert "\x1b[" in terminal.seen
    assert terminal.seen.rfind("\x1b[?25h") > terminal.seen.rfind("\x1b[?25l"), "the cursor is shown again"
    assert slow.status()["experiments"] == 4


@pytest.mark.parametrize("columns", [80, 44])
def test_no_line_is_wider_than_the_terminal(slow, columns):
    hostile = step("\x1b[2J\x1b]0;owned\x07 " + "long words " * 30, replace=[["model.py", "X = 5", "X = 3"]])
    terminal = Terminal(slow, "run", "--experiments", 1, "--agent", slow.script(hostile), columns=columns)
    assert terminal.wait() == 0
    screens = terminal.text.partition("running in the background")[2].partition("ended: ")[0].partition("\n")[2]
    lines = re.split(r"[\r\n]+", screens)
    assert "owned" in screens or "own…" in screens
    assert "box none" not in screens
    assert max(map(len, lines)) <= columns
    assert "\x1b[2J" not in terminal.seen
    assert "\x07" not in terminal.seen


def test_without_colour_it_is_one_plain_line_an_event(slow):
    terminal = Terminal(slow, "run", "--experiments", 2, "--seed", 3, NO_COLOR="1")
    assert terminal.wait() == 0
    assert "\x1b" not in terminal.seen
    lines = [line.strip() for line in terminal.seen.splitlines()]
    assert [line[:2] for line in lines if re.match(r"#\d (✓|·|=|○)", line)] == ["#0", "#1", "#2"]


def test_closing_the_terminal_does_not_end_the_night(slow):
    terminal = Terminal(slow, "run", "--experiments", 8, "--seed", 3)
    terminal.wait_for("#1")
    terminal.hang_up()
    terminal.process.wait(PATIENCE)
    status = ended(slow)
    assert status["experiments"] == 8
    assert status["closed"] == "8 experiments are done"


def test_ctrl_c_finishes_the_experiment_and_the_night_goes_on_later(slow):
    terminal = Terminal(slow, "run", "--experiments", 300, "--seed", 3)
    terminal.wait_for("#1")
    terminal.press(CTRL_C)
    assert terminal.wait() == 0
    assert "stopping after this experiment; Ctrl-C once more stops now" in terminal.text
    status = slow.status()
    assert status["closed"] == "stopped on request"
    assert status["pending"] == []
    assert not status["running"]
    slow.overnight("run", "--more", 1)
    assert slow.status()["experiments"] == status["experiments"] + 1


def test_ctrl_c_twice_stops_at_once_and_loses_nothing(slow):
    long = step("long", replace=[["model.py", "X = 5", "X = 2"]])
    terminal = Terminal(slow, "run", "--experiments", 1, "--agent", slow.script(long), SLOW="80")
    terminal.wait_for("#1  judge")
    terminal.press(CTRL_C)
    terminal.wait_for("once more stops now")
    before = time.monotonic()
    terminal.press(CTRL_C)
    assert terminal.wait() == 130, terminal.text[-2000:]
    assert time.monotonic() - before < 20
    status = slow.status()
    assert (status["running"], status["experiments"], status["pending"]) == (False, 0, [1])
    slow.overnight("run", "--experiments", 1, "--agent", slow.script(long))
    assert [row["outcome"] for row in slow.log()] == ["baseline", "keep"]
    assert slow.status()["evaluations"] == status["evaluations"] + 1


def test_a_mistake_is_said_at_once_and_nothing_is_started(slow):
    slow.write({"program.md": PROGRAM.replace("metric: loss", "metrik: loss")})
    terminal = Terminal(slow, "run")
    assert terminal.wait() == 2
    assert "metrik" in terminal.text
    assert "background" not in terminal.text
    assert slow.git("for-each-ref", "refs/overnight") == ""


def test_what_goes_wrong_in_the_background_is_said_at_the_terminal(slow):
    slow.write({"model.py": "print('nothing')\n"})
    slow.commit("broken")
    terminal = Terminal(slow, "run", "--experiments", 1)
    assert terminal.wait() == 2
    assert "no acceptable number" in terminal.text
    assert "overnight check" in terminal.text


def test_all_lines_of_a_refusal_in_the_background_reach_the_terminal(slow):
    slow.write({"program.md": PROGRAM.replace("metric: loss", "metric: wall_seconds").replace("bounds:", "#")})
    slow.commit("only the time")
    terminal = Terminal(slow, "run", "--experiments", 1)
    assert terminal.wait() == 2
    assert "an empty candidate" in terminal.text
    assert "- {run: python -m pytest -q, must: pass, min_tests: 1}" in terminal.text
    assert "--despite empty-candidate" in terminal.text


def test_a_second_run_at_another_terminal_is_refused_and_stop_ends_the_first(slow):
    first = Terminal(slow, "run", "--experiments", 300, "--seed", 3)
    first.wait_for("#1")
    second = Terminal(slow, "run", "--experiments", 300)
    assert second.wait() == 2
    assert "overnight stop" in second.text
    slow.overnight("stop")
    assert first.wait() == 0
    assert slow.status()["closed"] == "stopped on request"


def test_the_demo_at_a_terminal_ends_with_its_report(tmp_path):
    project = Project(tmp_path / "night", tmp_path / "cache")
    terminal = Terminal(project, "demo", "--dir", project.root, "--experiments", 1)
    assert terminal.wait() == 0
    assert "experiments 1/1" in terminal.text
    assert "What to merge" in terminal.text
    assert project.status()["experiments"] == 1
