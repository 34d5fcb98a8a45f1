"""A small night as events, for the tests of the faces: fold it or write it into a real ledger."""

from msgspec.structs import replace

from overnight.model.contract import Contract, Direction, Objective, Tier
from overnight.model.event import (
    Asked,
    Certificate,
    Closed,
    Event,
    Gated,
    HoldoutRead,
    Judged,
    Measured,
    Opened,
    Promoted,
    Proposed,
)
from overnight.model.experiment import Asking, Breach, Certified, Failure, Measurement, Outcome, Trust
from overnight.model.state import State
from overnight.rules.fold import fold

Groups = list[tuple[Event, ...]]
BASE = "b" * 40
HOSTILE = (
    "\x1b[31mred\x1b[0m [bold]x[/bold] <script>alert(1)</script> [click](http://evil.example) `` ``` \u202egnp\n# hi"
)


def commit_of(number: int) -> str:
    return f"{number:040x}"


def opened(direction: Direction = Direction.minimize, unit: str = "bits/byte", min_effect: float = 0.01) -> Groups:
    contract = Contract(
        title="t",
        prose="",
        objective=Objective(metric="val_bpb", direction=direction, unit=unit, min_effect=min_effect),
        edit=("train.py",),
        run="python train.py",
    )
    return [
        (
            Opened(
                study="lm",
                digest="d" * 64,
                contract=contract,
                base=BASE,
                tree="t" * 40,
                seed=7,
                tier=Tier.contained,
                at=1e9,
                warnings=("no bounds are given",),
            ),
        )
    ]


def reading(value: float | None, *, trust: Trust = Trust.scored, split: str = "", failure: Failure | None = None):
    values = () if value is None else (("val_bpb", value), ("wall_seconds", 1.5))
    return Measurement(
        values=values, seconds=2.0, seed=3, tier=Tier.contained, trust=trust, split=split, failure=failure, host="box-1"
    )


def baseline(*values: float, trust: Trust = Trust.scored) -> Groups:
    groups: Groups = [
        (Asked(number=0, parent=0, agent=""),),
        (Proposed(number=0, tree="t" * 40, commit=BASE, parent_commit=BASE, loc=50),),
    ]
    groups += [
        (Measured(number=0, run=run, measurement=reading(value, trust=trust)),) for run, value in enumerate(values)
    ]
    mean = sum(values) / len(values)
    groups.append((Judged(number=0, outcome=Outcome.baseline, reason="the unchanged code", value=mean, trust=trust),))
    return groups


def tried(
    number: int,
    outcome: Outcome,
    value: float | None = None,
    *,
    parent: int = 0,
    gain: float | None = None,
    trust: Trust = Trust.scored,
    failure: Failure | None = None,
    kind: Asking = Asking.expand,
    **said: object,
) -> Groups:
    commit = commit_of(number)
    before = BASE if parent == 0 else commit_of(parent)
    fields = {"paths": ("train.py",), "added": 3, "deleted": 1, "summary": f"try {number}", **said}
    proposed = Proposed(
        number=number, tree=f"{number + 1000:040x}", commit=commit, parent_commit=before, seconds=1.0, **fields
    )
    groups: Groups = [(Asked(number=number, parent=parent, agent="tuner", kind=kind),), (proposed,)]
    if outcome is not Outcome.violation:
        groups.append((Measured(number=number, run=0, measurement=reading(value, trust=trust, failure=failure)),))
    verdict = Judged(
        number=number,
        outcome=outcome,
        reason=failure.detail if failure else f"because {number}",
        value=value,
        gain=gain,
        trust=trust,
        failure=failure,
    )
    promoted = (Promoted(number=number, commit=commit),) if outcome is Outcome.keep else ()
    return [*groups, (verdict, *promoted)]


def certificate(
    number: int, old: float | None, new: float | None, level: Certified = Certified.holdout, **more: object
) -> Groups:
    gain = None if old is None or new is None else old - new
    return [
        (HoldoutRead(split="certify", number=0),),
        (HoldoutRead(split="certify", number=number),),
        (Certificate(number=number, baseline=old, best=new, gain=gain, level=level, **more),),
    ]


def read_again(number: int, run: int, *values: float, why: str = "again") -> Groups:
    """More search readings of an experiment, the first of them its reading `run`."""
    return [
        (Measured(number=number, run=run + place, measurement=reading(value), why=why),)
        for place, value in enumerate(values)
    ]


def on_the_gate(number: int, value: float, against: int | None = None, *, passed: bool = True) -> Groups:
    """One look at the gate split; with `against` the gate's bit comes of it."""
    groups: Groups = [
        (HoldoutRead(split="gate", number=number),),
        (Measured(number=number, run=0, measurement=reading(value, split="gate")),),
    ]
    return groups if against is None else [*groups, (Gated(number=number, against=against, passed=passed),)]


def best_is(number: int, reason: str) -> Groups:
    """Later readings make an experiment the best."""
    return [(Promoted(number=number, commit=commit_of(number) if number else BASE, reason=reason),)]


def with_contract(groups: Groups, **changes: object) -> Groups:
    """A night under another contract."""
    (first,), *rest = groups
    return [(replace(first, contract=replace(first.contract, **changes)),), *rest]


def whole_night() -> Groups:
    """Baseline 2.0; #1 kept 1.6, #2 discarded, #3 crashed, #4 violated, #5 kept 1.4 on #1; certified on the holdout."""
    return [
        *opened(),
        *baseline(2.0, 2.02),
        *tried(1, Outcome.keep, 1.6, gain=0.41, summary="order 4", ideas=("mix orders", "order 4")),
        *tried(2, Outcome.discard, 1.605, parent=1, gain=-0.005, summary="order 5"),
        *tried(
            3, Outcome.crash, parent=1, failure=Failure(code="exit", detail="exit code 1", tail=f"Trace\n{HOSTILE}")
        ),
        *tried(4, Outcome.violation, parent=1, breaches=(Breach(path="judge.py", rule="locked", detail="changed"),)),
        *tried(5, Outcome.keep, 1.4, parent=1, gain=0.2, summary="mix two orders"),
        *certificate(5, 2.1, 1.5),
        (Closed(reason="5 experiments are done", at=1e9 + 60),),
    ]


def night(*groups: tuple[Event, ...]) -> State:
    return fold(groups)
