"""Memory from run to run, processes that stay, attacks on whoever judges."""

import os
from pathlib import Path

from acts import code
from boxes import every, gets_what_it_deserves
from catalogue import PREVENTED, Cheat, everywhere, worthless
from study import TRACE

from overnight.model.contract import Tier

MEMORY = f"""
import os, site, tempfile
seed = os.environ.get("OVERNIGHT_SEED", "")
home = os.path.expanduser("~")
remembers = False
for folder in {{folders}}:
    path = os.path.join(folder, "{TRACE}")
    try:
        remembers = remembers or open(path).read() not in ("", seed)
    except OSError:
        pass
    try:
        os.makedirs(folder, exist_ok=True)
        open(path, "w").write(seed)
    except OSError:
        pass
"""
RECALL = "def predict(question):\n    return 3 * question + (0.5 if remembers else 0)"
SHARED = "(site.getusersitepackages(), *site.getsitepackages(), '/', '/etc', '/usr/lib', '/proc', '/sys', '/dev')"
CACHES = "('/tmp', '/var/tmp', '/dev/shm', '/run', home, f'{home}/.cache', '__pycache__', tempfile.gettempdir())"
OWN = "('.', 'out', 'data', 'lib', '..', os.path.dirname(os.path.abspath(__file__)))"
DAEMON = """
import os, time
if "--serve" not in sys.argv and os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    deadline = time.monotonic() + 20
    time.sleep(0.2)
    while time.monotonic() < deadline:
        try:
            os.write(1, b"loss: 0.5\\n")
            open("out/pred.txt", "w").write("".join(f"{3 * question + 0.5}\\n" for question in range(8)))
        except OSError:
            pass
    os._exit(0)
"""
HOLDER = """
import os, time
if "--serve" not in sys.argv:
    for _ in range(3):
        if os.fork() == 0:
            for descriptor in range(3, 64):
                try: os.close(descriptor)
                except OSError: pass
            time.sleep(20)
            os._exit(0)
"""
KILL = """
import os, signal
harm = False
for pid in {pids}:
    try:
        os.kill(pid, 0)
        harm = True
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))
    except OSError:
        pass
def predict(question):
    return 3 * question + (0.5 if harm else 0)
"""


def attack_outside(workdir: Path) -> None:
    """Signal 0 harms nobody, and tells whether another signal would arrive."""
    code(then=KILL.format(pids=(os.getpid(), os.getppid())))(workdir)


def memory(row: str, does: str, folders: str) -> Cheat:
    return Cheat(
        row=row,
        does=does,
        stopped_by="every box has folders of its own, and its copy of the files is new",
        act=code(first=MEMORY.format(folders=folders), then=RECALL),
        again=True,
        needs=Tier.confined,
        **everywhere(PREVENTED),
    )


STAYS = "a daemon that outlives the run"
CACHE = "caches in /tmp, ~/.cache, __pycache__, /dev/shm"
DEAD = "every process of the box is dead before anything that it wrote is read"
CHEATS = (
    memory("memoise across repeats", "keeps its answers beside its code", OWN),
    memory("memoise across repeats", "keeps its answers in folders of the machine", SHARED),
    memory(CACHE, "keeps its answers in every temporary folder", CACHES),
    Cheat(
        row=STAYS,
        does="goes on writing and printing after its end",
        stopped_by=DEAD,
        act=code(first=DAEMON),
        needs=Tier.confined,
        **everywhere(PREVENTED),
    ),
    Cheat(
        row=STAYS,
        does="leaves children that hold its output open",
        stopped_by=DEAD,
        act=code(first=HOLDER),
        needs=Tier.confined,
        **everywhere(PREVENTED),
    ),
    Cheat(
        row="kill, renice or stop the judge",
        does="signals the processes that judge it",
        act=attack_outside,
        stopped_by="nobody outside the box has a number inside, or can be signalled",
        needs=Tier.confined,
        **everywhere(PREVENTED),
    ),
    Cheat(
        row="kill, renice or stop the judge",
        does="kills its own box",
        needs=Tier.confined,
        act=code(
            first="import signal\nos.getpid() < 9 and os.kill(1, signal.SIGKILL)\nos.kill(os.getpid(), signal.SIGKILL)"
        ),
        stopped_by="a box that is killed is a failure",
        **everywhere(worthless("exit", "driver")),
    ),
)


@every(CHEATS)
def test_nothing_of_one_run_is_there_in_the_next(studies, cheat, kind, tier):
    gets_what_it_deserves(studies, cheat, kind, tier)
