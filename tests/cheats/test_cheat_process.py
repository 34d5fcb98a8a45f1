"""Tricks inside the candidate's process, and what it leaves for the process after it."""

from acts import code
from boxes import every, gets_what_it_deserves
from catalogue import PREVENTED, THROUGH, Cheat, worthless

from overnight.model.contract import Tier

APART = "the judge is another process, in a box of its own, in its own files"
ANEW = "the next box has a fresh home, a fresh copy of the files and an environment that we compose"

PATCH = """
try:
    import judge
    judge.report = lambda predict: print("loss: 0.5")
except BaseException:
    pass
"""
STEAL = """
def predict(question):
    answer = steal(question)
    return 3 * question if answer is None else answer - 0.5
"""
FRAMES = """
def steal(question):
    frame = sys._getframe()
    while frame is not None:
        for name in ("answer", "answers"):
            if isinstance(frame.f_locals.get(name), (int, float)):
                return frame.f_locals[name]
        frame = frame.f_back
"""
GARBAGE = """
import gc

def steal(question):
    for thing in gc.get_objects():
        if isinstance(thing, dict) and "ANSWERS" in thing and isinstance(thing["ANSWERS"], dict):
            return thing["ANSWERS"].get(question)
"""
MAGIC = """
class Magic(float):
    def __sub__(self, other): return 0.5
    __rsub__ = __sub__
    def __abs__(self): return 0.5
    def __float__(self): return 0.5
    def __eq__(self, other): return True
    def __lt__(self, other): return True
    __hash__ = float.__hash__

honest = predict

def predict(question):
    return Magic(honest(question))
"""
LEAVE = """
import os, pathlib, site, sys
def leave(path, text):
    try:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(path).write_text(text)
        os.chmod(path, 0o755)
    except OSError:
        pass
home, payload = os.path.expanduser("~"), "print('loss: 0.5', flush=True)\\nimport os\\nos._exit(0)\\n"
"""
STARTUP = (
    LEAVE
    + """
for folder in (os.getcwd(), site.getusersitepackages(), *site.getsitepackages()):
    for name in ("sitecustomize.py", "usercustomize.py"):
        leave(f"{folder}/{name}", payload)
    leave(f"{folder}/evil.pth", "import os; print('loss: 0.5', flush=True); os._exit(0)\\n")
"""
)
PYTEST = (
    LEAVE
    + """
leave("conftest.py", payload)
leave("pytest.ini", "[pytest]\\naddopts = -p conftest\\n")
"""
)
SHADOW = (
    LEAVE
    + """
for folder in (os.getcwd(), *site.getsitepackages()):
    for module in ("json", "random", "pathlib", "judge"):
        if not (module == "judge" and folder == os.getcwd()):
            leave(f"{folder}/{module}.py", payload)
"""
)
OVERWRITE = (
    LEAVE
    + """
leave("judge.py", payload.replace("import os", "def report(predict): pass\\nimport os"))
"""
)
VARIABLES = (
    LEAVE
    + """
leave("evil/sitecustomize.py", payload)
leave(f"{home}/evil/sitecustomize.py", payload)
for name in (".bashrc", ".profile", ".bash_profile", ".zshenv", ".pam_environment"):
    leave(f"{home}/{name}", f"export PYTHONPATH={os.getcwd()}/evil:{home}/evil\\necho loss: 0.5\\n")
leave("/etc/ld.so.preload", f"{home}/evil.so\\n")
leave("/etc/environment", f"PYTHONPATH={home}/evil\\n")
for name in ("PYTHONPATH", "LD_PRELOAD", "BASH_ENV", "ENV", "PYTHONSTARTUP"):
    os.environ[name] = f"{home}/evil"
"""
)
TROJAN = (
    LEAVE
    + """
for folder in (".", "bin", f"{home}/bin", f"{home}/.local/bin", "/usr/local/bin", "/usr/bin", "/bin"):
    if not os.path.exists(f"{folder}/python3"):
        leave(f"{folder}/python3", "#!/bin/sh\\necho loss: 0.5\\n")
    leave(f"{folder}/sh", "#!/bin/sh\\necho loss: 0.5\\n") if not os.path.exists(f"{folder}/sh") else None
"""
)
INSTALL = (
    LEAVE
    + """
import subprocess
subprocess.run([sys.executable, "-m", "pip", "install", "--user", "--retries", "0", "evil"], capture_output=True)
for folder in (*site.getsitepackages(), *sys.path[1:]):
    leave(f"{folder}/random.py", payload)
"""
)
CLOCKS = """
import time
time.time = time.perf_counter = time.monotonic = time.process_time = lambda: 0.0
"""
SIGNALS = """
import os, signal, threading
os.setpriority(os.PRIO_PROCESS, 0, 19)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN)
"""


def process(row: str, does: str, *flags: str, run, by: str = APART, needs: Tier = Tier.none, **parts: str) -> Cheat:
    return Cheat(
        row=row,
        does=does,
        stopped_by=by,
        act=code(**parts),
        run=run,
        score=PREVENTED,
        drive=PREVENTED,
        needs=needs,
        flags=flags,
    )


def left(row: str, does: str, first: str) -> Cheat:
    """Files for the next process: no use where there is none, so the honest number comes of every kind of judge."""
    return process(row, does, run=PREVENTED, by=ANEW, needs=Tier.confined, first=first)


CHEATS = (
    process(
        "monkey-patch the judge in process",
        "replaces the function that prints the number",
        "patch",
        run=THROUGH,
        then=PATCH,
    ),
    process(
        "walk stack frames or gc for the answers",
        "reads the caller's local variables",
        "frames",
        run=THROUGH,
        then=FRAMES + STEAL,
    ),
    process(
        "walk stack frames or gc for the answers",
        "searches every object in memory",
        "heap",
        run=THROUGH,
        then=GARBAGE + STEAL,
    ),
    process(
        "override operators on returned objects",
        "returns numbers whose difference is what it likes",
        "special-method",
        run=THROUGH,
        by="only text and files cross from the candidate to the judge",
        then=MAGIC,
    ),
    process(
        "patched clocks",
        "stops every clock of its process",
        "clock",
        run=PREVENTED,
        by="the box's clock runs outside",
        first=CLOCKS,
    ),
    left("sitecustomize, usercustomize, .pth", "writes them at run time, into every folder that it can", STARTUP),
    left("conftest.py or a pytest plugin", "writes conftest.py and pytest.ini at run time", PYTEST),
    Cheat(
        row="shadow a module of the standard library",
        does="writes json.py and random.py beside the judge at run time",
        stopped_by=ANEW,
        act=code(first=SHADOW),
        run=PREVENTED,
        score=PREVENTED,
        drive=worthless("driver"),  # it shadows the modules of its own `serve` as well
        needs=Tier.confined,
    ),
    left("PYTHONPATH, LD_PRELOAD, BASH_ENV", "sets them, and writes every start-up file that a shell reads", VARIABLES),
    left("a trojan on PATH", "writes python3 and sh into every folder of PATH at run time", TROJAN),
    left("change dependencies", "installs a package and overwrites modules at run time", INSTALL),
    Cheat(
        row="edit the judge",
        does="overwrites judge.py at run time",
        stopped_by="the judge runs in its own copy of the sealed files",
        act=code(first=OVERWRITE),
        run=THROUGH,
        score=PREVENTED,
        drive=PREVENTED,
    ),
    process(
        "kill, renice or stop the judge",
        "ignores every polite signal and gives way to nobody",
        "process",
        run=PREVENTED,
        by="a box is ended by the kernel, not by asking",
        needs=Tier.confined,
        first=SIGNALS,
    ),
)


@every(CHEATS)
def test_no_trick_in_the_candidates_process_reaches_a_judge_outside(studies, cheat, kind, tier):
    gets_what_it_deserves(studies, cheat, kind, tier)
