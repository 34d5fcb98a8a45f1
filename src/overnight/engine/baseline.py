"""Opens a segment and measures the unchanged code: number 0."""

from overnight.engine.experiment import honest_code_tampers, measure
from overnight.engine.laboratory import Laboratory
from overnight.errors import UsageError
from overnight.model.event import Asked, Judged, Opened, Proposed
from overnight.model.experiment import Evaluation, Failure, Measurement, Outcome
from overnight.model.state import State
from overnight.model.value import Words, lookup
from overnight.rules.decide import averages, trust_of
from overnight.rules.deciding.readings import again
from overnight.rules.fold import mean_value
from overnight.rules.guards import broken
from overnight.rules.noise import wants_reading


def open_segment(lab: Laboratory, opened: Opened, parameters: Words = ()) -> State:
    """Begin a segment; its experiment 0 is the unchanged code of `opened.base`, with the tuner's `parameters` of it."""
    loc = int(lookup(lab.counts(opened.tree), "loc") or 0)
    return lab.recorder.append(
        opened,
        Asked(number=0, parent=0, agent=""),
        Proposed(
            number=0,
            tree=opened.tree,
            commit=opened.base,
            parent_commit=opened.base,
            loc=loc,
            parameters=parameters,
        ),
        candidate=opened.base,
        durable=True,
    )


def measure_baseline(lab: Laboratory) -> State:
    """Read the unchanged code as often as its price allows (one to five times) and judge it number 0.

    Raises:
        UsageError: the unchanged code gives no acceptable number, so that nothing can be compared with it, or it was
            seen to tamper.
    """
    state = lab.recorder.state
    if state.baseline is not None:
        return state
    metric = lab.contract.objective.metric
    while True:
        unchanged = lab.recorder.state.experiments[0]
        if unchanged.tampering:
            raise UsageError(honest_code_tampers(unchanged.tampering[0]))
        good = [run for run in unchanged.readings if run.failure is None]
        values = [value for run in good if (value := lookup(run.values, metric)) is not None]
        if not wants_reading(values, [run.seconds for run in good], lab.stop.wall):
            break
        measurement = measure(lab, again(lab.recorder.state, 0, "run"))
        lab.recorder.flush()
        if measurement.failure is not None:
            raise UsageError(no_baseline(measurement.failure))
    runs = tuple(good)
    failure = broken(lab.contract, averages(Evaluation(runs=runs), ()), None)
    if failure is not None:
        raise UsageError(no_baseline(failure))
    return lab.recorder.append(
        Judged(
            number=0,
            outcome=Outcome.baseline,
            reason=f"the unchanged code, read {len(runs)} time{'s' if len(runs) > 1 else ''}",
            value=mean_value(runs, metric),
            trust=trust_of(Evaluation(runs=runs)),
        ),
        durable=True,
    )


def no_baseline(failure: Failure) -> str:
    """The message for a judge that gives no number on the unchanged code."""
    tail = f"\nIts last output:\n{failure.tail}" if failure.tail else ""
    return (
        f"the unchanged code gives no acceptable number ({failure.code}): {failure.detail.rstrip('.')}. "
        f"Nothing can be compared with it: mend the command or the contract, then run `overnight check`.{tail}"
    )


def readings_of(state: State) -> tuple[Measurement, ...]:
    """The baseline's successful readings."""
    return tuple(run for run in state.experiments[0].readings if run.failure is None) if state.experiments else ()
