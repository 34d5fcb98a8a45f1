"""A small real study for cheats: repository, contract, gate, boxes, judge, decision, ledger; only the agent is ours."""

import hashlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catalogue import Act, Kind

from overnight.engine.baseline import measure_baseline, open_segment
from overnight.engine.conduct import Conductor
from overnight.engine.experiment import run_experiment
from overnight.engine.laboratory import Laboratory
from overnight.engine.recorder import Recorder
from overnight.ledger import Journal, ResultsTable
from overnight.model.box import Box
from overnight.model.brief import AgentBudget, Brief
from overnight.model.contract import Stop, Tier
from overnight.model.event import Opened
from overnight.model.experiment import Measurement, Proposal
from overnight.model.state import Experiment
from overnight.model.value import canonical
from overnight.policies.ratchet import Ratchet
from overnight.ports import Agent, Running, Sandbox
from overnight.rules.brief import compose
from overnight.rules.deciding.greedy import Greedy
from overnight.wiring.contract import load
from overnight.wiring.options import Options
from overnight.wiring.rooms import build_rooms
from overnight.wiring.site import Site, find_site
from overnight.wiring.tracked import Tracked

SECRET = "secret-" + secrets.token_hex(8)
"""Stands in the hidden files and in the person's environment; nothing that anybody reads may hold it."""

TRACE = "overnight-cheat"
"""The name of whatever a cheat tries to leave outside its box."""

TRAIN = '''"""Answers questions. This is the file to edit."""

import sys
from pathlib import Path

STEP = 3
OFFSET = 0


def predict(question):
    return STEP * question + OFFSET


def main():
{main}


def serve():
    for line in sys.stdin:
        print(predict(int(line)), flush=True)


# here
if __name__ == "__main__":
    serve() if "--serve" in sys.argv else main()
'''
MAIN = {
    Kind.run: "    import judge\n\n    judge.report(predict)",
    Kind.score: (
        "    questions = Path('data/questions.txt').read_text().split()\n"
        "    Path('out').mkdir(exist_ok=True)\n"
        "    Path('out/pred.txt').write_text(''.join(f'{predict(int(question))}\\n' for question in questions))"
    ),
}
MAIN[Kind.drive] = MAIN[Kind.score]

JUDGE = {
    Kind.run: '''"""Prints the loss of a predictor in its own process. Locked."""

ANSWERS = {question: 3 * question + 1 for question in range(8)}


def report(predict):
    errors = []
    for question, answer in ANSWERS.items():
        errors.append(abs(predict(question) - answer))
    print(f"loss: {sum(errors) / len(errors)}")
''',
    Kind.score: '''"""Scores what a candidate left behind. Locked."""

import os
import sys
from pathlib import Path

split = os.environ["OVERNIGHT_SPLIT"]
answers = [float(word) for word in Path(f"answers/{split}.txt").read_text().split()[1:]]
given = Path("out/pred.txt").read_text().splitlines()
if len(given) != len(answers):
    sys.exit(f"judge: {len(given)} predictions for {len(answers)} questions")
errors = [abs(float(text) - answer) for text, answer in zip(given, answers)]
print(f"loss: {sum(errors) / len(errors)}")
print(f"answered: {len(given)}")
''',
    Kind.drive: '''"""Asks a running candidate questions that nobody has seen before. Locked."""

import os
import random
import sys
from pathlib import Path

rule = [int(word) for word in Path("answers/search.txt").read_text().split()[1:]]
offset, step = rule[0], rule[1] - rule[0]
to_candidate = open(int(os.environ["OVERNIGHT_CANDIDATE_IN"]), "w")
from_candidate = open(int(os.environ["OVERNIGHT_CANDIDATE_OUT"]))
draw = random.Random(int(os.environ["OVERNIGHT_SEED"]))
errors = []
for _ in range(8):
    question = draw.randrange(10**6)
    try:
        print(question, file=to_candidate, flush=True)
        errors.append(abs(float(from_candidate.readline()) - (step * question + offset)))
    except (OSError, ValueError) as error:
        print(f"judge: no answer: {error}", file=sys.stderr, flush=True)
        os._exit(1)
print(f"loss: {sum(errors) / len(errors)}")
''',
}
KEYS = {
    Kind.run: "run: python3 train.py\n",
    Kind.score: "run: python3 train.py\nscore: python3 judge.py\nartifacts: [out/*]\nhide: [answers/**]\n",
    Kind.drive: (
        "run: python3 train.py\ndrive: {judge: python3 judge.py, serve: python3 train.py --serve}\nhide: [answers/**]\n"
    ),
}
BUDGET = "budget: {wall: 30s, memory: 256MiB, pids: 40, disk: 12MiB, cpus: 1, output: 64KiB, grace: 0}\n"
HURRIED = BUDGET.replace("wall: 30s", "wall: 1500ms")
PROGRAM = """---
metric: loss
direction: minimize
min_effect: 0.01
bounds: [0.01, 1000000]
edit: [train.py, "lib/**"]
stop: {{experiments: 100000}}
{keys}---
# Lower the loss

Change the way in which train.py predicts.
"""


def base_train(kind: Kind) -> str:
    """The unchanged train.py of a study with this kind of judge."""
    return TRAIN.format(main=MAIN[kind])


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Person", "-c", "user.email=person@example.org", "-c", "init.defaultBranch=main"]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    return subprocess.run(
        ["git", *identity, *words], cwd=folder, env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


class House:
    """A person's home with a canary, and in it a repository with one committed study."""

    def __init__(
        self,
        top: Path,
        kind: Kind,
        *,
        keys: str = "",
        budget: str = BUDGET,
        judge: str = "",
        files: Sequence = (),
        artifacts: str = "[out/*]",
    ) -> None:
        self.kind = kind
        self.home = top / "home"
        self.root = self.home / "study"
        self.cache = top / "cache"
        self.canary = self.home / "canary"
        self.mark = secrets.token_hex(16)
        (self.root / "answers").mkdir(parents=True)
        self.canary.write_text("sings\n")
        written = KEYS[kind].replace("[out/*]", artifacts)
        self.write(
            {
                "program.md": PROGRAM.format(keys=f"{written}{budget}variables: {{CHEAT_MARK: {self.mark}}}\n{keys}"),
                "train.py": base_train(kind),
                "judge.py": judge or JUDGE[kind],
                "lib/table.txt": "nothing\n",
                "data/questions.txt": "".join(f"{question}\n" for question in range(8)),
                ".gitignore": "answers/\n",
                **dict(files),
            }
        )
        git(self.root, "init", "-q")
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", "the study")
        rows = "".join(f"{3 * question + 1}\n" for question in range(8))
        self.write({"answers/search.txt": f"{SECRET}\n{rows}", "answers/certify.txt": f"{SECRET}\n{rows}"})

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def environment(self) -> dict[str, str]:
        """The person's: with a secret, as everybody's has."""
        return {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "XDG_CACHE_HOME": str(self.cache),
            "CHEAT_API_KEY": SECRET,
        }

    def picture(self) -> dict[str, str]:
        """Every file of the person's, by digest; overnight's own places left out."""
        own = (".git/objects", ".git/refs/overnight", ".git/overnight", ".git/logs/refs/overnight")
        found = {}
        for folder, _, names in os.walk(self.home):
            for name in names:
                path = Path(folder, name)
                inside = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
                if not inside.startswith(own):
                    found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


class Hostile:
    """An agent that does whatever `act` does, and says `proposal`."""

    def __init__(self, act: Act, proposal: Proposal) -> None:
        self._act = act
        self._proposal = proposal
        self.brief = ""

    def propose(self, brief: Brief, workdir: Path, budget: AgentBudget) -> Proposal:
        self.brief = brief.text
        self._act(workdir)
        return self._proposal


class Study:
    """One segment of a study in `house`, its baseline measured, with the sandbox that measures."""

    def __init__(self, house: House, sandbox: Sandbox, name: str) -> None:
        self.house = house
        self.kind = house.kind
        found = find_site(house.root)
        self.site = Site(
            repository=found.repository,
            study=name,
            program=found.program,
            folder=found.repository.common_dir / "overnight" / name,
            ledger=Journal(found.repository.common_dir, name),
        )
        self.site.folder.mkdir(parents=True, exist_ok=True)
        self.options = Options(environment=house.environment())
        loaded = load(self.site, self.options)
        contract = loaded.contract
        self.sandbox = Spy(sandbox, house.mark)
        self.rooms = build_rooms(self.site, self.options, contract, self.sandbox, house.cache / name)
        self.rooms.scratch.mkdir(parents=True, exist_ok=True)
        self.tree = loaded.tree
        self.recorder = Recorder(self.site.ledger, [ResultsTable(self.site.folder / "results.tsv")], time.time)
        self.judge = self.rooms.judge(self.tree)
        self._before = house.picture()
        opened = Opened(
            study=name, digest="d", contract=contract, base=loaded.commit, tree=loaded.tree, seals=self.rooms.seals,
            seed=7, tier=sandbox.covers().tier,
        )  # fmt: skip
        lab = self.laboratory(Hostile(lambda _: None, Proposal()))
        open_segment(lab, opened)
        measure_baseline(lab)

    def laboratory(self, agent: Agent, *, empty: str = "") -> Laboratory:
        return Laboratory(
            contract=self.rooms.contract,
            recorder=self.recorder,
            workspace=self.rooms.trees,
            judge=self.judge,
            agent=agent,
            conductor=Conductor("ratchet", Ratchet(), Greedy()),
            agent_name="hostile",
            scratch=self.rooms.scratch,
            counts=self.rooms.counter(self.tree),
            stop=Stop(),
            progress=lambda *_: None,
            monotonic=time.monotonic,
            rested=lambda: None,
            empty=empty,
        )

    @property
    def tier(self) -> Tier:
        return self.sandbox.covers().tier

    def attempt(self, act: Act, proposal: Proposal | None = None) -> Experiment:
        """One whole experiment of an agent that does `act`."""
        return self.with_agent(Hostile(act, proposal or Proposal(summary="an honest idea")))

    def with_agent(self, agent: Agent) -> Experiment:
        lab = self.laboratory(agent)
        number = len(self.recorder.state.experiments)
        unavailable = run_experiment(lab)
        assert not unavailable, unavailable
        return self.recorder.state.experiments[number]

    def measure(self, tree: str, seed: int) -> Measurement:
        return self.judge.measure(tree, seed)

    def brief(self) -> str:
        """What the next agent will be told."""
        state = self.recorder.state
        lab = self.laboratory(Hostile(lambda _: None, Proposal()))
        return compose(
            self.rooms.contract, state, lab.conductor.policy.ask(state, None), len(state.experiments), 0
        ).text

    def harmed(self) -> tuple[str, ...]:
        """What a cheat has done to the person, the machine or the secrets; () is as it must be."""
        return tuple(self._harm())

    def _harm(self) -> Iterator[str]:
        now = self.house.picture()
        changed = sorted(path for path in now.keys() | self._before.keys() if now.get(path) != self._before.get(path))
        if changed:
            yield f"files of the person's were changed: {changed}"
        if living(self.house.mark):
            yield f"processes live on: {living(self.house.mark)}"
        if self.sandbox.company:
            yield f"a box was started while another's processes lived: {self.sandbox.company}"
        for folder in ("/tmp", "/var/tmp", "/dev/shm", str(Path.home()), str(Path.home() / ".cache"), "/"):
            if os.path.lexists(os.path.join(folder, TRACE)):
                yield f"{TRACE} was left in {folder}"
        if (self.rooms.scratch / "judge").is_dir() and list((self.rooms.scratch / "judge").iterdir()):
            yield "the judge's scratch was left behind"
        record = b"".join(canonical(events) for _, events in self.site.ledger.read())
        texts = [record, self.brief().encode(), *(path.read_bytes() for path in self._written())]
        if any(SECRET.encode() in text for text in texts):
            yield "hidden data stands in a record"

    def _written(self) -> list[Path]:
        return [path for path in self.site.folder.rglob("*") if path.is_file()]

    def close(self) -> None:
        self.sandbox.kill_all()


class Spy(Tracked):
    """The sandbox, noting when a box is started while processes of an earlier one live; the two that talk may."""

    def __init__(self, sandbox: Sandbox, mark: str) -> None:
        super().__init__(sandbox)
        self._mark = mark
        self.company: list[int] = []

    def start(self, box: Box) -> Running:
        if box.stdin is None and not box.fds:
            self.company += living(self._mark)
        return super().start(box)


@contextmanager
def a_study(house: House, sandbox: Sandbox, name: str = "") -> Iterator[Study]:
    study = Study(house, sandbox, name or f"s{secrets.token_hex(4)}")
    try:
        yield study
    finally:
        study.close()


def living(mark: str) -> list[int]:
    """Processes whose environment holds `mark`."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                environment = Path("/proc", entry, "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in environment:
                found.append(int(entry))
    return found
