"""Attacks on a judge, one after the other, each measured as a candidate of the night would be."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic

from msgspec.structs import replace

from overnight.engine.baseline import no_baseline
from overnight.engine.experiment import honest_code_tampers
from overnight.errors import UsageError
from overnight.model.contract import Contract
from overnight.model.experiment import Evaluation, Measurement
from overnight.model.value import lookup
from overnight.ports import Judge
from overnight.rules.decide import averages
from overnight.rules.guards import broken
from overnight.rules.redteam.advice import advice
from overnight.rules.redteam.answers import (
    Baseline,
    Result,
    Secret,
    Status,
    answer,
    forged_lines,
    reached,
    read_secret,
    reported,
    same,
)
from overnight.rules.redteam.attack import Attack, attacks, not_there
from overnight.rules.redteam.facts import Facts
from overnight.rules.redteam.plant import plant
from overnight.rules.seeds import derive

LINGER_SECONDS = 20
HURRIED_WALL = 2.0
"""Seconds of wall that the attack which runs past its time is given: how it is stopped does not depend on how many."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The editable file that the contract's command runs: `path` from the repository's root."""

    path: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Target:
    """A judge to attack, with everything that the attacks need.

    `judge` measures, `hurried` does with a wall of HURRIED_WALL, `shuffled` (or why there is none) with shuffled labels
    on `shuffled_tree`. `plant` makes a tree of the baseline and the given files; `empty` is the tree with all editable
    files emptied, "" if they are. `entries` are the files that code can be planted into, the likeliest to be run first,
    or a sentence where there is none. `secrets` are what no candidate
    must read. `listening` opens listeners outside the box and gives (port, abstract name);
    `survivors` counts, and ends, the processes that carry a nonce. `counts` gives loc of a tree, `record` keeps each
    reading, `nonce` is new for each start.
    """

    contract: Contract
    judge: Judge
    hurried: Judge
    shuffled: Judge | str
    tree: str
    shuffled_tree: str
    empty: str
    entries: tuple[Entry, ...] | str
    secrets: tuple[Secret, ...]
    plant: Callable[[Mapping[str, bytes]], str]
    counts: Callable[[str], tuple[tuple[str, float], ...]]
    listening: Callable[[], AbstractContextManager[tuple[int, str]]]
    survivors: Callable[[str], int]
    record: Callable[[str, Measurement], None]
    nonce: str
    seed: int


def read_baseline(target: Target, count: int) -> Baseline:
    """The unchanged code, read `count` times.

    Raises:
        UsageError: it gives no acceptable number, so that there is nothing to compare an attack with; or it was seen
            to tamper.
    """
    readings = []
    for run in range(count):
        found = _measure(target, "baseline", target.judge, target.tree, run)
        if found.tampering:
            raise UsageError(honest_code_tampers(found.tampering[0]))
        failure = found.failure or broken(target.contract, averages(Evaluation(runs=(found,)), ()), None)
        if failure is not None:
            raise UsageError(no_baseline(failure))
        readings.append(found)
    return Baseline(contract=target.contract, readings=tuple(readings))


def redteam(target: Target, baseline: Baseline, *, quick: bool, tell: Callable[[Attack], object]) -> Iterator[Result]:
    """Attack, cheap ones first; one result after the other (the probe of what can be reached gives several).

    `quick` leaves out every attack in which the unchanged code does its work too. `tell` hears of each attack before
    it runs.
    """
    yield _same(baseline)
    place = target.entries if isinstance(target.entries, str) else target.entries[0]
    for attack in attacks(target.contract):
        if quick and attack.works:
            yield _skipped(attack, "left out by --quick: the code has to do its work in it")
            continue
        tell(attack)
        started = monotonic()
        if attack.aim == "reach" and not isinstance(target.entries, str):
            place, results = _reach(target, baseline, attack, target.entries)
        else:
            results = [_attack(target, baseline, attack, place)]
        for result in results:
            yield _advised(result, attack, baseline, monotonic() - started)
    for name, why in not_there(target.contract):
        yield Result(name=name, title=_TITLES[name], status=Status.not_applicable, detail=why)


_TO_MEND = (Status.got_through, Status.noise)
_TITLES = {
    "artifacts": "what `run` hands over is damaged",
    "shuffled-labels": "the labels are shuffled",
    "hidden": "reads what is hidden",
}
_SAME = Attack(name="baseline-twice", title="the unchanged code against itself", aim="same")


def _same(baseline: Baseline) -> Result:
    if len(baseline.readings) < 2:
        return _skipped(_SAME, "left out by --quick: it takes a second reading")
    status, detail = same(baseline)
    result = Result(name=_SAME.name, title=_SAME.title, status=status, detail=detail)
    return _advised(result, _SAME, baseline, sum(run.seconds for run in baseline.readings))


def _skipped(attack: Attack, why: str) -> Result:
    return Result(name=attack.name, title=attack.title, status=Status.not_applicable, detail=why)


def _advised(result: Result, attack: Attack, baseline: Baseline, seconds: float) -> Result:
    why, mend = advice(attack, baseline) if result.status in _TO_MEND else ("", "")
    return Result(
        name=result.name, title=result.title, status=result.status, detail=result.detail, why=why, mend=mend,
        seconds=round(seconds, 3),
    )  # fmt: skip


def _attack(target: Target, baseline: Baseline, attack: Attack, place: Entry | str) -> Result:
    if attack.aim == "labels":
        return _labels(target, baseline, attack)
    if attack.name == "empty":
        return _empty(target, baseline, attack)
    return _skipped(attack, place) if isinstance(place, str) else _with_code(target, baseline, attack, place)


def _with_code(target: Target, baseline: Baseline, attack: Attack, place: Entry) -> Result:
    try:
        found = _planted(target, baseline, attack, place)
    except ValueError as error:
        return _skipped(attack, str(error))
    if attack.aim == "outlive":
        return _outlived(target, attack, found)
    if (reported(target.nonce, found) or {}).get("nothing"):
        return _skipped(attack, "there was nothing of it to change when the planted code ran")
    status, detail = answer(attack, found, baseline)
    return Result(name=attack.name, title=attack.title, status=status, detail=detail)


def _planted(target: Target, baseline: Baseline, attack: Attack, place: Entry) -> Measurement:
    """The reading of the attack, written into the file `place`.

    Raises:
        ValueError: it is not written for this language or this file; the message says why.
    """
    with target.listening() as (port, socket):
        facts = Facts(
            nonce=target.nonce,
            line=forged_lines(baseline),
            hidden=tuple((secret.key, secret.path) for secret in target.secrets),
            port=port,
            socket=socket,
            seconds=LINGER_SECONDS,
            hole=target.contract.budget.disk + 2**20,
            others=target.secrets[0].path if target.secrets else "/etc/hosts",
        )
        text = plant(attack, place.language, place.text, facts)
        tree = target.plant({place.path: text.encode("utf-8", "surrogateescape")})
        judge = target.hurried if attack.aim == "wall" else target.judge
        return _measure(target, attack.name, judge, tree)


def _reach(
    target: Target, baseline: Baseline, attack: Attack, entries: tuple[Entry, ...]
) -> tuple[Entry | str, list[Result]]:
    """What planted code can reach; and where code must be planted to be run, or why it is not run anywhere.

    The probe ends the program at once: a number all the same says that it was not run.
    """
    ran = []
    for place in entries:
        try:
            found = _planted(target, baseline, attack, place)
        except ValueError as error:
            return place, [_skipped(attack, str(error))]
        told = reported(target.nonce, found)
        if told is not None:
            return place, list(_reached(target, told, found))
        if found.failure is not None:
            ran.append(place)
    if ran:
        return ran[0], [_skipped(attack, _SILENT)]
    names = " and ".join(place.path for place in entries)
    idle = f"`run` gives its number without running {names}, so what is planted there shows nothing"
    return idle, [_skipped(attack, idle)]


def _reached(target: Target, told: dict[str, str], found: Measurement) -> Iterator[Result]:
    for secret in target.secrets:
        status, detail = read_secret(secret, told, found)
        yield Result(name=secret.key, title=secret.title, status=status, detail=detail)
    for key, title in _NETWORK.items():
        status, detail = reached(key, told)
        yield Result(name=key, title=title, status=status, detail=detail)


_SILENT = "nothing came back from the planted code: it did not run, or its stderr goes elsewhere"
_NETWORK = {
    "loopback": "connects to a server on this machine (127.0.0.1)",
    "abstract": "connects to a socket of this machine that has no file",
    "route": "finds a way to the internet",
}


def _outlived(target: Target, attack: Attack, found: Measurement) -> Result:
    alive = target.survivors(target.nonce)
    told = reported(target.nonce, found)
    if alive:
        status, detail = Status.got_through, "a process of the candidate was alive after its run (it is ended now)"
    elif told is None:
        status, detail = Status.not_applicable, _SILENT
    elif told.get("daemon") != "1":
        status, detail = Status.prevented, "it could not start a process"
    else:
        status, detail = Status.prevented, "no process was alive after the run"
    return Result(name=attack.name, title=attack.title, status=status, detail=detail)


def _empty(target: Target, baseline: Baseline, attack: Attack) -> Result:
    if not target.empty:
        return _skipped(attack, "they are empty already")
    found = _measure(target, attack.name, target.judge, target.empty)
    status, detail = answer(attack, found, baseline)
    return Result(name=attack.name, title=attack.title, status=status, detail=detail)


def _labels(target: Target, baseline: Baseline, attack: Attack) -> Result:
    if isinstance(target.shuffled, str):
        return _skipped(attack, target.shuffled)
    found = _measure(target, attack.name, target.shuffled, target.shuffled_tree)
    status, detail = answer(attack, found, baseline)
    return Result(name=attack.name, title=attack.title, status=status, detail=detail)


def _measure(target: Target, name: str, judge: Judge, tree: str, run: int = 0) -> Measurement:
    found = judge.measure(tree, derive(target.seed, 0, name, run))
    if found.failure is not None and found.failure.code == "sealed":
        raise UsageError(found.failure.detail)
    if found.failure is None and lookup(found.values, "loc") is None:
        found = replace(found, values=(*found.values, *target.counts(tree)))
    target.record(name, found)
    return found
