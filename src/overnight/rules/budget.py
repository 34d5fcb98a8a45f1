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
    reasons = (
        (state.paused, "stopped on request"),
        (stop.experiments is not None and done >= stop.experiments, f"{done} experiments are done"),
        (
            stop.wall is not None and spending.elapsed + spending.reserve >= stop.wall,
            f"the time is used up ({stop.wall:g} s, {spending.reserve:.0f} s of it kept for certification)",
        ),
        (stop.usd is not None and state.cost_usd >= stop.usd, f"${state.cost_usd:.2f} are spent"),
        (
            stop.no_gain is not None and state.since_keep >= stop.no_gain,
            f"{state.since_keep} experiments in a row brought no gain",
        ),
        (
            stop.tampering is not None and state.counts.violations >= stop.tampering,
            f"{state.counts.violations} proposals broke the contract",
        ),
    )
    return next((reason for true, reason in reasons if true), "")
