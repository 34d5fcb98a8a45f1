"""Measures baseline and best on data that the search never saw; every look is counted before it is taken."""

from overnight.engine.experiment import measure, withdraw
from overnight.engine.laboratory import Laboratory
from overnight.model.event import Certificate, HoldoutRead
from overnight.model.experiment import Certified
from overnight.model.state import State
from overnight.model.value import lookup


def due(state: State) -> bool:
    """Whether the best so far has no certificate although the contract has a certify split."""
    contract, best = state.contract, state.best
    if contract is None or contract.holdout is None or not contract.holdout.certify or best is None:
        return False
    return best.number != 0 and (state.certificate is None or state.certificate.number != best.number)


def certify(lab: Laboratory) -> State:
    """One fresh reading each of baseline and best on the certify split, when that is due.

    One reading each gives a difference without an interval: the note says so. Each look at the holdout is in the
    ledger before it is taken; with `holdout.queries` used up nothing is read. A best that is seen to tamper is
    withdrawn without a certificate; then the best is another one, which may be due.

    Raises:
        UsageError: the unchanged code itself was seen to tamper.
    """
    state = lab.recorder.state
    if not due(state) or state.best is None or lab.contract.holdout is None:
        return state
    best = state.best.number
    for number in (0, best):
        if number in lab.recorder.state.certified_reads:
            continue
        if lab.recorder.state.counts.holdout_reads >= lab.contract.holdout.queries:
            return lab.recorder.note("warning", "the holdout's allowed looks are used up: the best is not certified")
        lab.recorder.append(HoldoutRead(split="certify", number=number), durable=True)
        measure(lab, number, split="certify")
        if lab.recorder.state.experiments[number].tampering:
            withdraw(lab, number)
            return lab.recorder.state
    return lab.recorder.append(_certificate(lab.recorder.state, best), durable=True)


def _certificate(state: State, best: int) -> Certificate:
    contract = state.contract
    assert contract is not None  # noqa: S101 - due() has seen it
    readings = [state.experiments[number].holdout[-1] for number in (0, best)]
    values = [lookup(reading.values, contract.objective.metric) for reading in readings]
    old, new = values
    if old is None or new is None:
        failure = next(reading.failure for reading in readings if reading.failure is not None)
        return Certificate(number=best, baseline=old, best=new, note=f"a reading failed: {failure.detail}")
    gain = contract.objective.gain(old, new)
    agrees = gain > 0 and gain >= contract.objective.min_effect
    note = "baseline and best, measured once each on the certify split; one reading each gives no interval"
    level = Certified.holdout if agrees else Certified.no
    return Certificate(number=best, baseline=old, best=new, gain=gain, level=level, note=note)
