"""What a candidate or an agent must not see or reach: answers, holdout, history, environment, network."""

from dataclasses import replace
from pathlib import Path

from acts import code
from boxes import every, gets_what_it_deserves
from catalogue import PREVENTED, Cheat, Kind, everywhere

from overnight.model.contract import Tier

USE = "def predict(question):\n    return 3 * question + (0.5 if found else 0)"
ENVIRONMENT = """
import glob
found = "CHEAT_API_KEY" in os.environ
for path in ("/proc/self/environ", *glob.glob("/proc/[0-9]*/environ"), *glob.glob("/proc/[0-9]*/cmdline")):
    try:
        found = found or b"CHEAT_API_KEY" in open(path, "rb").read()
    except OSError:
        pass
"""
LOOK = """
import glob
def holds(path):
    try:
        return b"secret-" in open(path, "rb").read(4096)
    except OSError:
        return False
here = os.getcwd()
outer = [here]
while outer[-1] != "/":
    outer.append(os.path.dirname(outer[-1]))
"""
ANSWERS = (
    LOOK
    + """
roots = ["", here, {root!r}, *glob.glob("/proc/[0-9]*/cwd")]
roots += [f"{{link}}{root}" for link in glob.glob("/proc/[0-9]*/root")]
roots += [f"/proc/1/root{{here}}", "/proc/self/root" + here, "/proc/thread-self/root" + here, f"{{here}}/../study"]
found = any(holds(os.path.join(root, "answers", f"{split}.txt")) for root in roots)
for number in range(3, 64):
    found = found or holds(f"/dev/fd/{{number}}") or holds(f"/proc/self/fd/{{number}}")
"""
)
SEARCH = (
    LOOK
    + """
found = False
for folder in outer[:-1]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("usr", "lib", "proc", "sys")][:50]
        found = found or any(holds(os.path.join(place, name)) for name in names if name.endswith(".txt"))
"""
)
HISTORY = (
    LOOK
    + """
import subprocess
found = False
for folder in [*outer, {root!r}]:
    try:
        found = found or bool(open(os.path.join(folder, ".git", "HEAD")).read())
    except OSError:
        pass
asked = (["git", "log"], ["git", "-C", {root!r}, "log"], ["git", "--git-dir", {root!r} + "/.git", "rev-list", "--all"])
for line in asked:
    try:
        found = found or subprocess.run(line, capture_output=True).returncode == 0
    except OSError:
        pass
"""
)
CALL = """
import socket
found = False
for family, kind, address in {addresses!r}:
    try:
        with socket.socket(family, kind) as line:
            line.settimeout(1)
            line.connect(address)
            line.send(b"x")
            found = True
    except (OSError, ValueError):
        pass
"""
GUARDED = "hidden files exist in the judge's box alone, for as long as it runs"


def looks(row: str, does: str, by: str, text: str, *kinds: Kind, split: str = "search", again: bool = False) -> Cheat:
    """`text` is filled in with the place of the repository when the agent writes it."""

    def act(workdir: Path) -> None:
        code(
            first=text.format(root=str(ROOTS[-1]), split=split) if "{root" in text or "{split" in text else text,
            then=USE,
        )(workdir)

    verdicts = {kind.value: PREVENTED for kind in kinds or Kind}
    return Cheat(row=row, does=does, stopped_by=by, act=act, needs=Tier.confined, again=again, **verdicts)


ROOTS: list[Path] = []
"""Where the repository of the study under attack lies: an attacker would know it."""

JUDGED_APART = (Kind.score, Kind.drive)
NETWORK = Cheat(
    row="network",
    does="calls out: this machine, its abstract sockets, the world",
    stopped_by="the box has no network",
    needs=Tier.confined,
    **everywhere(PREVENTED),
)
CHEATS = (
    NETWORK,
    looks(
        "secrets of the environment",
        "reads every environment that it can see",
        "an environment is composed anew for every box: nothing of the person's is in it",
        ENVIRONMENT,
    ),
    looks(
        "walk stack frames or gc for the answers",
        "opens the hidden answers by every path it can think of",
        GUARDED,
        ANSWERS,
        *JUDGED_APART,
    ),
    looks(
        "walk stack frames or gc for the answers", "searches the disk for the answers", GUARDED, SEARCH, *JUDGED_APART
    ),
    looks(
        "read the holdout",
        "opens the hidden holdout by every path it can think of",
        GUARDED,
        ANSWERS,
        *JUDGED_APART,
        split="certify",
    ),
    looks(
        "read history for answers",
        "looks for a repository and asks git",
        "no box holds the repository's git folder",
        HISTORY,
    ),
)


@every(CHEATS)
def test_no_box_of_a_candidate_shows_what_is_not_its_own(studies, bystander, cheat, kind, tier):
    ROOTS.append(studies.house(kind).root)
    gets_what_it_deserves(studies, cheat, kind, tier)


@every([replace(NETWORK, act=code())])
def test_no_box_of_a_candidate_reaches_a_network(studies, listeners, cheat, kind, tier):
    attack = code(first=CALL.format(addresses=listeners), then=USE)
    gets_what_it_deserves(studies, replace(cheat, act=attack), kind, tier)
