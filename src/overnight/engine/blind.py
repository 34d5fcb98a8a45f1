"""Before the first experiment: does the judge keep a candidate in which nothing is left?"""

from overnight.engine.experiment import reading
from overnight.engine.laboratory import Laboratory
from overnight.errors import UsageError
from overnight.model.event import Measured
from overnight.model.experiment import Measurement
from overnight.model.state import State
from overnight.rules.blind import DESPITE, EMPTY, advice, would_keep
from overnight.rules.seeds import derive


def refuse_blind_judge(lab: Laboratory) -> State:
    """Measure the empty candidate, once a segment, and go on only when the ratchet would not keep it.

    The reading is an evaluation in the ledger, durable. A person who knows better overrules the refusal by name; that
    is in the record too.

    Raises:
        UsageError: the empty candidate would be kept, and nobody has accepted that.
    """
    state = lab.recorder.state
    if not lab.empty:
        return state
    known = dict(state.crafted).get(EMPTY)
    found = known if known is not None else _measure(lab)
    state = lab.recorder.state
    reason = would_keep(state, found)
    if not reason:
        return state
    if DESPITE not in lab.despite:
        raise UsageError(advice(lab.contract, reason))
    if reason in state.despite:
        return state
    return lab.recorder.note("despite", reason)


def _measure(lab: Laboratory) -> Measurement:
    state = lab.recorder.state
    lab.progress("judge", 0, lab.contract.budget.wall)
    found = reading(lab, 0, lab.empty, derive(state.seed, 0, EMPTY))
    lab.recorder.append(Measured(number=0, run=0, measurement=found, crafted=EMPTY), durable=True)
    return found
