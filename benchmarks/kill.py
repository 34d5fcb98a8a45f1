"""kill -9 at 100 random moments of one night, each followed by `overnight run`: nothing lost, nothing counted twice.

The same night is run once without kills. Its agent and its judge are deterministic, so both must end in the same
state. Run it: python benchmarks/kill.py [KILLS] [SEED]
"""

import collections
import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import OVERNIGHT, Figures, environment, git, repository

from overnight.ledger import Journal
from overnight.model.event import Certificate, HoldoutRead, Judged, Measured

EXPERIMENTS = 40
CHILD_SUBREAPER = 36
SETTLED = 10.0
CERTIFYING = 12

PROGRAM = """---
metric: loss
direction: minimize
edit: [model.py]
run: python3 model.py
score: python3 judge.py search
artifacts: [answer.txt]
holdout: {certify: python3 judge.py certify}
hide: [answers.txt]
bounds: [0, 1000]
budget: {wall: 20s, memory: 512MiB}
---
# Lower the loss

Change X in model.py.
"""

MODEL = """X = 50

with open("answer.txt", "w") as file:
    file.write(str(X))
"""

JUDGE = """import sys

wanted = dict(line.split() for line in open("answers.txt"))[sys.argv[1]]
print("loss:", abs(int(open("answer.txt").read()) - int(wanted)))
"""

AGENT = """import os
import random
import re

chance = random.Random(int(os.environ["OVERNIGHT_SEED"]))
text = open("model.py").read()
old = int(re.search(r"X = (-?\\d+)", text)[1])
new = old + chance.choice([-7, -5, -3, -2, -1, 0, 1, 2, 3])
with open("model.py", "w") as file:
    file.write(text.replace(f"X = {old}", f"X = {new}"))
if chance.random() < 0.1:
    with open("judge.py", "a") as file:
        file.write("# an agent was here\\n")
"""


class Nights:
    """One repository in which nights are run, killed and read."""

    def __init__(self, folder):
        files = {"program.md": PROGRAM, "model.py": MODEL, "judge.py": JUDGE, ".gitignore": "answers.txt\n"}
        self.root = repository(folder / "project", files)
        (self.root / "answers.txt").write_text("search 10\ncertify 12\n")
        agent = folder / "agent" / "agent.py"
        agent.parent.mkdir()
        agent.write_text(AGENT)
        self.agent = f"command python3 {agent}"
        self.environment = environment(folder / "cache")
        self.errors = folder / "errors.txt"

    def start(self, study):
        """`overnight run`, in the background."""
        options = ["--experiments", str(EXPERIMENTS), "--seed", "5", "--agent", self.agent, "--study", study]
        with self.errors.open("wb") as errors:
            return subprocess.Popen(
                [*OVERNIGHT, "run", *options],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def finish(self, study):
        """`overnight run` to its end."""
        code = self.start(study).wait()
        if code:
            raise SystemExit(f"overnight run ended with code {code}: {self.errors.read_text()}")

    def entries(self, study):
        """(id, events) of all that is in the ledger."""
        return list(Journal(self.root / ".git", study).read())

    def doing(self, study, pid):
        """What the run `pid` is about; "" before it has said so."""
        try:
            told = json.loads((self.root / ".git/overnight" / study / "progress.json").read_text())
        except (OSError, ValueError):
            return ""
        return told["phase"] if told["pid"] == pid else ""

    def story(self, study):
        """Everything that must be the same: trees, numbers, outcomes, values, best, counts, certificate."""

        def told(*words):
            line = [*OVERNIGHT, *words, "--json", "--study", study]
            done = subprocess.run(line, cwd=self.root, env=self.environment, check=True, capture_output=True, text=True)
            return [json.loads(row) for row in done.stdout.splitlines()]

        def tree(row):
            return git(self.root, "rev-parse", f"{row['commit']}^{{tree}}")

        rows = [(row["number"], row["outcome"], row["reason"], row["value"], tree(row)) for row in told("log")]
        status = told("status")[0]
        same = ("baseline", "best", "gain", "experiments", "kept", "discarded", "crashed", "violations", "evaluations")
        certificates = [
            (event.number, event.baseline, event.best, event.level)
            for _, events in self.entries(study)
            for event in events
            if isinstance(event, Certificate)
        ]
        return {"rows": rows, **{name: status[name] for name in same}, "certificates": certificates}


def finished(entries):
    """What must never be lost or doubled: one key for each reading, verdict and certificate."""
    found = []
    for _, events in entries:
        for event in events:
            if isinstance(event, Measured):
                found.append(("measured", event.number, event.measurement.split, event.run))
            elif isinstance(event, Judged | Certificate):
                found.append((type(event).__name__, event.number))
    return found


def looks(entries):
    """How often the holdout was looked at: a look that was killed counts, and the next one is another."""
    return sum(isinstance(event, HoldoutRead) for _, events in entries for event in events)


def all_dead(seconds):
    """Whether every process that a killed run left behind (they become our children) ends within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        time.sleep(0.01)
    return False


def survivors():
    """Command lines of our children."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in children]


def storm(nights, study, kills, chance, experiment):
    """Kill and run again until `kills` are done or the night is over; what was seen, kill by kill.

    `experiment` is how many seconds one takes. One life in four is ended while it starts; the others at a moment
    counted from the first thing that they do, spread so that the kills last for the whole night and some are left for
    its end, the certification.
    """
    seen, before = [], []
    while len(seen) < kills:
        left = EXPERIMENTS - sum(isinstance(event, Judged) for _, events in before for event in events)
        process = nights.start(study)
        if chance.random() < 0.25:
            over = _over(process, chance.uniform(0.02, 0.6))
        else:
            while not nights.doing(study, process.pid) and process.poll() is None:
                time.sleep(0.005)  # the run tells in a file, which nothing waits for
            lives = max(1, 0.75 * (kills - len(seen)) - CERTIFYING)
            reach = max(1, 2 * left / lives) if left else 3
            over = _over(process, chance.uniform(0, experiment * reach))
        if over:
            if process.returncode:
                raise SystemExit(f"a run after {len(seen)} kills failed: {nights.errors.read_text()}")
            break
        phase = nights.doing(study, process.pid) or "start"
        process.send_signal(signal.SIGKILL)
        process.wait()
        # Half of the time the next run begins at once, beside what is still dying.
        leftover = [] if chance.random() < 0.5 or all_dead(SETTLED) else survivors()
        complaints = _complaints(nights.root)
        after = nights.entries(study) if (nights.root / ".git/refs/overnight" / study).exists() else []
        old, new = finished(before), finished(after)
        seen.append(
            {
                "phase": phase,
                "after": type(after[-1][1][-1]).__name__ if after else "nothing",
                "lost": after[: len(before)] != before or new[: len(old)] != old or looks(after) < looks(before),
                "twice": [key for key, times in collections.Counter(new).items() if times > 1],
                "fsck": complaints,
                "leftover": leftover,
            }
        )
        before = after
    nights.finish(study)
    return seen


def _over(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _complaints(root):
    """What git fsck says, but for objects that nothing names: those a kill may leave."""
    fsck = subprocess.run(["git", "fsck", "--full", "--strict"], cwd=root, check=False, capture_output=True, text=True)
    said = (fsck.stdout + fsck.stderr).splitlines()
    found = [line for line in said if not line.startswith(("dangling ", "notice: ", "Checking "))]
    return found or ([f"git fsck ended with code {fsck.returncode}"] if fsck.returncode else [])


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    print(f"{kills} kills, seed {seed}", flush=True)
    chance = random.Random(seed)
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="overnight-kill-") as name:
        nights = Nights(Path(name))
        begun = time.monotonic()
        nights.finish("calm")
        whole = time.monotonic() - begun
        calm = nights.story("calm")
        print(f"a night of {EXPERIMENTS} experiments takes {whole:.1f} s without kills", flush=True)
        seen, stories, round_ = [], [], 0
        while len(seen) < kills:
            round_ += 1
            study = f"stormy-{round_}"
            seen += storm(nights, study, kills - len(seen), chance, whole / EXPERIMENTS)
            stories.append(nights.story(study))
        dead = all_dead(SETTLED)
        _tell(figures, seen, stories, calm)
        figures.check("no process is left", dead and not any(kill["leftover"] for kill in seen), " ".join(survivors()))
        figures.check("git fsck is clean at the end", not _complaints(nights.root))
    figures.exit()


def _tell(figures, seen, stories, calm):
    for what, key in (("killed in the phase", "phase"), ("last in the ledger", "after")):
        counted = collections.Counter(kill[key] for kill in seen).most_common()
        print(f"{what}: " + ", ".join(f"{name} {times}" for name, times in counted))
    print(f"{len(seen)} kills in {len(stories)} night(s)")
    lost = [at for at, kill in enumerate(seen) if kill["lost"]]
    twice = [key for kill in seen for key in kill["twice"]]
    broken = [kill["fsck"] for kill in seen if kill["fsck"]]
    figures.check("no finished measurement lost", not lost, str(lost or ""))
    figures.check("nothing counted twice", not twice, str(twice[:3] or ""))
    figures.check("git fsck clean after each kill", not broken, str(broken[:1] or ""))
    for at, story in enumerate(stories, 1):
        differ = [key for key in calm if story[key] != calm[key]]
        figures.check(f"night {at}: the same state as the unkilled night", not differ, str(differ or ""))
        for key in differ:
            print(f"  {key}: {story[key]}\n  but calm: {calm[key]}")
    counts = {key: calm[key] for key in ("experiments", "kept", "discarded", "violations", "evaluations", "best")}
    print(f"that state: {counts}, {len(calm['certificates'])} certificate(s)")


if __name__ == "__main__":
    main()
