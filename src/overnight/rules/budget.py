"""When the night is over."""

from overnight.model.contract import Stop
from overnight.model.state import State
from overnight.model.value import Value


class Spending(Value, frozen=True, kw_only=True):
    """Limits of one start: `stop` from the contract and the command line, `elapsed` seconds since this start,
    `reserve` seconds kept back for certification.
    """

    stop: Stop
    elapsed: float = 0.0
    reserve: float = 0.0


def exhausted(state: State, spending: Spending) -> str:
    """Why no further experiment may begin, as a sentence; "" = go on."""
    stop = spending.stop
    done = state.counts.experiments
    if state.paused:
        return "stopped on request"
    if stop.experiments is not None and done >= stop.experiments:
        return "1 experiment is done" if done == 1 else f"{done} experiments are done"
    if stop.wall is not None and spending.elapsed + spending.reserve >= stop.wall:
        return f"the time is used up ({stop.wall:g} s, {spending.reserve:.0f} s of it kept for certification)"
    if stop.usd is not None and state.cost_usd >= stop.usd:
        return f"${state.cost_usd:.2f} are spent"
    return _worn_out(state, stop)


def _worn_out(state: State, stop: Stop) -> str:
    if stop.no_gain is not None and state.since_keep >= stop.no_gain:
        row = "1 experiment" if state.since_keep == 1 else f"{state.since_keep} experiments in a row"
        return f"{row} brought no gain"
    if stop.tampering is not None and state.counts.tampering >= stop.tampering:
        broke = "1 proposal" if state.counts.tampering == 1 else f"{state.counts.tampering} proposals"
        return f"{broke} broke the contract or tampered with the measurement"
    return ""
