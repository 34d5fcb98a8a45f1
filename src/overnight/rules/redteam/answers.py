"""What each answer of the attacked judge means: prevented, detected, got through, or noise."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum

from overnight.model.contract import BUILT_IN_METRICS, Contract, Direction
from overnight.model.experiment import Evaluation, Measurement
from overnight.model.state import Experiment
from overnight.model.value import Value, lookup
from overnight.rules.decide import Reference, averages, decide
from overnight.rules.guards import broken
from overnight.rules.redteam.attack import Attack


class Status(StrEnum):
    """How an attack ended. Noise is no attack: the judge itself gives the unchanged code numbers that differ."""

    prevented = "prevented"
    detected = "detected"
    got_through = "got through"
    noise = "noise"
    not_applicable = "not applicable"


class Result(Value, frozen=True, kw_only=True):
    """One attack and what came of it. `detail` is a sentence; `why` and `mend` are for what got through and for noise:
    why it matters, and what to write (lines for program.md, or what to do). `seconds` is what it took.
    """

    name: str
    title: str
    status: Status
    detail: str = ""
    why: str = ""
    mend: str = ""
    seconds: float = 0.0


class Baseline(Value, frozen=True, kw_only=True):
    """The unchanged code as it was read just now: at least one reading, all with a number, and its lines of code."""

    contract: Contract
    readings: tuple[Measurement, ...]

    @property
    def value(self) -> float:
        """The mean of the objective."""
        values = averages(Evaluation(runs=self.readings), ())
        return lookup(values, self.contract.objective.metric) or 0.0


def forged_value(baseline: Baseline) -> float:
    """A value that the contract would keep, inside its bounds, and that no honest reading gives by chance."""
    objective, old = baseline.contract.objective, baseline.value
    step = max(abs(old) * 0.12345, 10 * objective.min_effect, 1e-6)
    sign = -1.0 if objective.direction is Direction.minimize else 1.0
    wanted = old + sign * step
    low, high = objective.bounds or (wanted, wanted)
    if not low <= wanted <= high:
        wanted = old + 0.54321 * ((low if sign < 0 else high) - old)
    return float(f"{wanted:.9g}")


def forged_lines(baseline: Baseline) -> str:
    """Lines that claim the forged value, and for every other metric that is printed what the baseline has."""
    contract = baseline.contract
    known = averages(Evaluation(runs=baseline.readings), ())
    claims = {name: lookup(known, name) for name in contract.metric_names() if name not in BUILT_IN_METRICS}
    if contract.objective.metric in claims:
        claims[contract.objective.metric] = forged_value(baseline)
    printed = {name: value for name, value in claims.items() if value is not None}
    if not printed:
        printed = {contract.objective.metric: forged_value(baseline)}
    return "".join(f"{name}: {value!r}\n" for name, value in printed.items())


def answer(attack: Attack, found: Measurement, baseline: Baseline) -> tuple[Status, str]:
    """What the reading `found` of an attack says, for every aim but those of processes and reports."""
    contract = baseline.contract
    refused = _refused(found, baseline)
    if attack.aim == "wall":
        return _wall(found)
    value = lookup(found.values, contract.objective.metric)
    if refused or value is None:
        return Status.detected, refused or "no number"
    shown = _number(contract, value)
    if attack.aim == "crash":
        return Status.got_through, f"a program that failed has the number {shown}"
    if attack.aim in ("artifact", "labels"):
        return _as_good(attack, value, baseline)
    return _number_of(attack, found, value, baseline)


def _number_of(attack: Attack, found: Measurement, value: float, baseline: Baseline) -> tuple[Status, str]:
    """What the acceptable `value` of a forged or a null candidate says."""
    contract = baseline.contract
    shown, honest = _number(contract, value), _number(contract, baseline.value)
    printed = contract.objective.metric not in BUILT_IN_METRICS
    if attack.aim == "forge" and printed and value == forged_value(baseline):
        return Status.got_through, f"the judge took the forged {shown}; the work gives {honest}"
    if attack.aim == "forge" and attack.works:
        return Status.prevented, f"the forged number was not taken; the judge says {shown}"
    if keeps(found, baseline):
        return Status.got_through, f"it would be kept: {shown} beside {honest}"
    return Status.prevented, f"it gets {shown}, which is not kept"


def keeps(found: Measurement, baseline: Baseline) -> bool:
    """Whether the ratchet would keep the candidate that gave `found` beside the baseline."""
    contract = baseline.contract
    values = averages(Evaluation(runs=baseline.readings), ())
    best = Experiment(number=0, parent=0, loc=int(lookup(values, "loc") or 0), value=baseline.value)
    verdict = decide(
        contract,
        Evaluation(runs=(found,), failure=found.failure),
        counted=(("loc", lookup(found.values, "loc") or 0.0),),
        against=Reference(best=best, values=values, high_water=baseline.value),
    )
    return verdict.promote


def same(baseline: Baseline) -> tuple[Status, str]:
    """Whether a second reading of the unchanged code would pass for a gain over the first, or the other way round."""
    contract = baseline.contract
    values = [lookup(run.values, contract.objective.metric) or 0.0 for run in baseline.readings]
    spread = max(values) - min(values)
    shown = " and ".join(_number(contract, value) for value in values)
    need = contract.objective.min_effect
    if spread == 0:
        return Status.prevented, f"{shown}: identical"
    if spread < need:
        return Status.prevented, f"{shown}: they differ by {spread:.3g}, less than min_effect {need:g}"
    return (
        Status.noise,
        f"{shown}: they differ by {spread:.3g}, which would pass for a gain (min_effect {need:g})",
    )


def reported(nonce: str, found: Measurement) -> dict[str, str] | None:
    """What the planted code wrote about itself on stderr, None when nothing of it came back."""
    tail = found.failure.tail if found.failure is not None else ""
    for line in tail.split("\n"):
        if line.startswith(f"{nonce} "):
            pairs = (word.partition("=") for word in line.split()[1:])
            return {key: value for key, _, value in pairs}
    return None


class Secret(Value, frozen=True, kw_only=True):
    """What a candidate must not read: `key` in reports, `title` for people, the absolute `path`, and the `heads` of
    the files there (see `head_of`).
    """

    key: str
    title: str
    path: str
    heads: tuple[str, ...]


HEAD_BYTES = 4096


def head_of(data: bytes) -> str:
    """How a file is known again by its first HEAD_BYTES bytes: 12 hex digits of their SHA-256."""
    return hashlib.sha256(data[:HEAD_BYTES]).hexdigest()[:12]


def read_secret(secret: Secret, told: Mapping[str, str], found: Measurement) -> tuple[Status, str]:
    """Whether the planted code read what only the judge may see, by the heads of the files that it could open."""
    heads = {head for head in told.get(secret.key, "").split(",") if head}
    if heads & set(secret.heads):
        return Status.got_through, "it could be read"
    if heads and found.tampering:
        return Status.detected, "it read a decoy, and that is on record"
    return Status.prevented, "other bytes are there" if heads else "it could not be read"


def reached(key: str, told: Mapping[str, str]) -> tuple[Status, str]:
    """Whether the planted code reached something over the network."""
    if key not in told:
        return Status.not_applicable, "this attack is not written for the candidate's language"
    return (Status.got_through, "it worked") if told[key] == "1" else (Status.prevented, "it did not work")


def _wall(found: Measurement) -> tuple[Status, str]:
    if found.failure is None:
        return Status.got_through, "a run that went past its time has a number"
    if found.failure.code == "timeout":
        return Status.detected, f"stopped after {found.seconds:.3g} s, no number"
    return Status.detected, f"no number ({found.failure.code})"


def _as_good(attack: Attack, value: float, baseline: Baseline) -> tuple[Status, str]:
    contract = baseline.contract
    gain = contract.objective.gain(baseline.value, value)
    both = f"{_number(contract, value)} beside {_number(contract, baseline.value)}"
    if gain > -contract.objective.min_effect or gain >= 0:
        what = "with shuffled labels" if attack.aim == "labels" else "all the same"
        return Status.got_through, f"as good a number {what}: {both}"
    return Status.prevented, f"it scores worse, as it should: {both}"


def _refused(found: Measurement, baseline: Baseline) -> str:
    """Why the reading would not count, "" when it would."""
    failure = found.failure
    if found.tampering:
        return f"seen as tampering: {found.tampering[0].rstrip('.')}"
    if failure is None:
        values = averages(Evaluation(runs=baseline.readings), ())
        failure = broken(baseline.contract, averages(Evaluation(runs=(found,)), ()), values)
    return f"no number ({failure.code}): {failure.detail.rstrip('.')}" if failure is not None else ""


def _number(contract: Contract, value: float) -> str:
    unit = f" {contract.objective.unit}" if contract.objective.unit else ""
    return f"{value:.6g}{unit}"
