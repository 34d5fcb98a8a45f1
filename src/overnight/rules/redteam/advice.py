"""Why something that got through matters, and the lines to write against it."""

from overnight.model.contract import BUILT_IN_METRICS, Contract
from overnight.model.value import lookup
from overnight.rules.blind import missing_guard
from overnight.rules.noise import detectable
from overnight.rules.redteam.answers import Baseline
from overnight.rules.redteam.attack import Attack

_BOX = (
    "Run in a box (leave out `--isolation none`), and write into program.md:\n"
    "isolation: {require: contained}\n"
    "`overnight doctor` says what this machine lacks for it."
)
_WHY = {
    "same": "Noise alone would be kept as an improvement, night after night.",
    "null": "Whoever does no work wins.",
    "crash": "A program that fails has a number.",
    "artifact": "The judge gives as good a number to something that cannot be right.",
    "labels": "A judge whose number does not change with the labels does not look at them.",
    "wall": "A candidate that takes more time than it was granted wins by that.",
    "reach": "A candidate can do this on your machine, tonight.",
    "outlive": "What outlives its run can change later readings, or the files of the next candidate.",
}
_BELIEVES = (
    "This judge believes whatever the candidate prints: trust self-reported. An agent that prints a better number "
    "without doing the work wins."
)


def advice(attack: Attack, baseline: Baseline) -> tuple[str, str]:
    """(why it matters, what to write) for an attack that got through, or for noise."""
    contract = baseline.contract
    if attack.aim == "forge":
        believes = not (contract.score or contract.drive)
        return (_BELIEVES, scored(contract)) if believes else (_WHY["null"], missing_guard(contract))
    mend = {
        "same": f"Write into program.md:\nmin_effect: {_effect(baseline):.2g}",
        "null": missing_guard(contract),
        "crash": missing_guard(contract),
        "artifact": _checked(contract, attack.target),
        "labels": _labels(contract),
    }
    return _WHY[attack.aim], mend.get(attack.aim, _BOX)


def scored(contract: Contract) -> str:
    """The lines that turn a self-reported contract into a scored one."""
    name = contract.objective.metric
    if name in BUILT_IN_METRICS:
        return missing_guard(contract)
    honest = (
        "In a karpathy repository `overnight init --honest` writes such a judge for you. " if contract.inferred else ""
    )
    return (
        f"{honest}Let the candidate write what it found to a file, and let a command of your own give the number. "
        "Write into program.md:\n"
        f"run: {contract.run}   # writes out.txt; what it prints no longer counts\n"
        "artifacts: [out.txt]\n"
        f'score: python judge.py   # yours, outside `edit`: reads out.txt, prints "{name}: NUMBER"\n'
        'hide: ["answers/**"]   # what only judge.py may read\n'
        "As long as it stays as it is: read each kept diff before you believe its number."
    )


def _checked(contract: Contract, target: str) -> str:
    return (
        f"Let the command of `score` (`{contract.score}`) check the size, the number of rows and that the values in "
        f"{target} can be right, and exit with an error when not."
    )


def _labels(contract: Contract) -> str:
    judge = contract.score or (contract.drive.judge if contract.drive else contract.run)
    return (
        "Correct `labels` in program.md if it names files that the candidate starts from; name only those that the "
        f"judge compares with. If it does: let the judge read them, `{judge}` does not."
    )


def _effect(baseline: Baseline) -> float:
    """A `min_effect` that the readings' noise does not reach, rounded up to two digits."""
    metric = baseline.contract.objective.metric
    values = [lookup(run.values, metric) or 0.0 for run in baseline.readings]
    return 1.05 * max(detectable(values) or 0.0, max(values) - min(values))
