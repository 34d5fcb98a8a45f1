import os
import subprocess
import sys
from pathlib import Path

import pytest

import rungs
from overnight.model.box import Box, Limits, Mount
from overnight.sandbox.meters import CpuMeter, MemoryMeter, devices, folder_bytes, held_together, tmpfs_bytes
from overnight.sandbox.processes import Process, counter, lives, look, out_of_memory_kills, proportional, tree
from overnight.sandbox.taskclock import TaskClock
from overnight.testing.sandbox import PYTHON, SYSTEM

PLENTY = 10**12


def process(pid: int = 1, started: float = 0.0, own: float = 0.0, waited: float = 0.0, resident: int = 0) -> Process:
    return Process(pid, started, "R", 1, 1, own, waited, resident)


def test_cpu_time_of_processes_that_vanish_is_kept():
    meter = CpuMeter()
    meter.observe([process(1, own=1.0), process(2, own=2.0)])
    meter.observe([process(1, own=1.5)])
    assert meter.seconds == 3.5


def test_cpu_time_that_a_parent_has_waited_for_is_not_counted_twice():
    meter = CpuMeter()
    meter.observe([process(1, own=1.0), process(2, own=2.0)])
    meter.observe([process(1, own=1.0, waited=2.0)])
    assert meter.seconds == 3.0


def test_a_number_used_again_is_another_process():
    meter = CpuMeter()
    meter.observe([process(7, started=1.0, own=2.0)])
    meter.observe([process(7, started=5.0, own=0.5)])
    assert meter.seconds == 2.5


def test_one_process_over_the_limit_is_convicted_by_its_resident_size():
    meter = MemoryMeter(100)
    assert meter.observe([process(resident=101)], 0.0)
    assert not MemoryMeter(100).observe([process(resident=100)], 0.0)


def test_several_processes_are_convicted_only_by_what_they_hold_together():
    """This very process twice: its resident size counts double, its proportional size is looked up."""
    me = look(os.getpid())
    held = 2 * proportional(me).held
    assert not MemoryMeter(held + 50 * 1024**2).observe([me, me], 0.0)
    assert MemoryMeter(held // 2).observe([me, me], 0.0)


def test_a_process_that_has_just_died_holds_nothing_whatever_it_held_before():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        before = look(child.pid)._replace(resident=10**9)
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert proportional(before).held == 0
        ours = look(os.getpid())
        assert not MemoryMeter(ours.resident + 5 * 10**8).observe([ours, before], 0.0)


def test_the_number_of_a_dead_process_used_again_is_not_the_dead_process():
    me = look(os.getpid())
    assert lives(me)
    assert not lives(me._replace(started=me.started - 1))


HOARDER = "held = b'x' * (64 * 1024**2); print(flush=True); input()"


class ReadSlowly(list):
    """Processes of which the first dies when it has been read."""

    def __iter__(self):
        first, *rest = super().__iter__()
        yield first
        if look(first.pid).state != "Z":
            os.kill(first.pid, 9)
            os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
        yield from rest


def test_those_that_die_while_the_others_are_read_are_not_counted():
    """A survivor holds alone what it shared with the dead: what was read of them before does not add to it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOARDER], **pipes) as dying, subprocess.Popen(["cat"], **pipes) as cat:
        dying.stdout.readline()
        processes = [look(dying.pid), look(cat.pid)]
        assert held_together(processes)[0] > 64 * 1024**2
        assert held_together(ReadSlowly(processes))[0] < 32 * 1024**2
        cat.stdin.close()


def test_between_two_readings_of_what_is_shared_no_sum_can_be_a_new_peak():
    """Many children that share everything look like a crowd that shares nothing, were the old share believed."""
    me = look(os.getpid())
    meter = MemoryMeter(30 * 1024**3)
    assert not meter.observe([me, process(2**22 + 1, resident=1)], 0.0)
    crowd = [me._replace(resident=20 * 1024**3)] * 30
    assert not meter.observe(crowd, 0.0)
    assert meter.peak == 20 * 1024**3


def test_a_tree_has_parents_before_children_and_stops_counting_a_bomb():
    program = "import subprocess, sys; subprocess.run(['sleep', '300'])"
    with subprocess.Popen([sys.executable, "-c", program], start_new_session=True) as parent:
        while len(found := tree([parent.pid])) < 2:
            pass
        cut = tree([parent.pid], at_most=0)
        os.killpg(parent.pid, 9)
    assert found[0].pid == parent.pid
    assert len(cut) == 1


def test_a_process_that_is_gone_is_none():
    with subprocess.Popen(["true"]) as gone:
        pass
    assert look(gone.pid) is None


def test_bytes_of_a_folder_are_what_the_disk_holds(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "data").write_bytes(b"x" * 1_000_000)
    held = folder_bytes(str(tmp_path), PLENTY)
    assert 1_000_000 <= held < 1_050_000


def test_a_sparse_file_costs_what_it_holds(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**12)
    assert folder_bytes(str(tmp_path), PLENTY) < 100_000


def test_a_hard_link_costs_its_content_once(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 1_000_000)
    for name in "bcd":
        (tmp_path / name).hardlink_to(tmp_path / "a")
    assert folder_bytes(str(tmp_path), PLENTY) < 1_100_000


def test_links_lead_nowhere(tmp_path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "big").write_bytes(b"x" * 1_000_000)
    (inside / "link").symlink_to(outside)
    assert folder_bytes(str(inside), PLENTY) < 10_000


def test_a_crowd_of_empty_files_is_not_free(tmp_path):
    for number in range(500):
        (tmp_path / str(number)).touch()
    assert folder_bytes(str(tmp_path), PLENTY) >= 500 * 256


def test_a_folder_beyond_the_longest_path_counts_as_full(tmp_path):
    top = os.open(tmp_path, os.O_RDONLY)
    name = "d" * 250
    for _ in range(20):
        os.mkdir(name, dir_fd=top)
        below = os.open(name, os.O_RDONLY, dir_fd=top)
        os.close(top)
        top = below
    os.close(top)
    assert folder_bytes(str(tmp_path), PLENTY) >= PLENTY
    subprocess.run(["rm", "-rf", str(tmp_path / name)], check=True)


def test_what_is_no_fault_of_the_box_is_ours(tmp_path):
    """Where we have no descriptor left to look with, nobody has written too much."""
    program = (
        "import resource, sys\nfrom overnight.errors import MachineError\n"
        "from overnight.sandbox.meters import folder_bytes\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "try: print(folder_bytes(sys.argv[1], 10**12))\nexcept MachineError as error: print('ours:', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.startswith("ours: what a box holds on disk cannot be counted"), done


def test_a_temporary_folder_of_the_machine_is_nobodys():
    """As a box's first process shows it before it has a root of its own, or a stranger with its number after it."""
    folders = ("/tmp", "/dev/shm")
    assert tmpfs_bytes(os.getpid(), folders, devices(folders)) == 0
    assert tmpfs_bytes(os.getpid(), folders, frozenset()) > 0
    assert tmpfs_bytes(2**22 + 1, folders, frozenset()) == 0


def test_counting_ends_early(tmp_path):
    for number in range(50):
        (tmp_path / str(number)).write_bytes(b"x" * 8192)
    assert 10_000 < folder_bytes(str(tmp_path), 10_000) < 50 * 8192


@pytest.mark.parametrize(
    ("table", "number"), [(b"low 1\noom_kill 3\noom_group_kill 9\n", 3), (b"", 0), (b"oom_kill", 0)]
)
def test_a_counter_is_read_by_its_whole_name(table, number):
    assert counter(table, b"oom_kill") == number


def test_kills_for_want_of_memory_can_be_counted_here():
    assert out_of_memory_kills() >= 0


UNWAITED = """
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(30):
    if os.fork() == 0:
        while sum(os.times()[:2]) < 0.01: pass
        os._exit(0)
    try: os.wait()
    except ChildProcessError: pass
"""


@pytest.mark.parametrize("name", [name for name in rungs.settled().names if name != "none"])
def test_processor_time_of_children_that_nobody_waits_for_counts_in_every_box(tmp_path, name):
    """The kernel adds it to nobody's sums: a program that computes in such children would look idle."""
    system = tuple(Mount(target=path, source=path) for path in dict.fromkeys(SYSTEM) if Path(path).exists())
    box = Box(
        command=(PYTHON, "-I", "-S", "-B", "-c", UNWAITED), cwd=str(tmp_path), limits=Limits(wall=60.0),
        mounts=(*system, Mount(target=str(tmp_path), source=str(tmp_path), kind="write")),
    )  # fmt: skip
    completed = rungs.sandbox(name).start(box).wait()
    clock = TaskClock(os.getpid())
    told = clock.runs or name in ("capped", "container")
    clock.close()
    assert completed.code == 0, completed
    assert completed.cpu_seconds > 0.28 or not told, completed


HELD = {
    "a file without a name": "import os; f = os.memfd_create('x'); {fill}; os.close(f)",
    "a file in memory": "import os; f = os.open('/dev/shm/x', os.O_RDWR | os.O_CREAT); {fill}; os.close(f)",
    "a mapped file without a name": (
        "import mmap, os; f = os.memfd_create('x'); {fill}; m = mmap.mmap(f, 64 << 20); sum(m[::4096]); hold()"
    ),
}
FILL = "[os.write(f, bytes(1 << 20)) for _ in range(64)]; hold()"


@pytest.mark.parametrize("how", HELD)
@pytest.mark.parametrize("name", [name for name in rungs.settled().names if name != "none"])
def test_memory_in_files_counts_in_every_box_and_once(tmp_path, name, how):
    if "/dev/shm" in HELD[how] and not rungs.sandbox(name).covers().mounts:
        return  # nothing of the kind can be written there
    wait = "def hold():\n    import time; time.sleep(0.5)  # as long as several looks take\n"
    program = wait + HELD[how].format(fill=FILL)
    system = tuple(Mount(target=path, source=path) for path in dict.fromkeys(SYSTEM) if Path(path).exists())
    box = Box(
        command=(PYTHON, "-I", "-S", "-B", "-c", program), cwd=str(tmp_path), limits=Limits(wall=60.0),
        mounts=(*system, Mount(target=str(tmp_path), source=str(tmp_path), kind="write")),
    )  # fmt: skip
    completed = rungs.sandbox(name).start(box).wait()
    assert completed.code == 0, completed
    assert 64 * 2**20 < completed.peak_memory < 110 * 2**20, completed
