"""One plain line an event, for pipes, logs and terminals without colour."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from overnight.cli.console import outcome_cell
from overnight.report.suspicion import rules_of
from overnight.report.text import amount, duration, figure, one_line, plural

if TYPE_CHECKING:
    from overnight.model.event import Asked, Certificate, Event, Gated, Judged, Measured, Noted, Opened, Promoted
    from overnight.model.experiment import Measurement
    from overnight.model.state import State


class LineSink:
    """A sink that hands one line to `write` for every event worth a line; hostile words are escaped."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def emit(self, event: "Event", state: "State") -> None:
        """Write what `event` means; `state` includes it."""
        line = line_of(event, state)
        if line:
            self._write(line)


def line_of(event: "Event", state: "State") -> str:
    """One event as a line, "" for events that say nothing new to a person."""
    say = _LINES.get(type(event).__name__)
    return say(event, state) if say else ""


def _opened(event: "Opened", state: "State") -> str:
    again = f", segment {state.segments}" if state.segments > 1 else ""
    return f"study {one_line(event.study, 60)} begins on commit {event.base[:12]}, box {event.tier.value}{again}"


def _asked(event: "Asked", state: "State") -> str:
    del state
    if event.number == 0:
        return "#0 is the unchanged code: measuring it"
    base = "the unchanged code" if event.parent == 0 else f"#{event.parent}"
    kind = "" if event.kind.value == "expand" else f" ({event.kind.value.replace('_', ' ')})"
    return f"#{event.number} {one_line(event.agent, 40)} changes {base}{kind}"


def _certified(event: "Certificate", state: "State") -> str:
    from overnight.report.certified import certificate_sentence

    return certificate_sentence(state, event)


def _promoted(event: "Promoted", state: "State") -> str:
    """A best that is made by later readings; one that its verdict has made needs no second line."""
    del state
    what = f"#{event.number} is the best now" if event.number else "the unchanged code is the best again"
    return f"{what}: {one_line(event.reason, 200)}" if event.reason else ""


def _gated(event: "Gated", state: "State") -> str:
    del state
    than = f"#{event.against}" if event.against else "the unchanged code"
    if event.passed:
        return f"#{event.number} passed the gate: better than {than} on data that the search never reads"
    return f"#{event.number} did not pass the gate: no better than {than} on data that the search never reads"


def _noted(event: "Noted", state: "State") -> str:
    del state
    if event.kind == "fork":
        count = plural(int(event.text), "experiment builds", "experiments build")
        return f"as you asked: the next {count} on #{event.number}"
    return "" if event.kind == "started" else f"note ({one_line(event.kind, 20)}): {one_line(event.text, 700)}"


def _measured(event: "Measured", state: "State") -> str:
    run = event.measurement
    took = f"in {duration(run.seconds)}"
    if run.tampering:
        return f"#{event.number} was seen to tamper: {one_line(run.tampering[0], 200)}"
    if event.crafted:
        end = f"no number ({run.failure.code})" if run.failure is not None else "a number"
        return f"to test the judge, a candidate of overnight's own ({one_line(event.crafted, 40)}): {end} {took}"
    if run.split:
        return f"#{event.number} measured on the {one_line(run.split, 20)} split {took}"
    which = _read_afresh(event) if event.trial else f"#{event.number} run {event.run}"
    if run.failure is not None:
        return f"{which} gave no number {took}: {one_line(run.failure.detail, 160)}"
    return f"{which} read {_value(run, state)} {took}" if state.contract is not None else ""


def _value(run: "Measurement", state: "State") -> str:
    from overnight.model.value import lookup

    assert state.contract is not None  # noqa: S101 - nothing is measured without one
    objective = state.contract.objective
    return f"{one_line(objective.metric, 40)} {amount(lookup(run.values, objective.metric), objective.unit)}"


def _read_afresh(event: "Measured") -> str:
    """What a fresh reading is of: an experiment, or one without some of its changes."""
    side = event.trial.rpartition("/")[2]
    if not side.startswith("without-"):
        return f"#{event.number}, afresh,"
    gone = ", ".join(f"#{number}" for number in one_line(side.removeprefix("without-"), 80).split("+"))
    return f"#{event.number} without {gone}, afresh,"


def _judged(event: "Judged", state: "State") -> str:
    unit = state.contract.objective.unit if state.contract else ""
    value = f" {amount(event.value, unit)}" if event.value is not None else ""
    gain = "" if event.gain is None else f" ({'+' if event.gain > 0 else ''}{figure(event.gain, 3)})"
    one = state.experiments[event.number]
    said = f" | {one_line(one.summary, 120)}" if one.summary else ""
    said += f" | flags: {rules_of(one)}" if one.flags else ""
    return f"#{event.number} {outcome_cell(event.outcome.value)}{value}{gain}: {one_line(event.reason, 160)}{said}"


_LINES: dict[str, Callable[[Any, "State"], str]] = {
    "Opened": _opened,
    "Asked": _asked,
    "Measured": _measured,
    "Judged": _judged,
    "Promoted": _promoted,
    "Gated": _gated,
    "HoldoutRead": lambda event, _: f"#{event.number} looks at the holdout ({event.split}); every look is counted",
    "Certificate": _certified,
    "Noted": _noted,
    "Paused": lambda _event, _state: "asked to stop after the present experiment",
    "Closed": lambda event, _: f"ended: {one_line(event.reason, 300)}",
    "Adopted": lambda event, _: f"#{event.number} comes from {one_line(event.peer, 40)}",
}
