"""What was found on a machine, judged: fine, a warning, or something that makes a night impossible."""

from collections.abc import Sequence
from enum import StrEnum

from overnight.model.contract import Budget, Contract, Tier
from overnight.model.experiment import Measurement
from overnight.model.value import Value, lookup
from overnight.rules.calibration import Calibration, Forecast, calibrate, observed
from overnight.rules.concerns import Concern, concerns

GIB = 1024**3
LOW_DISK = 2 * GIB
NO_DISK = 100 * 1024**2
JUMP_SECONDS = 0.5
BUSY = 0.5


class Health(StrEnum):
    """How a line of the doctor's reads."""

    ok = "ok"
    warning = "warning"
    problem = "problem"


class Finding(Value, frozen=True, kw_only=True):
    """One line: `name` in a word or two, `text` what was found, `next` what to do about it ("" = nothing).

    A `problem` makes `run` impossible; a `warning` does not.
    """

    name: str
    health: Health
    text: str
    next: str = ""


def box(tier: Tier, name: str, limits: str, higher: Sequence[str], required: Tier | None) -> Finding:
    """The best box of this machine; `higher` are sentences about stronger ones, `required` the contract's tier."""
    text = f"{tier} ({name}), limits {limits}"
    remedy = " ".join(higher)
    if required is not None and tier.rank < required.rank:
        accept = f"or accept less by name: overnight run --isolation {tier}"
        return Finding(
            name="box",
            health=Health.problem,
            text=f"{text}; the contract requires {required}",
            next=f"{remedy} {accept}",
        )
    if tier.rank < Tier.confined.rank:
        text += ": what a candidate does is not held, and its numbers are self-reported"
        return Finding(name="box", health=Health.warning, text=text, next=remedy)
    return Finding(name="box", health=Health.ok, text=text, next=remedy)


def disk(name: str, place: str, free: int, wanted: int) -> Finding:
    """Free bytes at `place`; `wanted` is what the contract's budget or LOW_DISK asks for."""
    text = f"{free / GIB:.1f} GiB free in {place}"
    if free < NO_DISK:
        return Finding(name=name, health=Health.problem, text=text, next="Make room: nothing can be written there.")
    if free < wanted:
        remedy = f"Make room ({wanted / GIB:.1f} GiB are wanted), or write a smaller `budget: {{disk: ...}}`."
        return Finding(name=name, health=Health.warning, text=text, next=remedy)
    return Finding(name=name, health=Health.ok, text=text)


def clock(jumped: float, slept: float, *, synchronised: bool | None) -> Finding:
    """`jumped`: seconds by which the wall clock ran away from the steady one while we looked; `slept`: seconds that the
    machine was suspended since it was started; `synchronised` None = not known.
    """
    if abs(jumped) > JUMP_SECONDS:
        text = f"the time of day jumped by {jumped:.1f} s while we looked; durations are taken from a steady clock"
        remedy = "Let the time service settle: dates in the record would be wrong."
        return Finding(name="clock", health=Health.warning, text=text, next=remedy)
    since = f"; suspended for {slept:.0f} s since it was started" if slept > 1 else ""
    if synchronised is False:
        text = f"steady, but not set by a time service{since}"
        remedy = "Dates in the record may be wrong; `timedatectl set-ntp true` sets the clock."
        return Finding(name="clock", health=Health.warning, text=text, next=remedy)
    return Finding(name="clock", health=Health.ok, text=f"steady{since}")


def cores(count: int, load: float, budget: Budget) -> Finding:
    """Usable processor cores, and how many programs computed or waited for the disk, on average over the last minute,
    against what one run may use.
    """
    text = f"{count}; load {load:.1f} in the last minute"
    if budget.cpus > count:
        return Finding(
            name="cores", health=Health.warning, text=f"{text}; budget.cpus is {budget.cpus:g}",
            next=f"Write `budget: {{cpus: {count}}}` into program.md, or run on a larger machine.",
        )  # fmt: skip
    if load > max(BUSY, BUSY * count):
        return Finding(
            name="cores", health=Health.warning, text=text,
            next="Something else is computing: times that are measured now will be noisy.",
        )  # fmt: skip
    return Finding(name="cores", health=Health.ok, text=text)


def memory(available: int, budget: Budget) -> Finding:
    """Bytes of memory that are available against what one run may use."""
    text = f"{available / GIB:.1f} GiB available; budget.memory is {budget.memory / GIB:.1f} GiB"
    if budget.memory > available:
        remedy = (
            "A run that uses its budget would push this machine into swap: write a smaller `budget: {memory: ...}`."
        )
        return Finding(name="memory", health=Health.warning, text=text, next=remedy)
    return Finding(name="memory", health=Health.ok, text=text)


def judge(contract: Contract, readings: Sequence[Measurement], stopped: str) -> tuple[Finding, ...]:
    """The unchanged code against itself, and what the night will be like; `stopped` says why it was not read twice."""
    metric, unit = contract.objective.metric, contract.objective.unit
    values = [value for run in readings if (value := lookup(run.values, metric)) is not None]
    if not values:
        return (Finding(name="judge", health=Health.warning, text="was not read", next=stopped),)
    shown = ", ".join(f"{value:.6g}" for value in values)
    text = f"{metric} of the unchanged code: {shown}{f' {unit}' if unit else ''}"
    state = observed(contract, readings)
    found, wrong = calibrate(state), concerns(state)
    others = [
        Finding(name=one.code, health=Health.warning, text=one.text, next=one.next)
        for one in wrong
        if one.code != "noisy"
    ]
    return (
        Finding(name="judge", health=Health.ok, text=text),
        _noise(contract, found, wrong, stopped),
        *others,
        _forecast(contract, found.forecast),
    )


def _noise(contract: Contract, found: Calibration, wrong: Sequence[Concern], stopped: str) -> Finding:
    if found.sigma is None or found.single is None or found.certified is None:
        text = "unknown: one reading says nothing about it"
        return Finding(name="noise", health=Health.warning, text=text, next=stopped)
    if found.sigma == 0:
        return Finding(name="noise", health=Health.ok, text="none: identical readings")
    noisy = next((one for one in wrong if one.code == "noisy"), None)
    if noisy is not None:
        return Finding(name="noise", health=Health.warning, text=noisy.text, next=noisy.next)
    text = (
        f"one reading scatters by {found.sigma:.2g}; one reading of each shows a gain of {found.single:.2g}, "
        f"certification one of {found.certified:.2g}, min_effect is {contract.objective.min_effect:g}"
    )
    return Finding(name="noise", health=Health.ok, text=text)


def _forecast(contract: Contract, found: Forecast) -> Finding:
    each, fits, planned = found.seconds or 0.0, found.experiments or 0, contract.stop.experiments
    hours = found.night_seconds / 3600
    text = f"{each:.2g} s a measurement: about {fits} experiments in {hours:.3g} hours, less your agent's own time"
    if found.certify_seconds:
        text += "; re-readings and certification are counted"
    if planned is not None and planned <= fits:
        takes = (planned * found.readings * each + (found.certify_seconds or 0.0)) / 3600
        text += f"; it stops after {planned}, which takes about {takes:.2g} hours"
    if fits < 2:
        remedy = "A night holds no comparison: make the judge faster, or give it more time with --wall."
        return Finding(name="forecast", health=Health.warning, text=text, next=remedy)
    return Finding(name="forecast", health=Health.ok, text=text)
