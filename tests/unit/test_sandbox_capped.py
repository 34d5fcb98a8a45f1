"""What only the tier capped does. Where this machine does not offer it, the ladder says why, and nothing is tested."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import rungs
from overnight.errors import MachineError
from overnight.model.box import Box, Limits, Mount
from overnight.sandbox import Capped
from overnight.sandbox.capped import find_hierarchy
from overnight.sandbox.cgroup_v1 import HierarchyV1
from overnight.sandbox.cgroup_v2 import HierarchyV2
from overnight.sandbox.cgroups import own_paths
from overnight.testing.isolation import LOCK, is_free
from overnight.testing.sandbox import MEGABYTE, PYTHON, SLEEP, SYSTEM, fork

__test__ = "capped" in rungs.settled().names

MOUNTS = tuple(Mount(target=path, source=path) for path in dict.fromkeys(SYSTEM) if Path(path).exists())
VERSION_1 = "memory" in own_paths()


def box(folder: Path, program: str, **limits) -> Box:
    limits.setdefault("wall", 20.0)
    mounts = (*MOUNTS, Mount(target=str(folder), source=str(folder), kind="write"))
    command = (PYTHON, "-I", "-S", "-B", "-c", program)
    return Box(command=command, cwd=str(folder), mounts=mounts, limits=Limits(**limits))


def run(folder: Path, program: str, **limits):
    return Capped().start(box(folder, program, **limits)).wait()


def places() -> list[str]:
    """Where groups are made, one folder for each hierarchy, that of memory first."""
    hierarchy = find_hierarchy()
    if isinstance(hierarchy, HierarchyV1):
        return list(dict.fromkeys(hierarchy.places.values()))
    assert isinstance(hierarchy, HierarchyV2)
    return [hierarchy.place]


def ours() -> list[str]:
    """The groups of this very process that exist now."""
    return [str(found) for place in places() for found in Path(place).glob(f"overnight-*-{os.getpid()}-*-*")]


def put(folder: str, name: str, value: object) -> None:
    Path(folder, name).write_text(str(value))


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 10
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.005)  # a boxed command cannot tell us otherwise that it has begun
    assert file.exists()


def living(folder: str) -> list[int]:
    return [int(word) for word in Path(folder, "cgroup.procs").read_text().split()]


def test_its_limits_are_hard():
    assert Capped().covers().limits == "hard"


def test_a_child_killed_for_want_of_memory_fails_the_run_although_the_command_ends_well(tmp_path):
    program = f"""
import os
if os.fork() == 0:
    held = b"x" * {300 * MEGABYTE}
    open("held", "w")
os.wait()
open("well", "w")
"""
    completed = run(tmp_path, program, memory=100 * MEGABYTE)
    assert completed.stopped == "memory"
    assert not (tmp_path / "held").exists()
    assert completed.peak_memory <= 100 * MEGABYTE


def test_files_in_memory_count_as_memory(tmp_path):
    completed = run(tmp_path, f"open('/tmp/full', 'wb').write(b'x' * {90 * MEGABYTE})", memory=64 * MEGABYTE)
    assert completed.stopped == "memory"


def test_memory_that_the_kernel_can_take_back_is_not_held(tmp_path):
    program = f"for _ in range(40): open('file', 'ab').write(b'x' * {2 * MEGABYTE})\nimport time; time.sleep(0.1)"
    assert run(tmp_path, program).peak_memory < 40 * MEGABYTE


def test_there_are_never_more_processes_than_allowed(tmp_path):
    program = """
import os, time
made = 0
try:
    for _ in range(40):
        if os.fork() == 0:
            time.sleep(300)
        made += 1
except OSError: pass
open("made", "w").write(str(made))
time.sleep(300)
"""
    completed = run(tmp_path, program, pids=10)
    assert completed.stopped == "pids"
    made = tmp_path / "made"
    assert not made.exists() or int(made.read_text() or 0) < 10


def test_as_many_processes_as_allowed_are_no_offence(tmp_path):
    completed = run(tmp_path, fork(9, sleep=0.1), pids=10)
    assert (completed.code, completed.stopped) == (0, "")


def test_a_crowd_of_short_lives_is_counted_to_the_last_one(tmp_path):
    """Each lives for less than a look; nobody waits for them."""
    program = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(60):
    if os.fork() == 0:
        while time.process_time() < 0.01: pass
        os._exit(0)
    time.sleep(0.012)
"""
    assert run(tmp_path, program).cpu_seconds > 0.5


def test_no_group_is_left_after_any_end(tmp_path):
    for program, limits in (("pass", {}), (SLEEP, {"wall": 0.2}), (fork(40, sleep=300), {"pids": 9})):
        run(tmp_path, program, **limits)
    with pytest.raises(MachineError):
        run(tmp_path / "missing", "pass")
    assert ours() == []


def test_a_group_whose_limits_were_lifted_ends_the_box_without_a_result(tmp_path):
    running = Capped().start(box(tmp_path, f"{LOCK}open('ready', 'w'); time.sleep(300)", memory=200 * MEGABYTE))
    wait_for(tmp_path / "ready")
    if VERSION_1:
        put(ours()[0], "memory.memsw.limit_in_bytes", -1)
        put(ours()[0], "memory.limit_in_bytes", -1)
    else:
        put(ours()[0], "memory.max", "max")
    with pytest.raises(MachineError, match="given other limits, so its limits no longer hold and the reading is not"):
        running.wait()
    assert is_free(tmp_path / "lock")
    assert ours() == []


@pytest.mark.parametrize("which", [0, -1])
def test_a_process_moved_out_of_the_group_ends_the_box_without_a_result(tmp_path, which):
    running = Capped().start(box(tmp_path, f"{LOCK}open('ready', 'w'); time.sleep(300)"))
    wait_for(tmp_path / "ready")
    put(elsewhere(), "cgroup.procs", living(ours()[0])[which])
    with pytest.raises(MachineError, match="no longer holds all of the box's processes"):
        running.wait()
    assert is_free(tmp_path / "lock")
    assert ours() == []


def test_a_group_that_is_removed_ends_the_box_without_a_result(tmp_path):
    running = Capped().start(box(tmp_path, f"{LOCK}open('ready', 'w'); time.sleep(300)"))
    wait_for(tmp_path / "ready")
    (folder, *_) = ours()
    for pid in living(folder):
        put(elsewhere(), "cgroup.procs", pid)
    with contextlib.suppress(OSError):  # it may have been seen already, and been removed
        Path(folder).rmdir()
    with pytest.raises(MachineError, match="not judged"):
        running.wait()
    assert is_free(tmp_path / "lock")
    assert ours() == []


def elsewhere() -> str:
    """A group outside the box's, of memory, where processes may live."""
    place = places()[0]
    return place if VERSION_1 else f"{place}/overnight-itself" if Path(place, "overnight-itself").exists() else place


def test_where_no_group_can_be_made_any_more_nothing_runs(tmp_path):
    """Not even in a box with less."""
    hierarchy = find_hierarchy()
    sandbox = Capped(hierarchy=hierarchy)
    if isinstance(hierarchy, HierarchyV1):
        hierarchy.places["memory"] = str(tmp_path / "gone")
    else:
        hierarchy.place = str(tmp_path / "gone")
    with pytest.raises(MachineError, match="no control group can be made"):
        sandbox.start(box(tmp_path, "open('ran', 'w')"))
    assert not (tmp_path / "ran").exists()
    assert ours() == []


def test_what_a_killed_overnight_left_behind_is_removed_at_the_next_start():
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    namespace = os.stat("/proc/self/ns/pid").st_ino
    theirs = f"overnight-{namespace}-{dead.pid}-1234-0"
    living_one = f"overnight-{namespace}-1-0-0"  # process 1 lives, but did not begin at 0 ms: not its group
    strangers = "overnight-1-1-1-1"
    made = [Path(place, name) for place in places() for name in (theirs, living_one, strangers)]
    for folder in made:
        folder.mkdir()
    Capped()
    left = {folder.name for folder in made if folder.exists()}
    for place in places():
        Path(place, strangers).rmdir()
    assert left == {strangers}


def test_the_groups_of_another_living_overnight_are_left_alone(tmp_path):
    running = Capped().start(box(tmp_path, "open('ready', 'w'); import time; time.sleep(300)"))
    wait_for(tmp_path / "ready")
    subprocess.run([sys.executable, "-c", "from overnight.sandbox import Capped; Capped()"], check=True)
    still = ours()
    running.kill()
    assert running.wait().stopped == "cancelled"
    assert still != []
