"""The agent without a key: turns the constants of the editable files, with the whole history as its memory.

Does not understand the code. It is the honest baseline that every clever agent must beat.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from overnight.agents.search import Trial, Values, suggest
from overnight.agents.tunables import Scalar, Scan, Space, Tunable, replaced, spelled, survey
from overnight.agents.tunables.files import read_regular
from overnight.model.brief import AgentBudget, Brief
from overnight.model.contract import Objective
from overnight.model.experiment import Proposal
from overnight.model.state import Experiment
from overnight.model.value import Words

_LONGEST_SUMMARY = 200


class Tuner:
    """Proposes new values for constants in Python, JSON, TOML, YAML and .env files; everything else keeps its bytes.

    The same brief and files give the same proposal; a combination that an attempt of the brief has tried is not
    proposed again. A failed attempt counts as poor, never as a number.
    """

    def propose(self, brief: Brief, workdir: Path, budget: AgentBudget) -> Proposal:  # noqa: ARG002 - takes milliseconds
        """Write one new combination of values into the files below `workdir`.

        `parameters` of the result hold the value of every tunable in the new files. `unavailable` says that there is
        nothing to turn or that every combination was tried, `note` that a file could not be read.
        """
        started = time.monotonic()
        scan = survey(workdir, brief.edit)
        if not scan.tunables:
            return Proposal(unavailable=_nothing_found(brief.edit, scan))
        values = _next_values(brief, scan.tunables)
        note = "; ".join(scan.problems)[:1000]
        if values is None:
            exhausted = f"every combination of the {len(scan.tunables)} tunable constants within their ranges was tried"
            return Proposal(unavailable=f"{exhausted}; {note}" if note else exhausted)
        new = {tunable.name: value for tunable, value in zip(scan.tunables, values, strict=True)}
        _write(workdir, scan.tunables, new)
        return Proposal(
            summary=_summary(scan.tunables, new),
            parameters=tuple((name, spelled(value)) for name, value in new.items()),
            note=note,
            seconds=time.monotonic() - started,
        )


def parameters_of(workdir: Path, edit: Sequence[str]) -> Words:
    """(name, JSON text) of every tunable below `workdir` as it stands: what the tuner would have recorded."""
    return tuple((tunable.name, spelled(tunable.present)) for tunable in survey(workdir, edit).tunables)


def _nothing_found(edit: Sequence[str], scan: Scan) -> str:
    files = ", ".join(edit[:5])
    remedy = "add an UPPER_CASE constant, or a `# range: LOW..HIGH` or `# choices: a, b` comment beside a value"
    problems = f" ({'; '.join(scan.problems)})" if scan.problems else ""
    return f"no tunable constants found in {files}{problems}: {remedy}"


def _next_values(brief: Brief, tunables: Sequence[Tunable]) -> Values | None:
    rows = [(attempt, _recorded(attempt, tunables)) for attempt in brief.attempts if attempt.parameters]
    spaces = [
        _wide_enough(tunable.space, tunable.present, [row[index] for _, row in rows])
        for index, tunable in enumerate(tunables)
    ]
    past = [
        Trial(number=attempt.number, parent=attempt.parent, values=row, loss=_loss(attempt, brief.objective))
        for attempt, row in rows
    ]
    present = Trial(
        number=brief.parent.number,
        parent=brief.parent.parent,
        values=tuple(tunable.present for tunable in tunables),
        loss=_loss(brief.parent, brief.objective),
    )
    known = (
        (attempt.number, _loss(attempt, brief.objective)) for attempt in (*brief.attempts, brief.best, brief.parent)
    )
    losses = {number: loss for number, loss in known if loss is not None}
    return suggest(spaces, present, past, losses, brief.seed)


def _wide_enough(space: Space, present: Scalar, recorded: Iterable[Scalar]) -> Space:
    return space.including((present, *recorded))


def _recorded(attempt: Experiment, tunables: Sequence[Tunable]) -> Values:
    """The attempt's value of each tunable; where it has none of that kind, the present one."""
    words = dict(attempt.parameters)
    return tuple(_read(words.get(tunable.name), tunable.present) for tunable in tunables)


def _read(text: str | None, present: Scalar) -> Scalar:
    try:
        value = json.loads(text) if text is not None else present
    except ValueError:
        return present
    return value if type(value) is type(present) else present


def _loss(attempt: Experiment, objective: Objective) -> float | None:
    """Smaller is better; None where there is no number or the attempt failed."""
    if attempt.value is None or attempt.failure is not None:
        return None
    return objective.gain(attempt.value, 0.0)


def _write(workdir: Path, tunables: Sequence[Tunable], values: Mapping[str, Scalar]) -> None:
    for path in dict.fromkeys(tunable.path for tunable in tunables):
        data = read_regular(workdir / path)
        if data is None:
            continue
        new = replaced(data, [tunable for tunable in tunables if tunable.path == path], values)
        if new != data:
            (workdir / path).write_bytes(new)


def _summary(tunables: Sequence[Tunable], values: Mapping[str, Scalar]) -> str:
    """`ORDER 3 -> 5, DISCOUNT 0.5 -> 0.75`: what changed, at most 200 characters."""
    changed = [tunable for tunable in tunables if spelled(values[tunable.name]) != spelled(tunable.present)]
    one_file = len({tunable.path for tunable in tunables}) == 1
    words: list[str] = []
    for index, tunable in enumerate(changed):
        name = tunable.name.split(":", 1)[1] if one_file else tunable.name
        word = f"{name} {_short(tunable.present)} -> {_short(values[tunable.name])}"
        rest = f"and {len(changed) - index} more"
        if len(", ".join([*words, word, rest])) > _LONGEST_SUMMARY:
            return ", ".join([*words, rest])
        words.append(word)
    return ", ".join(words)


def _short(value: Scalar) -> str:
    text = value if isinstance(value, str) else spelled(value)
    return text if len(text) <= 24 else text[:21] + "..."
