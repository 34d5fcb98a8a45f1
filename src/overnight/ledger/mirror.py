"""results.tsv: the night as a table in karpathy's five columns, for his notebook and everybody's eyes.

A mirror of the present segment that may be deleted at any time; a new segment begins a new table, because numbers of
two segments must not be compared. Its columns cannot say everything: see `row`.
"""

from pathlib import Path

from overnight.ledger.disk import append_to, explained, make_folders, replace_file
from overnight.ledger.text import one_line
from overnight.model.event import Event, Judged, Opened
from overnight.model.experiment import Outcome
from overnight.model.state import Experiment, State
from overnight.model.value import lookup
from overnight.rules.fold import mean_value

_DESCRIPTION = 300
_KEPT = {Outcome.baseline, Outcome.keep}
_WITHOUT_NUMBER = {Outcome.crash, Outcome.violation}
_TAKEN_FOR_NOTHING = {"", "na", "n/a", "nan", "null", "none", "<na>", "#n/a", "-nan", "1.#ind", "1.#qnan", "#na"}


class ResultsTable:
    """A sink that keeps the table at `path` in step with the ledger.

    The first event of a process rewrites the whole table from the state, so that whatever a killed process or a
    person did to it is mended; after that a row is appended for every judged experiment.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holds = ("", 0)

    def emit(self, event: Event, state: State) -> None:
        """Append the row of a Judged event; Opened begins the table anew; other events change nothing.

        Raises:
            RepositoryError, MachineError: the file cannot be written.
        """
        if not isinstance(event, (Judged, Opened)):
            return
        if isinstance(event, Opened) or self._holds != _table(state):
            self.rebuild(state)
            return
        with explained("write the table", self._path):
            there = append_to(self._path, row(state, state.experiments[event.number]).encode())
        if not there:
            self.rebuild(state)

    def rebuild(self, state: State) -> None:
        """Replace the file by `render(state)`; readers see the old or the new one, whole.

        Raises:
            RepositoryError, MachineError: the file cannot be written.
        """
        with explained("write the table", self._path):
            make_folders(self._path.parent)
            replace_file(self._path, render(state).encode())
        self._holds = _table(state)


def render(state: State) -> str:
    """The whole table: a header, and one row for each judged experiment in the order of its number."""
    judged = (one for one in state.experiments if one.outcome is not None)
    return header(state) + "".join(row(state, one) for one in judged)


def header(state: State) -> str:
    """The first line; the second column has the name of the contract's metric."""
    metric = state.contract.objective.metric if state.contract is not None else "value"
    return f"commit\t{metric}\tmemory_gb\tstatus\tdescription\n"


def row(state: State, one: Experiment) -> str:
    r"""One line: commit (7 characters), value, memory (GB, one decimal), status, description.

    The format knows three states. The baseline is `keep`. What has no number (crash, violation, or anything without
    a reading) is `crash` with 0.000000 and 0.0, as karpathy writes it; every other outcome that was not kept is
    `discard`, and where a guard or the bounds broke it, with the value that was read. A description holds no tab, no
    control character and no double quote, and is never a word that a table reader takes for a missing value.
    """
    commit = (one.commit or state.base)[:7]
    words = one_line(_description(one), _DESCRIPTION).replace('"', "'")
    if words.lower() in _TAKEN_FOR_NOTHING:
        words = f"({words or 'no description'})"
    value = _read(state, one)
    if value is None:
        return f"{commit}\t0.000000\t0.0\tcrash\t{words}\n"
    status = "keep" if one.outcome in _KEPT else "discard"
    return f"{commit}\t{_number(value)}\t{_memory(state, one):.1f}\t{status}\t{words}\n"


def _table(state: State) -> tuple[str, int]:
    """What makes a table another one: its columns, and the segment whose numbers it holds."""
    return header(state), state.segments


def _read(state: State, one: Experiment) -> float | None:
    """The value that counts; of a discarded candidate whose value does not count, the one that was read."""
    if one.outcome in _WITHOUT_NUMBER or state.contract is None:
        return None
    if one.value is None and one.same_as is not None:
        return _read(state, state.experiments[one.same_as])
    if one.outcome is Outcome.discard and one.value is None:
        return mean_value(one.readings, state.contract.objective.metric)
    return one.value


def _description(one: Experiment) -> str:
    if one.outcome is Outcome.baseline:
        return one.summary or "baseline"
    return one.summary or one.reason


def _number(value: float) -> str:
    return f"{value:.6g}" if 0 < abs(value) < 0.001 else f"{value:.6f}"


def _memory(state: State, one: Experiment) -> float:
    """Peak memory in GB (1024 MB) over the readings that count, 0 if none was taken."""
    source = one if one.same_as is None else state.experiments[one.same_as]
    return max((lookup(run.values, "peak_memory_mb") or 0.0 for run in source.readings), default=0.0) / 1024
