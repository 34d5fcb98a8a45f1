"""The gate split: one bit on each candidate that would become the parent or the best.

The search metric is read thousands of times, so that its best is biased even without noise; data that are read only
for would-be promotions, and answer one bit, hold that back (compare Blum & Hardt, The Ladder, 2015; Dwork et al., The
reusable holdout, 2015). Every look is counted before it is taken, and no agent is told what was seen.
"""

from overnight.model.contract import Contract
from overnight.model.experiment import Measurement
from overnight.model.state import Experiment, State
from overnight.model.step import Bit, Enough, Read
from overnight.model.value import lookup
from overnight.rules.scale import scale_of
from overnight.rules.seeds import derive

GATE = "gate"


def has_gate(contract: Contract) -> bool:
    """Whether the contract has a gate split."""
    return contract.holdout is not None and bool(contract.holdout.gate)


def part(state: State, contract: Contract) -> str:
    """The split that is read now: the gate's parts take turns, each for its share of the allowed looks."""
    holdout = contract.holdout
    if holdout is None or holdout.parts <= 1:
        return GATE
    share = max(1, gate_looks(contract) // holdout.parts)
    turn = min(holdout.parts - 1, state.counts.gate_reads // share)
    return f"{GATE}-{turn + 1}"


def gate_looks(contract: Contract) -> int:
    """How many of the holdout's looks the gate may use: what certification needs is kept back."""
    holdout = contract.holdout
    if holdout is None:
        return 0
    reserve = 2 * contract.keep.pairs if holdout.certify else 0
    return max(0, holdout.queries - reserve)


def looks_left(state: State, contract: Contract) -> int:
    """How many looks the gate may still take: what certificates have used is gone for it too."""
    if contract.holdout is None:
        return 0
    used_by_proofs = state.counts.holdout_reads - state.counts.gate_reads
    return max(0, min(gate_looks(contract), contract.holdout.queries - used_by_proofs) - state.counts.gate_reads)


def next_look(state: State, contract: Contract, number: int) -> Read | Bit | Enough | None:
    """What is missing before it is known whether `number` passes; None = it is known, or there is no gate.

    The unchanged code passes by definition. A candidate is held against the best's own reading of the same part, which
    is taken first where it is missing. A candidate that gives no number there does not pass.
    """
    if not has_gate(contract) or number == 0 or state.experiments[number].gate is not None:
        return None
    best = state.best
    if best is None or best.number == number:
        return None
    split = part(state, contract)
    for wanted in (best, state.experiments[number]):
        if _reading(wanted, split) is None:
            if looks_left(state, contract) <= 0:
                return Enough(reason="the gate's looks are used up")
            seed = derive(state.seed, split, wanted.number)
            return Read(number=wanted.number, seed=seed, split=split, why=f"gate-{number}")
    return Bit(number=number, against=best.number, passed=_better(contract, best, state.experiments[number], split))


def _better(contract: Contract, best: Experiment, challenger: Experiment, split: str) -> bool:
    scale = scale_of(contract)
    readings = [_reading(item, split) for item in (best, challenger)]
    old, new = (scale.score(reading.values) if reading else None for reading in readings)
    # A best that gives no number on the gate cannot hold anybody back.
    return new is not None and (old is None or new > old)


def _reading(experiment: Experiment, split: str) -> Measurement | None:
    return next((run for run in reversed(experiment.holdout) if run.split == split), None)


def gap(state: State, contract: Contract) -> float | None:
    """How much more the search says the best has gained than the gate says, as a fraction of the baseline's size.

    Both are gains over the unchanged code, the gate's on the part of its data that both were last read on. None while
    there is nothing to compare, or the baseline is 0.
    """
    baseline, best = state.baseline, state.best
    if baseline is None or best is None or best.number == 0 or not baseline.value or best.value is None:
        return None
    splits = [run.split for run in best.holdout if run.split.startswith(GATE)]
    metric, gains = contract.objective.metric, []
    for split in reversed(splits):
        readings = [_reading(item, split) for item in (baseline, best)]
        values = [lookup(reading.values, metric) for reading in readings if reading is not None]
        old, new = values if len(values) == 2 else (None, None)
        if old is not None and new is not None:
            gains.append(contract.objective.gain(old, new))
            break
    if not gains:
        return None
    return (contract.objective.gain(baseline.value, best.value) - gains[0]) / abs(baseline.value)


def widened(state: State, contract: Contract) -> str:
    """Why the study ends because it learns the search's data by heart, as a sentence; "" = it does not."""
    limit = contract.holdout.max_gap if contract.holdout is not None else None
    found = gap(state, contract) if limit is not None else None
    if limit is None or found is None or found <= limit:
        return ""
    return (
        f"the search's gain exceeds the gate's by {100 * found:.3g} % of the baseline, more than max_gap "
        f"({100 * limit:.3g} %): what is found now fits the search's data alone"
    )
