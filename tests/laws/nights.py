"""Random but consistent nights, as groups of ledger events."""

from hypothesis import strategies as st

from overnight.model.contract import Contract, Direction, Objective
from overnight.model.event import Asked, Closed, Judged, Measured, Noted, Opened, Paused, Promoted, Proposed
from overnight.model.experiment import Failure, Measurement, Outcome

numbers = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)
words = st.text(max_size=20)


def contract(direction=Direction.minimize, **changes):
    objective = changes.pop("objective", Objective(metric="m", direction=direction))
    return Contract(title="t", prose="p", objective=objective, edit=("a.py",), run="python a.py", **changes)


def opening(study="s", **changes):
    return Opened(
        study=study, digest="d", contract=changes.pop("contract", contract()), base="b0", tree="t0", **changes
    )


def reading(value):
    if value is None:
        return Measurement(failure=Failure(code="exit", detail="it ended with 1"), seconds=1.0)
    return Measurement(values=(("m", value), ("loc", 3.0)), seconds=1.0)


@st.composite
def nights(draw, max_experiments=8):
    """Groups of events of one segment: baseline, experiments with any outcome, notes in between, maybe unfinished."""
    direction = draw(st.sampled_from(list(Direction)))
    groups = [
        (
            opening(contract=contract(direction)),
            Asked(number=0, parent=0, agent=""),
            Proposed(number=0, tree="t0", commit="c0", parent_commit="c0"),
        )
    ]
    first = draw(numbers)
    groups.append((Measured(number=0, run=0, measurement=reading(first)),))
    groups.append((Judged(number=0, outcome=Outcome.baseline, reason="", value=first),))
    if draw(st.booleans()):
        groups.append((Measured(number=0, run=0, measurement=reading(draw(st.none() | numbers)), crafted="empty"),))
    best, count = 0, draw(st.integers(0, max_experiments))
    for number in range(1, count + 1):
        groups.append((Asked(number=number, parent=best, agent="x"),))
        if draw(st.booleans()):
            groups.append((draw(st.sampled_from([Noted(kind="person", text="hm"), Noted(kind="started", text="")])),))
        tree = f"t{draw(st.integers(0, count))}"
        groups.append((Proposed(number=number, tree=tree, commit=f"c{number}", parent_commit=f"c{best}"),))
        outcome = draw(st.sampled_from([Outcome.keep, Outcome.discard, Outcome.crash, Outcome.duplicate]))
        value = draw(numbers) if outcome in (Outcome.keep, Outcome.discard) else None
        if outcome is not Outcome.duplicate:
            groups.append((Measured(number=number, run=0, measurement=reading(value)),))
        judged = Judged(number=number, outcome=outcome, reason="r", value=value)
        if outcome is Outcome.keep:
            groups.append((judged, Promoted(number=number, commit=f"c{number}")))
            best = number
        else:
            groups.append((judged,))
    if draw(st.booleans()):
        groups.append((Asked(number=count + 1, parent=best, agent="x"),))
    if draw(st.booleans()):
        groups.append((draw(st.sampled_from([Paused(by="me"), Closed(reason="done")])),))
    return groups
