"""The same candidates on data that the search reads, on the gate's and on the certificate's: where overfitting shows.

For the person alone: none of it may be told to an agent.
"""

from typing import Any

from overnight.model.experiment import Measurement
from overnight.model.state import Experiment, State
from overnight.model.value import Value, lookup
from overnight.report.text import amount, figure, plural
from overnight.rules.certify import looks_left
from overnight.rules.fold import mean_value
from overnight.rules.gate import GATE, has_gate
from overnight.rules.gate import looks_left as gate_looks_left
from overnight.rules.lineage import lineage

_LISTED = 12


class Split(Value, frozen=True, kw_only=True):
    """One candidate on three kinds of data, in the metric's unit; None where it was not read.

    `search` and `certify` are means, `gate` its last reading there. `gap` is the search's gain over the unchanged code
    minus the gate's, both on the same part of the gate's data. `passed` is the gate's one bit.
    """

    number: int
    search: float | None = None
    gate: float | None = None
    certify: float | None = None
    gap: float | None = None
    passed: bool | None = None


def splits(state: State) -> tuple[Split, ...]:
    """The unchanged code, every candidate that was ever the best or is part of it, and what was certified."""
    if state.contract is None or state.baseline is None:
        return ()
    chosen = {0, *state.kept, *(number for number, _ in state.demotions)}
    chosen |= {made.number for made in state.certificates}
    chosen |= set(lineage(state, state.best.number)) if state.best else set()
    return tuple(_split(state, state.experiments[number]) for number in sorted(chosen))


def rows(state: State) -> list[dict[str, Any]]:
    """`splits` for programs."""
    return [
        {
            "number": one.number,
            "search": one.search,
            "gate": one.gate,
            "certify": one.certify,
            "gap": one.gap,
            "passed": one.passed,
        }
        for one in splits(state)
    ]


def other_data(state: State) -> list[str]:
    """The section on data that the search does not read; [] where the contract has none."""
    contract = state.contract
    if contract is None or contract.holdout is None:
        return []
    found = splits(state)
    lines = _looks(state)
    if len(found) < 2:
        return lines
    shown = found[:1] + found[1:][-_LISTED:]
    lines += ["", f"| | search | {'gate | passed | ' if has_gate(contract) else ''}certified |"]
    lines.append(f"|---|---|{'---|---|' if has_gate(contract) else ''}---|")
    for one in shown:
        gate = f"{_cell(one.gate)} | {_passed(one)} | " if has_gate(contract) else ""
        name = f"#{one.number}" if one.number else "unchanged"
        lines.append(f"| {name} | {_cell(one.search)} | {gate}{_cell(one.certify)} |")
    if len(found) > len(shown):
        lines.append(f"\n{plural(len(found) - len(shown), 'older one')} not shown; `overnight report --json` has all.")
    said = _gap(state, found)
    return [*lines, "", said] if said else lines


def gate_left(state: State) -> int | None:
    """Looks at the gate split that may still be taken; None without a gate."""
    contract = state.contract
    if contract is None or not has_gate(contract):
        return None
    return gate_looks_left(state, contract)


def _looks(state: State) -> list[str]:
    contract, counts = state.contract, state.counts
    assert contract is not None  # noqa: S101 - other_data() looks first
    lines = []
    if has_gate(contract):
        asked = [one for one in state.experiments if one.gate is not None]
        failed = sum(one.gate is False for one in asked)
        lines.append(
            f"- The gate answered for {plural(len(asked), 'candidate')}, {failed} did not pass; "
            f"{plural(counts.gate_reads, 'look')} used, {gate_left(state)} left."
        )
    whole = looks_left(state, contract)
    if whole is not None:
        taken = counts.holdout_reads - counts.gate_reads
        lines.append(f"- Certificates took {plural(taken, 'look')}; of the whole holdout {max(0, whole)} are left.")
    return lines


def _gap(state: State, found: tuple[Split, ...]) -> str:
    """How much of the search's gain the gate's data do not show, on average."""
    gaps = [one.gap for one in found if one.gap is not None and one.number]
    if not gaps or state.contract is None:
        return ""
    unit = state.contract.objective.unit
    mean = sum(gaps) / len(gaps)
    baseline = state.baseline.value if state.baseline else None
    share = f" ({figure(abs(100 * mean / baseline), 2)} % of the baseline)" if baseline else ""
    more = "more" if mean > 0 else "less"
    said = f"On average the search shows {amount(abs(mean), unit, 2)} {more} gain than the gate{share}"
    if mean <= 0:
        return f"{said}: no sign of overfitting."
    return (
        f"{said}: luck, and what fits the search's data alone. When that grows from night to night, it is overfitting."
    )


def _split(state: State, one: Experiment) -> Split:
    assert state.contract is not None  # noqa: S101 - splits() looks first
    objective, metric = state.contract.objective, state.contract.objective.metric
    baseline = state.experiments[0]
    gates = [run for run in one.holdout if run.split.startswith(GATE) and run.failure is None]
    gap = None
    for run in reversed(gates):
        old = _on(baseline, run.split, metric)
        new = lookup(run.values, metric)
        if one.number and old is not None and new is not None and one.value is not None and baseline.value is not None:
            gap = objective.gain(baseline.value, one.value) - objective.gain(old, new)
            break
    return Split(
        number=one.number,
        search=mean_value(one.readings, metric),
        gate=lookup(gates[-1].values, metric) if gates else None,
        certify=_certified(state, one),
        gap=gap,
        passed=one.gate,
    )


def _on(experiment: Experiment, split: str, metric: str) -> float | None:
    """The newest reading of a candidate on one part of the gate's data."""
    runs: list[Measurement] = [run for run in experiment.holdout if run.split == split and run.failure is None]
    return lookup(runs[-1].values, metric) if runs else None


def _certified(state: State, one: Experiment) -> float | None:
    """What certificates in the contract's own setting read: of the unchanged code the newest, too."""
    for made in reversed(state.certificates):
        if made.setting or made.tree:
            continue
        if one.number == 0 and made.baseline is not None:
            return made.baseline
        if one.number == made.number and one.number:
            return made.best
    return None


def _cell(value: float | None) -> str:
    return "-" if value is None else figure(value, 5)


def _passed(one: Split) -> str:
    return "-" if one.passed is None else "yes" if one.passed else "no"
