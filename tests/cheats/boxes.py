"""The boxes that this machine offers, strongest first, and how cheats are spread over them."""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import pytest
from catalogue import HONEST, WISH, Cheat, Kind, Word
from study import Study

import rungs
from overnight.model.contract import Tier
from overnight.model.experiment import Outcome, Trust
from overnight.model.state import Experiment
from overnight.model.value import lookup
from overnight.ports import Sandbox
from overnight.report.markdown import render as report
from overnight.sandbox import Unboxed
from overnight.sandbox.ladder import RUNGS

AGAIN = 123_456_789
"""The seed of a second reading."""


class Offer(NamedTuple):
    """A kind of box that works here."""

    sandbox: Sandbox
    tier: Tier
    by_name_only: bool


BROKEN = re.compile("NameError|SyntaxError|AttributeError|ImportError|ModuleNotFoundError|IndentationError")
"""What Python says of a program that is wrong in itself: such a cheat would prove nothing."""


@cache
def offered() -> dict[str, Offer]:
    """Every kind of box that this machine gives by its name on the ladder, strongest first; never `none`."""
    names = rungs.settled().names
    boxes = [rung for rung in RUNGS if rung.name in names and rung.tier is not Tier.none]
    return {rung.name: Offer(rungs.sandbox(rung.name), rung.tier, rung.by_name_only) for rung in boxes}


def box(name: str) -> Sandbox:
    return offered()[name].sandbox if name in offered() else Unboxed()


def strongest() -> str:
    """The box that a person gets who asks for nothing."""
    return next((name for name, offer in offered().items() if not offer.by_name_only), Tier.none.value)


def strong_enough(cheat: Cheat, kind: Kind) -> list[str]:
    """The boxes in which `cheat` is tried: the strongest for what needs none, all that claim to stop it for the rest.

    Those that nobody gets here without asking are tried with judges in a process of their own only, and those that
    take a second to start (containers) with one kind of judge.
    """
    first = strongest()
    if cheat.needs is Tier.none:
        return [first]
    strong = {name: offer for name, offer in offered().items() if offer.tier.rank >= cheat.needs.rank}
    return [
        name
        for name, offer in strong.items()
        if name == first or kind is Kind.score or (kind is Kind.drive and not offer.by_name_only)
    ]


def every(cheats: Iterable[Cheat]) -> pytest.MarkDecorator:
    """Parametrises over each cheat that needs no specification of its own, each kind of judge that has a verdict on it,
    and the boxes.
    """
    cases = [
        pytest.param(cheat, kind, name, id=f"{cheat.does}-{kind}-{name}")
        for cheat in cheats
        for kind in Kind
        if cheat.act is not None and cheat.verdict(kind) is not None
        for name in strong_enough(cheat, kind)
    ]
    return pytest.mark.parametrize(("cheat", "kind", "tier"), cases)


def gets_what_it_deserves(studies, cheat: Cheat, kind: Kind, tier: str) -> Experiment:
    """Run `cheat` through gate, judge and decision, and require its verdict and that nothing was harmed."""
    verdict, act = cheat.verdict(kind), cheat.act
    assert verdict is not None
    assert act is not None
    through = verdict.word is Word.through
    study = studies.own(kind, tier) if through else studies.shared(kind, tier, hurried=cheat.hurried)
    tried = study.attempt(act)
    told = f"{tried.outcome}: {tried.reason} {tried.failure}"
    caught = any(reading.tampering for reading in tried.readings)
    assert tried.outcome in verdict.outcomes or (caught and tried.outcome is Outcome.violation), told
    assert not (tried.failure and BROKEN.search(tried.failure.tail)), f"the cheat itself is broken: {told}"
    if tried.value is None or tried.failure is not None:
        assert caught or reason(tried) in verdict.because, told
    elif verdict.worse:
        assert tried.value >= HONEST, told
    else:
        assert tried.value == pytest.approx(verdict.value), told
    assert set(cheat.flags) <= {flag.rule for flag in tried.flags}, tried.flags
    if cheat.again:
        again = study.measure(tried.tree, AGAIN)
        assert lookup(again.values, "loss") == pytest.approx(HONEST), again
    assert study.harmed() == ()
    best_now = study.recorder.state.best
    assert best_now is not None
    if through:
        assert (best_now.number, tried.trust, tried.value) == (tried.number, Trust.self_reported, WISH)
        assert "self-reported (the candidate printed its own number)" in report(study.recorder.state)
    else:
        assert best_now.number == 0
    return tried


def reason(tried: Experiment) -> str:
    """The stable word of why there is no number: a breach's rule, or a failure's code."""
    if tried.breaches:
        return tried.breaches[0].rule
    return tried.failure.code if tried.failure else ""


def trust_of(study: Study) -> Trust:
    baseline = study.recorder.state.baseline
    assert baseline is not None
    return baseline.trust
