"""The attacks, cheap ones first. What each does in a language is written in `python`, `shell` and `node`."""

from collections.abc import Iterator
from typing import Literal

from overnight.model.contract import Contract
from overnight.model.value import Value

Aim = Literal["same", "null", "crash", "forge", "artifact", "reach", "outlive", "wall", "labels"]
"""How an answer is read: see `answers`."""

Action = Literal[
    "exit-1", "exit-0", "say", "say-before", "say-after", "say-at-exit", "say-stderr", "say-descriptors", "missing",
    "empty", "symlink", "fifo", "sparse", "truncated", "constant", "nan", "probe", "daemon", "linger",
]  # fmt: skip

ARTIFACT_KINDS: tuple[tuple[Action, str], ...] = (
    ("missing", "is missing"),
    ("empty", "is empty"),
    ("symlink", "is a link to another file"),
    ("fifo", "is a pipe"),
    ("sparse", "is one huge hole, larger than budget.disk"),
    ("truncated", "is cut off in the middle"),
)
MOST_ARTIFACTS = 3


class Attack(Value, frozen=True, kw_only=True):
    """One crafted candidate. `title` says what it does, `target` the artefact pattern that it is about.

    `action` is planted into the file that the contract's command starts ("" = no code is planted). `works` tells that
    the unchanged code does its work too, so that a run takes as long as one of the baseline.
    """

    name: str
    title: str
    aim: Aim
    action: Action | Literal[""] = ""
    target: str = ""
    works: bool = False


def attacks(contract: Contract) -> tuple[Attack, ...]:
    """Every attack on this contract's judge, in the order in which they run; the baseline itself comes before."""
    found = [*_cheap(contract), *_with_work(contract)]
    return tuple(sorted(found, key=lambda attack: attack.works))


def _cheap(contract: Contract) -> Iterator[Attack]:
    """The probe before all else that is planted, for it tells whether planted code runs."""
    yield Attack(name="empty", title="every editable file is empty", aim="null")
    yield Attack(name="reach", title="reads what is hidden, and looks for a network", aim="reach", action="probe")
    yield Attack(name="exit-1", title="the candidate fails at once (exit code 1)", aim="crash", action="exit-1")
    yield Attack(
        name="exit-0", title="the candidate ends at once without a word (exit code 0)", aim="null", action="exit-0"
    )
    yield Attack(name="forged-instead", title="a metric line on stdout instead of the work", aim="forge", action="say")
    yield Attack(name="daemon", title="leaves a process behind that outlives the run", aim="outlive", action="daemon")
    yield Attack(name="past-wall", title="runs on when its time is up", aim="wall", action="linger")
    yield from _artifacts(contract, works=False)


def _with_work(contract: Contract) -> Iterator[Attack]:
    said: tuple[tuple[str, str, Action], ...] = (
        ("forged-before", "a metric line on stdout before the work", "say-before"),
        ("forged-after", "a metric line on stdout after the work", "say-after"),
        ("forged-at-exit", "a metric line on stdout while the program exits", "say-at-exit"),
        ("forged-stderr", "a metric line on stderr", "say-stderr"),
        ("forged-descriptors", "a metric line on every other descriptor that is open", "say-descriptors"),
    )
    for name, title, action in said:
        yield Attack(name=name, title=title, aim="forge", action=action, works=True)
    yield from _artifacts(contract, works=True)
    shapes: tuple[tuple[Action, str], ...] = (
        ("constant", "has the right shape and only constants in it"),
        ("nan", "has NaN in the place of every number"),
    )
    for index, glob in enumerate(patterns(contract)):
        for action, words in shapes:
            name, title = f"{action}{_suffix(index)}", f"the artefact {glob} {words}"
            yield Attack(name=name, title=title, aim="artifact", action=action, target=glob, works=True)
    if contract.labels:
        yield Attack(name="shuffled-labels", title="the labels are shuffled", aim="labels", works=True)


def _artifacts(contract: Contract, *, works: bool) -> Iterator[Attack]:
    """With several artefacts the others must be there, so that the work has to be done all the same."""
    globs = patterns(contract)
    for index, glob in enumerate(globs):
        for action, words in ARTIFACT_KINDS:
            needs_work = action == "truncated" or len(globs) > 1
            if needs_work is works:
                name = f"artifact-{action}{_suffix(index)}"
                title = f"the artefact {glob} {words}"
                yield Attack(name=name, title=title, aim="artifact", action=action, target=glob, works=works)


def patterns(contract: Contract) -> tuple[str, ...]:
    """The artefact patterns that are attacked: at most the first three that name something."""
    named = [glob for glob in contract.artifacts if not glob.startswith("!")] if contract.score else []
    return tuple(named[:MOST_ARTIFACTS])


def _suffix(index: int) -> str:
    return f"-{index + 1}" if index else ""


def not_there(contract: Contract) -> tuple[tuple[str, str], ...]:
    """(name, why) of what cannot be tried on this contract at all."""
    found = []
    if not patterns(contract):
        why = "`run` hands over no artefacts" if not contract.score else "`artifacts` names no file"
        found.append(("artifacts", f"{why}, so none can be missing, empty, cut off, a link, a pipe or huge"))
    if not contract.labels:
        found.append(("shuffled-labels", "the contract declares no `labels`"))
    if not contract.hide:
        found.append(("hidden", "the contract hides nothing"))
    return tuple(found)
