"""Whether a judge would keep a candidate in which nothing is left, and what the contract lacks then."""

from overnight.model.contract import BUILT_IN_METRICS, Contract
from overnight.model.experiment import Evaluation, Measurement
from overnight.model.state import State
from overnight.model.value import lookup
from overnight.rules.decide import Reference, averages, decide

EMPTY = "empty"
"""The name of the crafted candidate whose editable files are all empty."""

DESPITE = "empty-candidate"
"""The name by which a person accepts a judge that would keep it."""


def would_keep(state: State, found: Measurement) -> str:
    """Why the ratchet would keep the crafted candidate that gave `found` beside the baseline; "" if it would not.

    `found.values` must hold `loc`, as every reading in the ledger does.
    """
    baseline, contract = state.baseline, state.contract
    if baseline is None or baseline.value is None or contract is None or found.failure is not None:
        return ""
    good = tuple(run for run in baseline.readings if run.failure is None)
    against = Reference(best=baseline, values=averages(Evaluation(runs=good), ()), high_water=baseline.value)
    verdict = decide(
        contract,
        Evaluation(runs=(found,)),
        counted=(("loc", lookup(found.values, "loc") or 0.0),),
        against=against,
    )
    if not verdict.promote or verdict.value is None:
        return ""
    objective = contract.objective
    unit = f" {objective.unit}" if objective.unit else ""
    return (
        f"an empty candidate (every file of `edit` emptied) would be kept: {objective.metric} "
        f"{verdict.value:.6g}{unit} beside the unchanged code's {baseline.value:.6g}{unit}"
    )


def advice(contract: Contract, reason: str) -> str:
    """The refusal of a night whose judge keeps an empty candidate: what is missing, and the lines to write."""
    return (
        f"{reason}. Whoever deletes everything would win tonight. {missing_guard(contract)} "
        f"`overnight redteam` shows more; to run all the same, say so by name: overnight run --despite {DESPITE}"
    )


def missing_guard(contract: Contract) -> str:
    """What to write so that nothing counts which does not do its work: sentences, and lines for program.md."""
    commands = any(guard.run for guard in contract.guards)
    built_in = contract.objective.metric in BUILT_IN_METRICS
    if contract.score and built_in:
        return (
            "What `score` finds must be a condition: let it print whether the work was done, and write into "
            "program.md:\nguards:\n  - {metric: correct, min: 1}\n"
        )
    if contract.score or contract.drive is not None:
        return (
            "The judge must tell work from no work: let it print a bad number, or exit with an error, when what the "
            "candidate hands over is missing or wrong."
        )
    if built_in:
        if commands:
            return (
                "The command in `guards` passes without the code: let it use what the editable files do, and demand "
                "its tests with `min_tests`."
            )
        return (
            "What is missing is a guard that only working code passes. Write into program.md, with your own test "
            "command:\nguards:\n  - {run: python -m pytest -q, must: pass, min_tests: 1}\n"
            "or a `score` command that checks what `run` has written."
        )
    return (
        "`run` prints the number without the editable files: let it use them, or score what they produce in a "
        "`score` command."
    )
