"""The loop of a night: baseline, experiments until something says stop, certification."""

from msgspec.structs import replace

from overnight.engine.baseline import measure_baseline
from overnight.engine.blind import refuse_blind_judge
from overnight.engine.certify import certify
from overnight.engine.concerns import Concerned
from overnight.engine.experiment import perform, run_experiment
from overnight.engine.laboratory import Laboratory
from overnight.errors import UsageError
from overnight.model.event import Closed
from overnight.model.experiment import Outcome
from overnight.model.state import State
from overnight.model.step import Enough
from overnight.rules.budget import Spending, exhausted
from overnight.rules.certify import due, pairs_of
from overnight.rules.gate import widened

_FRUITLESS = 25
_FAILURES = 5
_WASTED = {Outcome.duplicate, Outcome.crash, Outcome.violation}


def run_study(lab: Laboratory) -> State:
    """Run until a limit is reached, somebody asks to stop, or the agent has nothing left; returns the last state.

    Whatever interrupts it (an exception, SIGKILL, a power cut), calling it again goes on where it was.

    Raises:
        UsageError: the unchanged code gives no number, an empty candidate would be kept, a sealed file changed, or
            the agent cannot work at all.
    """
    started = lab.monotonic()
    lab.recorder.note("started", f"{lab.agent_name}, policy {lab.conductor.name}")
    measure_baseline(lab)
    refuse_blind_judge(lab)
    concerned = Concerned()
    concerned.look(lab)
    begun = lab.recorder.state.counts.experiments
    while not (reason := _over(lab, started)):
        halted = run_experiment(lab)
        if isinstance(halted, Enough):
            reason = halted.reason
            break
        if halted and lab.recorder.state.counts.experiments == begun:
            raise UsageError(f"the agent {lab.agent_name} cannot work: {halted}")
        if halted:
            reason = halted
            break
        concerned.look(lab)
    _choose(lab)
    _certify(lab)
    lab.progress("ended", len(lab.recorder.state.experiments) - 1)
    return lab.recorder.append(Closed(reason=reason), durable=True)


def _choose(lab: Laboratory) -> None:
    """Read the leading candidates once more, so that what is certified is not merely the luckiest."""
    while not lab.stopping.asked and (step := lab.conductor.closing(lab.recorder.state)) is not None:
        perform(lab, step)
    lab.recorder.flush()


def _certify(lab: Laboratory) -> None:
    """Certify the best; where that shows tampering and so withdraws it, the one that is the best then."""
    number = -1
    while due(lab.recorder.state) and (best := lab.recorder.state.best) is not None and best.number != number:
        number = best.number
        certify(lab)


def _over(lab: Laboratory, started: float) -> str:
    state = lab.recorder.catch_up()
    if lab.stopping.asked:
        return "stopped on request"
    spending = Spending(stop=lab.stop, elapsed=lab.monotonic() - started, reserve=_reserve(state))
    return exhausted(state, spending) or widened(state, lab.contract) or _fruitless(lab, state)


def _reserve(state: State) -> float:
    """Seconds that certification will take: each run as long as the baseline's longest."""
    baseline = state.baseline
    if baseline is None or not due(replace(state, certificate=None)):
        return 0.0
    return 2 * pairs_of(state) * max((run.seconds for run in baseline.readings), default=0.0)


def _fruitless(lab: Laboratory, state: State) -> str:
    """A night ends when its agent fails again and again; an open-ended one also when nothing can be measured any more.

    An agent that failed is one that changed nothing and has a note saying what went wrong.
    """
    last = state.experiments[-_FAILURES:]
    if len(last) == _FAILURES and all(
        item.outcome is Outcome.duplicate and item.note and not item.paths for item in last
    ):
        return f"the agent failed {_FAILURES} times in a row without changing anything; the last time: {last[-1].note}"
    if lab.stop.experiments is not None or state.counts.experiments < _FRUITLESS:
        return ""
    wasted = all(item.outcome in _WASTED for item in state.experiments[-_FRUITLESS:])
    return f"the last {_FRUITLESS} proposals were duplicates, crashes or violations" if wasted else ""
