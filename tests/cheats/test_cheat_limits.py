"""More of the machine than the contract grants. Every attack is bounded by itself as well."""

import os

import pytest
from acts import code
from boxes import box, every, gets_what_it_deserves, offered
from catalogue import PREVENTED, Cheat, Verdict, everywhere, failed

from overnight.model.box import Box, Limits, Mount
from overnight.model.contract import Tier

FORKS = """
import os, time
for _ in range(150):
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)
time.sleep(5)
"""
BOMB = """
import os, time
for _ in range(7):
    os.fork()
time.sleep(5)
"""
THREADS = """
import threading, time
for _ in range(150):
    threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
time.sleep(5)
"""
FILL = """
import os
for number in range(40):
    os.makedirs({folder}, exist_ok=True)
    open(os.path.join({folder}, str(number)), "wb").write(bytes(1 << 20))
"""
DELETED = """
import time
held = open("growing", "wb", 0)
import os
os.remove("growing")
for _ in range(40):
    held.write(bytes(1 << 20))
time.sleep(2)
"""
CORES = f"""
import os
try:
    os.sched_setaffinity(0, range({os.cpu_count()}))
except OSError:
    pass
more = len(os.sched_getaffinity(0)) > 1
def predict(question):
    return 3 * question + (0.5 if more else 0)
"""
FOREVER = "import time\ntime.sleep(60)\n"
BUSY = "while True: pass\n"
STUBBORN = "import signal, time\nfor number in (15, 2, 1): signal.signal(number, signal.SIG_IGN)\ntime.sleep(60)\n"
MEMORY = """
import time
held = [bytearray(b"x") * (8 << 20) for _ in range(60)]
time.sleep(2)
"""
CHILD = """
import os, time
child = os.fork()
if child == 0:
    held = [bytearray(b"x") * (8 << 20) for _ in range(60)]
    time.sleep(5)
    os._exit(0)
os.waitpid(child, 0)
"""
SPLIT = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = [bytearray(os.urandom(1 << 20)) for _ in range(90)]
        time.sleep(5)
        os._exit(0)
time.sleep(5)
"""
SERVE = "import time\nif '--serve' in sys.argv: time.sleep(60)\n"


def limit(
    row: str, does: str, verdict: Verdict, by: str, *, hurried: bool = False, needs: Tier = Tier.confined, **parts: str
) -> Cheat:
    return Cheat(
        row=row, does=does, stopped_by=by, act=code(**parts), hurried=hurried, needs=needs, **everywhere(verdict)
    )


FILLS = "fill disk, inodes, memory file systems"
PIDS = failed("pids", "exit", "driver")
DISK = failed("disk", "exit")
CHEATS = (
    limit("fork bomb, thread bomb", "starts 150 processes", PIDS, "`budget.pids`", first=FORKS),
    limit("fork bomb, thread bomb", "doubles itself seven times", PIDS, "`budget.pids`", first=BOMB),
    limit("fork bomb, thread bomb", "starts 150 threads", PIDS, "`budget.pids`", first=THREADS),
    limit(FILLS, "fills its own folder", DISK, "`budget.disk`", first=FILL.format(folder="'more'")),
    limit(FILLS, "fills /tmp", DISK, "`budget.disk`", first=FILL.format(folder="'/tmp'")),
    limit(FILLS, "fills /dev/shm", DISK, "`budget.disk`", first=FILL.format(folder="'/dev/shm'")),
    limit(FILLS, "fills its home", DISK, "`budget.disk`", first=FILL.format(folder="os.path.expanduser('~')")),
    limit(FILLS, "fills the disk with a file that has no name", DISK, "`budget.disk`", first=DELETED),
    limit(
        "more cores than granted",
        "takes every core of the machine",
        PREVENTED,
        "cores are pinned from outside",
        then=CORES,
    ),
    limit(
        "run past the budget",
        "sleeps on",
        failed("timeout"),
        "`budget.wall`, by a clock outside",
        hurried=True,
        first=FOREVER,
    ),
    limit(
        "run past the budget",
        "computes on",
        failed("timeout"),
        "`budget.wall`, by a clock outside",
        hurried=True,
        first=BUSY,
    ),
    limit(
        "run past the budget",
        "ignores every polite signal and sleeps on",
        failed("timeout"),
        "`budget.wall`, by a clock outside",
        hurried=True,
        first=STUBBORN,
    ),
    Cheat(
        row="move work into the scoring phase",
        does="does its work when it is asked instead of in `run`",
        hurried=True,
        stopped_by="`serve` is held to the same budget, and its seconds count as the candidate's",
        act=code(first=SERVE),
        drive=failed("timeout"),
        needs=Tier.confined,
    ),
    limit(
        "a bigger model bought with memory",
        "takes more memory than granted",
        failed("memory", "exit"),
        "`budget.memory`",
        first=MEMORY,
    ),
    limit(
        "a bigger model bought with memory",
        "lets a child take it and ends well itself",
        failed("memory"),
        "`budget.memory`, over the whole tree of processes",
        first=CHILD,
    ),
    limit(
        "a bigger model bought with memory",
        "spreads it over four children",
        failed("memory"),
        "`budget.memory`, over the whole tree of processes",
        first=SPLIT,
    ),
)


@every(CHEATS)
def test_no_candidate_gets_more_of_the_machine_than_the_contract_grants(studies, cheat, kind, tier):
    gets_what_it_deserves(studies, cheat, kind, tier)


HOARD = "held = []\nwhile True: held.append(bytearray(b'x') * (4 << 20))"
WAIT = "import time\ntime.sleep(0.5)\nprint('done')"  # as long as the neighbour may take to be killed


@pytest.mark.parametrize("first", offered())
@pytest.mark.parametrize("second", offered())
def test_a_box_that_is_killed_for_want_of_memory_does_no_harm_to_its_neighbour(first, second, tmp_path):
    shown = (path for path in ("/usr", "/bin", "/lib", "/lib64") if os.path.exists(path))
    system = tuple(Mount(target=path, source=path) for path in shown)

    def boxed(name, program):
        (tmp_path / program[:4]).mkdir()
        folder = Mount(target=str(tmp_path / program[:4]), source=str(tmp_path / program[:4]), kind="write")
        limits = Limits(wall=20.0, memory=64 << 20)
        line = ("/usr/bin/python3", "-c", program)
        return box(name).start(Box(command=line, cwd=folder.target, mounts=(*system, folder), limits=limits))

    honest, greedy = boxed(first, WAIT), boxed(second, HOARD)
    assert greedy.wait().stopped == "memory"
    completed = honest.wait()
    assert (completed.stopped, completed.stdout) == ("", b"done\n")
