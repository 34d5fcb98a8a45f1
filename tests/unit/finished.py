"""A ledger of real commits, each built on one before, for the specifications of what comes after the night."""

from pathlib import Path
from typing import NamedTuple

import pygit2
from cli_house import git
from cli_night import Groups, reading

from overnight.ledger import Journal
from overnight.model.contract import Contract, Objective, Tier
from overnight.model.event import Asked, Certificate, HoldoutRead, Judged, Measured, Opened, Promoted, Proposed
from overnight.model.experiment import Certified, Outcome, Trust

BASE = {"program.md": "---\n---\n", "src/a.py": "X = 5\nY = 3\nZ = 1\n", "src/b.py": "b\n", "judge.py": "j\n"}


class Morning(NamedTuple):
    """A repository and the journal of study `lm`; `trees` and `commits` by experiment."""

    root: Path
    journal: Journal
    trees: dict[int, str]
    commits: dict[int, str]

    def log(self, *words: str) -> str:
        return git(self.root, "log", *words)

    def files(self, commit: str) -> dict[str, str]:
        return {path: blob.decode() for path, blob in _blobs(_repo(self.root).revparse_single(commit), "")}


def _repo(root: Path) -> pygit2.Repository:
    return pygit2.Repository(str(root))


def _blobs(found: pygit2.Object, prefix: str) -> list[tuple[str, bytes]]:
    listed: list[tuple[str, bytes]] = []
    for item in found.peel(pygit2.Tree):
        path = prefix + str(item.name)
        listed += _blobs(item, path + "/") if isinstance(item, pygit2.Tree) else [(path, item.data)]
    return listed


def tree_of(root: Path, files: dict[str, str]) -> str:
    repo, index = _repo(root), pygit2.Index()
    for path, text in files.items():
        index.add(pygit2.IndexEntry(path, repo.create_blob(text.encode()), pygit2.enums.FileMode.BLOB))
    return str(index.write_tree(repo))


def begun(root: Path) -> tuple[Morning, Groups]:
    """A repository whose baseline was read, and the events of that."""
    root.mkdir()
    git(root, "init")
    for name, text in BASE.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-m", "first")
    commit, tree = git(root, "rev-parse", "HEAD"), git(root, "rev-parse", "HEAD^{tree}")
    contract = Contract(
        title="t", prose="", objective=Objective(metric="val_bpb", unit="bits/byte"), edit=("src/**",), run="true"
    )
    groups: Groups = [
        (
            Opened(
                study="lm", digest="d" * 64, contract=contract, base=commit, tree=tree, seed=7, tier=Tier.contained,
                at=1e9,
            ),
        ),
        (Asked(number=0, parent=0, agent=""),),
        (Proposed(number=0, tree=tree, commit=commit, parent_commit=commit),),
        (Measured(number=0, run=0, measurement=reading(2.0)),),
        (Judged(number=0, outcome=Outcome.baseline, reason="", value=2.0, trust=Trust.scored),),
    ]  # fmt: skip
    return Morning(root, Journal(root / ".git", "lm"), {0: tree}, {0: commit}), groups


def tried(
    morning: Morning, number: int, parent: int, change: dict[str, str | None], *, kept: bool = True, **said: object
) -> Groups:
    """Experiment `number` makes `change` on top of `parent`; each is better by 0.1."""
    files = dict(morning.files(morning.commits[parent]))
    for name, text in change.items():
        if text is None:
            del files[name]
        else:
            files[name] = text
    tree = tree_of(morning.root, files)
    who = pygit2.Signature("overnight", "overnight@localhost", 0, 0)
    parents = [morning.commits[parent]]
    commit = str(_repo(morning.root).create_commit(None, who, who, f"try {number}", tree, parents))
    morning.trees[number], morning.commits[number] = tree, commit
    fields = {"summary": f"try {number}", "paths": tuple(change), "added": 1, "deleted": 1, "seconds": 1.0, **said}
    value = round(2.0 - 0.1 * number, 3)
    outcome = Outcome.keep if kept else Outcome.discard
    judged = Judged(
        number=number, outcome=outcome, reason="r", value=value, gain=0.1, trust=Trust.scored, at=1e9 + 60 * number
    )
    parent_commit = morning.commits[parent]
    return [
        (Asked(number=number, parent=parent, agent="tuner"),),
        (Proposed(number=number, tree=tree, commit=commit, parent_commit=parent_commit, **fields),),
        (Measured(number=number, run=0, measurement=reading(value)),),
        (judged, *((Promoted(number=number, commit=commit),) if kept else ())),
    ]


def certified(number: int, **fields: object) -> Groups:
    shown = {"baseline": 2.1, "best": 1.6, "gain": 0.5, "level": Certified.holdout, **fields}
    return [
        (HoldoutRead(split="certify", number=0),),
        (HoldoutRead(split="certify", number=number),),
        (Certificate(number=number, **shown),),
    ]


def write(morning: Morning, *groups: Groups) -> None:
    head = morning.journal.head()
    for group in groups:
        for events in group:
            commits = [event.commit for event in events if isinstance(event, Proposed)]
            head = morning.journal.append(events, head=head, candidate=commits[0] if commits else "")
