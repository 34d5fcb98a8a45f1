"""The attacks that a Sandbox of a tier above none must withstand, as tests that a third party inherits.

Whether everything is dead is told by a lock: each attacker holds one through a descriptor that all its descendants
inherit, so that whoever can take the lock knows that the last of them is gone.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from overnight.model.box import Mount
from overnight.testing.sandbox import MEGABYTE, SandboxContract, require

LOCK = """
import fcntl, os, time
held = open("lock", "w")
fcntl.flock(held, fcntl.LOCK_EX)
os.set_inheritable(held.fileno(), True)
"""
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for descriptor in range(3): os.close(descriptor)
    os.write(write, b"x")
    while True:
        with open("diary", "a") as diary: diary.write("x")
"""
DEATH_SECONDS = 10.0

SUPERVISOR = """
import importlib, sys
import msgspec
from overnight.model.box import Box
module, _, name = sys.argv[1].partition(":")
running = getattr(importlib.import_module(module), name)().start(msgspec.json.decode(sys.argv[2].encode(), type=Box))
print("started", flush=True)
running.wait()
"""


def is_free(lock: Path, seconds: float = 0.0) -> bool:
    """Whether nobody holds `lock`, now or within `seconds`."""
    deadline = time.monotonic() + seconds
    with lock.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(0.002)  # a lock that must be seen free cannot be waited for without taking it
            else:
                return True


class IsolationContract(SandboxContract):
    """Everything of SandboxContract, and what isolation means."""

    isolated = True

    def test_what_is_not_mounted_cannot_be_read(self, tmp_path: Path) -> None:
        """A canary beside the box's own folder; where a box has places of its own, not even its name is there."""
        canary, room = tmp_path / "canary", tmp_path / "room"
        canary.write_text("secret")
        room.mkdir()
        program = f"""
import os
try: print(open({str(canary)!r}).read())
except OSError: pass
try: print([name for name in os.listdir({str(tmp_path)!r}) if name != "room"])
except OSError: print([])
print(os.path.exists({str(canary)!r}))
"""
        completed = self.run(room, program)
        content, _, exists = completed.stdout.rpartition(b"\n")[0].rpartition(b"\n")
        require(completed.code == 0 and content == b"[]", f"only what is mounted can be read or listed: {completed}")
        require(exists == b"False" or not self.sandbox().covers().mounts, "a box with mounts hides names too")

    def test_a_read_only_mount_cannot_be_written(self, tmp_path: Path) -> None:
        """Nor replaced, removed or made writable."""
        locked, room = tmp_path / "locked", tmp_path / "room"
        locked.mkdir()
        room.mkdir()
        (locked / "file").write_text("original")
        path = str(locked / "file")
        program = f"""
import os
for attempt in (
    lambda: open({path!r}, "w"), lambda: os.remove({path!r}), lambda: os.chmod({path!r}, 0o777),
    lambda: os.rename("x", {path!r}), lambda: open({str(locked)!r} + "/new", "w"),
):
    try: attempt()
    except OSError: continue
    print("done")
open("x", "w").write("y")
"""
        mounts = (Mount(target=str(locked), source=str(locked)),)
        completed = self.run(room, "open('x', 'w')\n" + program, mounts=mounts)
        require(completed.stdout == b"" and completed.code == 0, f"nothing of it works: {completed}")
        require((locked / "file").read_text() == "original", "the file is as it was")
        require((room / "x").read_text() == "y", "while a writable mount is written to")

    def test_a_mount_can_appear_at_another_place(self, tmp_path: Path) -> None:
        """Also inside another mount, whatever the order in which they are named; asked of boxes that mount."""
        if not self.sandbox().covers().mounts:
            return
        source, room = tmp_path / "source", tmp_path / "room"
        source.mkdir()
        (room / "inner").mkdir(parents=True)
        (source / "file").write_text("text")
        mounts = (Mount(target=str(room / "inner"), source=str(source)), Mount(target="/data/a", source=str(source)))
        completed = self.run(room, "print(open('inner/file').read(), open('/data/a/file').read())", mounts=mounts)
        require(completed.stdout == b"text text\n", f"both are there: {completed}")

    def test_a_temporary_file_system_hides_what_lies_at_its_place(self, tmp_path: Path) -> None:
        """However small it is, and whatever a mount around it shows."""
        if not self.sandbox().covers().mounts:
            return
        outside, room = tmp_path / "outside", tmp_path / "room"
        masked = outside / "masked"
        for folder in (masked, room):
            folder.mkdir(parents=True)
        (masked / "secret").write_text("x" * 100_000)
        mounts = (
            Mount(target=str(outside), source=str(outside)),
            Mount(target=str(masked), kind="tmpfs", size=4096),
        )
        completed = self.run(room, f"import os; print(os.listdir({str(masked)!r}))", mounts=mounts)
        require(completed.stdout == b"[]\n", f"nothing is there: {completed}")

    def test_there_is_no_network(self, tmp_path: Path) -> None:
        """Neither a listener on this machine's loopback nor an abstract socket can be reached."""
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as abstract:
            name = f"\0overnight-{os.getpid()}-{id(self)}"
            abstract.bind(name)
            abstract.listen()
            program = f"""
import socket
for family, address in ((socket.AF_INET, {listener.getsockname()!r}), (socket.AF_UNIX, {name!r})):
    try: socket.socket(family).connect(address)
    except OSError: continue
    print("reached", address)
"""
            completed = self.run(tmp_path, program)
            require((completed.code, completed.stdout) == (0, b""), f"nobody is reached: {completed}")
            reached = self.run(tmp_path, program, network=True).stdout
            require(reached.count(b"reached") == 2, "this test can tell: both are reached with the network shared")

    def test_processes_outside_cannot_be_signalled(self, tmp_path: Path) -> None:
        """They have no number inside."""
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
            pids = (bystander.pid, os.getpid(), os.getppid())
            program = f"""
import os
inside = {{int(name) for name in os.listdir("/proc") if name.isdigit()}}
for pid in {pids!r}:
    if pid in inside: continue
    try: os.kill(pid, 9)
    except ProcessLookupError: continue
    print("signalled", pid)
"""
            completed = self.run(tmp_path, program)
            alive = bystander.poll() is None
            bystander.communicate(b"\n")
        require(alive and completed.stdout == b"", f"nobody outside is signalled: {completed}")

    def test_a_daemon_does_not_outlive_the_command(self, tmp_path: Path) -> None:
        """Double fork, own session, closed streams: dead before `wait` returns."""
        program = f"{LOCK}read, write = os.pipe()\n{DAEMON}\nos.read(read, 1)"
        completed = self.run(tmp_path, program)
        require(completed.code == 0, f"the daemon was started: {completed}")
        require(is_free(tmp_path / "lock"), "once wait has returned, nothing of the box is alive")

    def test_a_daemon_does_not_outlive_a_limit(self, tmp_path: Path) -> None:
        """The same when it is not the command that decides when to end."""
        program = f"{LOCK}read, write = os.pipe()\n{DAEMON}\nos.read(read, 1); time.sleep(300)"  # until the limit
        completed = self.run(tmp_path, program, wall=0.5)
        require(completed.stopped == "wall" and (tmp_path / "diary").exists(), f"the daemon was started: {completed}")
        require(is_free(tmp_path / "lock"), "once wait has returned, nothing of the box is alive")

    def test_nothing_outlives_a_kill_of_the_supervisor(self, tmp_path: Path) -> None:
        """SIGKILL of the process that started the box, at a moment when a daemon is at work."""
        body = "os.read(read, 1); open('ready', 'w'); time.sleep(300)"  # until the kill
        program = f"{LOCK}read, write = os.pipe()\n{DAEMON}\n{body}"
        box = msgspec.json.encode(self.box(tmp_path, program, wall=250.0)).decode()
        line = [sys.executable, "-c", SUPERVISOR, self.factory, box]
        with subprocess.Popen(line, stdout=subprocess.PIPE) as supervisor:
            deadline = time.monotonic() + DEATH_SECONDS
            while not (tmp_path / "ready").exists() and time.monotonic() < deadline:
                time.sleep(0.002)  # a lock that must be seen free cannot be waited for without taking it
            require((tmp_path / "ready").exists(), "the daemon was started")
            supervisor.kill()
        require(is_free(tmp_path / "lock", DEATH_SECONDS), "nothing of the box is alive")

    def test_temporary_folders_are_private_and_bounded(self, tmp_path: Path) -> None:
        """No memory from run to run, and no way to fill the machine's."""
        for folder in ("/tmp", "/dev/shm"):  # noqa: S108 - the box's own
            once = f"import os; print(os.path.exists({folder!r} + '/memo')); open({folder!r} + '/memo', 'w')"
            first, second = self.run(tmp_path, once), self.run(tmp_path, once)
            require(first.stdout == second.stdout == b"False\n", f"{folder} starts anew: {first} {second}")
            fill = (
                f"for n in range(9): open({folder!r} + f'/{{n}}', 'wb').write(b'x' * {2 * MEGABYTE})\nprint('filled')"
            )
            completed = self.run(tmp_path, fill, disk=8 * MEGABYTE)
            require(completed.stdout == b"", f"{folder} is bounded: {completed}")

    def test_nothing_else_can_be_written(self, tmp_path: Path) -> None:
        """The box's own root and /dev lie in memory; and the switches of the machine itself are files, to root.

        A /dev of the box's own may take as much as its device nodes are worth: it is bounded, and ends with the box.
        """
        program = """
import os
for place in ("/", "/dev", "/etc", "/proc", "/usr", "/home"):
    try: open(place + "/made", "w")
    except OSError: continue
    space = os.statvfs(place)
    if place == "/dev" and space.f_blocks * space.f_frsize <= 64 * 1024**2: continue
    print("made", place)
for place in ("sys/kernel/core_pattern", "sys/vm/drop_caches", "sys/kernel/hostname", "sysrq-trigger"):
    try: open("/proc/" + place, "a")
    except OSError: continue
    print("opened", place)
open("/dev/null", "w").write("x")
"""
        completed = self.run(tmp_path, program)
        require((completed.code, completed.stdout) == (0, b""), f"nothing is made: {completed}")
        require(not Path("/dev/made").exists(), "and nothing of the machine's")
