"""What every Sandbox must do, as tests that a third party inherits.

    class TestMine(SandboxContract):        # or IsolationContract, for a tier above none
        factory = "my_package:MySandbox"

The methods that begin with `test_` need pytest's `tmp_path` and nothing else; every attack is bounded, so that a
sandbox that fails does no harm. Does not know how a sandbox isolates; `overnight.testing.isolation` attacks that.
"""

import os
import signal
import sys
import time
from abc import ABC
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from overnight.errors import MachineError
from overnight.model.box import Box, Completed, Limits, Mount
from overnight.model.contract import Tier
from overnight.ports import Sandbox

MEGABYTE = 1024**2
PYTHON = os.path.realpath(sys.executable)
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", sys.base_prefix)

# 300 s of sleeping is "for ever" here: far beyond every limit, and still over by itself should a sandbox fail.
SLEEP = "import time; time.sleep(300)"
BURN = "import time\nwhile time.process_time() < {seconds}: pass"
FORK = """
import os, signal, time
if {ignored}: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
shared = b"x" * {shared}
for _ in range({count}):
    if os.fork() == 0:
        own = b"x" * {own}
        while time.process_time() < {burn}: pass
        time.sleep({sleep})
        os._exit(0)
while True:
    try: os.wait()
    except ChildProcessError: break
"""


def require(condition: bool, rule: str) -> None:  # noqa: FBT001 - reads like an assert
    """Fail with `rule`, also under `python -O`."""
    if not condition:
        raise AssertionError(rule)


def fork(  # noqa: PLR0913 - keyword only; each is one thing that children do
    count: int, *, own: int = 0, shared: int = 0, burn: float = 0, sleep: float = 0, ignored: bool = False
) -> str:
    """A program with `count` children that hold `own` bytes each beside `shared` ones, burn CPU seconds and sleep."""
    return FORK.format(count=count, own=own, shared=shared, burn=burn, sleep=sleep, ignored=ignored)


class SandboxContract(ABC):
    """Inherit, name the `factory` ("module:callable" without arguments), and let pytest collect the subclass."""

    factory: ClassVar[str]
    isolated: ClassVar[bool] = False

    def sandbox(self) -> Sandbox:
        """A new sandbox from `factory`."""
        module, _, name = self.factory.partition(":")
        made: Sandbox = getattr(import_module(module), name)()
        return made

    def box(self, folder: Path, program: str, *, wall: float = 20.0, **more: Any) -> Box:
        """A box that runs the Python `program` in `folder`, which it may write; `more` are limits or parts of a Box."""
        parts = {
            name: more.pop(name) for name in ("stdin", "stdout", "fds", "network", "env", "command") if name in more
        }
        system = [Mount(target=path, source=path) for path in dict.fromkeys(SYSTEM) if Path(path).exists()]
        mounts = (*system, *more.pop("mounts", ()), Mount(target=str(folder), source=str(folder), kind="write"))
        command = parts.pop("command", (PYTHON, "-I", "-S", "-B", "-c", program))
        return Box(command=command, cwd=str(folder), mounts=mounts, limits=Limits(wall=wall, **more), **parts)

    def run(self, folder: Path, program: str, **more: Any) -> Completed:
        """Start such a box and wait for its end."""
        return self.sandbox().start(self.box(folder, program, **more)).wait()

    def test_a_tier_above_none_is_proven_by_attack(self) -> None:
        """Only what inherits the attacks may call itself a box."""
        boxed = self.sandbox().covers().tier is not Tier.none
        require(boxed == self.isolated, "a tier above none inherits IsolationContract, none does not")

    def test_exit_codes_and_both_streams_are_told(self, tmp_path: Path) -> None:
        """The three things that every caller reads."""
        program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
        completed = self.run(tmp_path, program)
        require(completed.code == 3 and completed.stopped == "", "the exit code is the command's")
        require((completed.stdout, completed.stderr) == (b"out\n", b"err\n"), "stdout and stderr are kept apart")

    def test_death_by_a_signal_is_a_negative_code(self, tmp_path: Path) -> None:
        """As subprocess has it."""
        completed = self.run(tmp_path, "import os; os.kill(os.getpid(), 11)")
        require(completed.code == -signal.SIGSEGV, "killed by signal n is the code -n")

    def test_a_command_that_is_not_there_is_a_failure_not_an_error(self, tmp_path: Path) -> None:
        """The candidate's fault: the shell's code, no exception."""
        completed = self.run(tmp_path, "", command=("no-such-command",))
        require(completed.code == 127, "a missing command ends with code 127")

    def test_a_folder_that_is_not_there_is_our_error(self, tmp_path: Path) -> None:
        """Never blamed on the candidate."""
        try:
            self.run(tmp_path / "missing", "pass")
        except MachineError:
            return
        raise AssertionError("a box that cannot be set up raises MachineError")

    def test_stdin_is_empty_and_no_other_descriptor_is_open(self, tmp_path: Path) -> None:
        """A candidate reads nothing of ours and writes nowhere of ours."""
        program = """
import os, sys
print(repr(sys.stdin.read()))
def is_open(number):
    try: return bool(os.fstat(number))
    except OSError: return False
print([number for number in range(3, 256) if is_open(number)])
"""
        with (tmp_path / "ours").open("wb") as ours:
            os.set_inheritable(ours.fileno(), True)
            completed = self.run(tmp_path, program)
        require(completed.stdout == b"''\n[]\n", f"only 0, 1 and 2 are open, and 0 is empty: {completed.stdout!r}")

    def test_descriptors_can_be_given(self, tmp_path: Path) -> None:
        """As the pipes between a judge and a candidate are; a box that takes no further ones says so, and refuses."""
        further = self.sandbox().covers().descriptors
        (read, write), (back, answer), (more, extra) = os.pipe(), os.pipe(), os.pipe()
        more_words = f"os.write({extra}, b'extra'); " if further else ""
        program = f"import os, sys; {more_words}sys.stdout.write(sys.stdin.read().upper())"
        given = self.box(tmp_path, program, stdin=read, stdout=answer, fds=(extra,) if further else ())
        running = self.sandbox().start(given)
        for descriptor in (read, answer, extra):
            os.close(descriptor)
        os.write(write, b"hello")
        os.close(write)
        got = os.read(back, 100), os.read(more, 100)
        completed = running.wait()
        os.close(back)
        os.close(more)
        require(got == (b"HELLO", b"extra" if further else b""), f"stdin, stdout and fds are the ones given: {got}")
        require(completed.stdout == b"", "what goes to a given stdout is not captured")

    def test_our_environment_is_not_inherited(self, tmp_path: Path) -> None:
        """Keys and tokens live there."""
        os.environ["CONFORMANCE_CANARY"] = "sings"
        try:
            program = "import os; print('CONFORMANCE_CANARY' in os.environ, os.environ['GIVEN'])"
            completed = self.run(tmp_path, program, env=(("GIVEN", "yes"),))
        finally:
            del os.environ["CONFORMANCE_CANARY"]
        require(completed.stdout == b"False yes\n", "the environment is what the box names and nothing else")

    def test_the_wall_limit_ends_the_command(self, tmp_path: Path) -> None:
        """By our clock, not the command's."""
        begun = time.monotonic()
        completed = self.run(tmp_path, SLEEP, wall=0.3)
        require(completed.stopped == "wall" and completed.code < 0, "the wall limit ends it")
        require(0.3 <= completed.wall_seconds <= time.monotonic() - begun < 5, "and promptly")

    def test_a_time_limit_with_grace_asks_first(self, tmp_path: Path) -> None:
        """SIGTERM, and what the command says then still counts as output."""
        program = "import signal, sys, time\nsignal.signal(15, lambda *_: (print('bye'), sys.exit(5)))\ntime.sleep(300)"
        completed = self.run(tmp_path, program, wall=2.0, grace=10.0)
        require(completed.stopped == "wall", "ending by itself within the grace is still being stopped")
        require((completed.code, completed.stdout) == (5, b"bye\n"), "the command may end by itself")

    def test_who_ignores_the_grace_is_killed(self, tmp_path: Path) -> None:
        """SIGKILL cannot be ignored."""
        program = f"import signal; signal.signal(15, signal.SIG_IGN); {SLEEP}"
        completed = self.run(tmp_path, program, wall=2.0, grace=0.2)
        require((completed.code, completed.stopped) == (-signal.SIGKILL, "wall"), "after the grace comes SIGKILL")

    def test_cpu_seconds_count_children(self, tmp_path: Path) -> None:
        """Two that burn half the limit each are over it."""
        completed = self.run(tmp_path, fork(3, burn=2), cpu_seconds=0.5)
        require(completed.stopped == "cpu", "CPU time of children counts")

    def test_cpu_seconds_count_children_that_nobody_waits_for(self, tmp_path: Path) -> None:
        """With SIGCHLD ignored the kernel forgets them."""
        completed = self.run(tmp_path, fork(2, burn=0.3, ignored=True))
        require(0.4 < completed.cpu_seconds < 1.5, f"0.6 s of CPU time were used: {completed.cpu_seconds}")

    def test_memory_counts_the_whole_tree(self, tmp_path: Path) -> None:
        """Four children below the limit are above it together."""
        completed = self.run(tmp_path, fork(4, own=60 * MEGABYTE, sleep=300), memory=150 * MEGABYTE)
        require(completed.stopped == "memory", "memory of children counts")

    def test_memory_shared_by_children_counts_once(self, tmp_path: Path) -> None:
        """Forking is no crime."""
        completed = self.run(tmp_path, fork(4, shared=80 * MEGABYTE, sleep=0.3), memory=200 * MEGABYTE)
        require((completed.code, completed.stopped) == (0, ""), f"shared pages count once: {completed}")
        require(completed.peak_memory < 200 * MEGABYTE, "also in peak_memory")

    def test_peak_memory_is_measured(self, tmp_path: Path) -> None:
        """Within what an interpreter adds."""
        completed = self.run(tmp_path, f"held = b'x' * {100 * MEGABYTE}; import time; time.sleep(0.6)")
        require(100 * MEGABYTE < completed.peak_memory < 150 * MEGABYTE, f"100 MB were held: {completed.peak_memory}")

    def test_too_many_processes_end_the_command(self, tmp_path: Path) -> None:
        """A fork bomb, with a fuse."""
        completed = self.run(tmp_path, fork(60, sleep=300), pids=20)
        require(completed.stopped == "pids", "the limit on processes ends it")

    def test_threads_count_as_processes(self, tmp_path: Path) -> None:
        """A thread bomb, with a fuse."""
        program = "import threading, time\nfor _ in range(60): threading.Thread(target=time.sleep, args=(300,)).start()"
        completed = self.run(tmp_path, program, pids=20)
        require(completed.stopped == "pids", "the limit on processes counts threads")

    def test_a_full_disk_is_the_commands_not_ours(self, tmp_path: Path) -> None:
        """Many files, and one that is deleted while it grows."""
        many = f"for n in range(9): open(str(n), 'wb').write(b'x' * {2 * MEGABYTE})"
        deleted = f"import os; f = open('f', 'wb', 0); os.remove('f'); f.write(b'x' * {8 * MEGABYTE})"
        for program in (many, deleted):
            completed = self.run(tmp_path, f"{program}\n{SLEEP}", disk=7 * MEGABYTE)
            require(completed.stopped == "disk" or completed.code > 0, f"the disk limit holds: {completed}")

    def test_a_flood_of_output_is_cut_and_stopped(self, tmp_path: Path) -> None:
        """Without a deadlock, on either stream."""
        for stream in ("stdout", "stderr"):
            completed = self.run(tmp_path, f"import sys\nwhile True: sys.{stream}.write('x' * 65536)", output=100_000)
            require(completed.flooded and completed.stopped == "output", "a flood is stopped")
            require(len(getattr(completed, stream)) == 100_000, "what came before is kept")

    def test_output_up_to_the_limit_is_no_flood(self, tmp_path: Path) -> None:
        """To the byte."""
        completed = self.run(tmp_path, "print('x' * 99_999)", output=100_000)
        require((completed.stopped, len(completed.stdout)) == ("", 100_000), "the limit itself is allowed")
        completed = self.run(tmp_path, "print('x' * 100_000)", output=100_000)
        require(completed.flooded, "one byte more is not")

    def test_kill_cancels_and_wait_can_be_asked_again(self, tmp_path: Path) -> None:
        """And a late kill changes nothing."""
        running = self.sandbox().start(self.box(tmp_path, SLEEP))
        running.kill()
        completed = running.wait()
        running.kill()
        require(completed.stopped == "cancelled", "kill is told as cancelled")
        require(running.wait() == completed, "wait gives the same answer again")

    def test_a_box_is_held_to_its_limits_while_another_is_waited_for(self, tmp_path: Path) -> None:
        """The candidate serves while the judge asks."""
        sandbox = self.sandbox()
        served = sandbox.start(self.box(tmp_path, BURN.format(seconds=300), cpu_seconds=0.2))
        waited = sandbox.start(self.box(tmp_path, "import time; time.sleep(4)")).wait()
        completed = served.wait()
        require(waited.code == 0, "the one that is waited for ends well")
        require(
            completed.stopped == "cpu" and completed.wall_seconds < 3.9, f"the other was stopped in time: {completed}"
        )

    def test_cores_and_core_dumps_are_limited(self, tmp_path: Path) -> None:
        """Granted cores are pinned before the command starts."""
        program = (
            "import os, resource as r; print(len(os.sched_getaffinity(0)), max(r.getrlimit(r.RLIMIT_CORE)) < 4096)"
        )
        completed = self.run(tmp_path, program, cpus=1)
        require(completed.stdout == b"1 True\n", f"one core, no core dumps: {completed.stdout!r}")
