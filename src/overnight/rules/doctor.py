"""What was found on a machine, judged: fine, a warning, or something that makes a night impossible."""

from collections.abc import Sequence
from enum import StrEnum

from overnight.model.contract import Budget, Contract, Tier
from overnight.model.experiment import Measurement
from overnight.model.value import Value, lookup
from overnight.rules.noise import detectable, sigma

GIB = 1024**3
LOW_DISK = 2 * GIB
NO_DISK = 100 * 1024**2
JUMP_SECONDS = 0.5
BUSY = 0.5
NIGHT_SECONDS = 8 * 3600.0


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
    """Usable processor cores, and how many were busy in the last minute, against what one run may use."""
    text = f"{count}, {load:.1f} busy in the last minute"
    if budget.cpus > count:
        return Finding(
            name="cores", health=Health.warning, text=f"{text}; budget.cpus is {budget.cpus:g}",
            next=f"Write `budget: {{cpus: {count}}}`, or run on a larger machine.",
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
    return (*_noise(contract, values, text, stopped), _forecast(contract, readings))


def _noise(contract: Contract, values: Sequence[float], text: str, stopped: str) -> tuple[Finding, ...]:
    found, least = sigma(values), detectable(values)
    if found is None or least is None:
        return (
            Finding(name="judge", health=Health.ok, text=text),
            Finding(
                name="noise", health=Health.warning, text="unknown: one reading says nothing about it", next=stopped
            ),
        )
    reading = Finding(name="judge", health=Health.ok, text=text)
    need = contract.objective.min_effect
    if found == 0:
        return reading, Finding(name="noise", health=Health.ok, text="none: identical readings")
    size = f"one reading scatters by {found:.2g}; a gain below {least:.2g} may be noise, min_effect is {need:g}"
    if least > need:
        remedy = f"Write `min_effect: {least:.2g}` into program.md, or make the judge steadier."
        return reading, Finding(name="noise", health=Health.warning, text=size, next=remedy)
    return reading, Finding(name="noise", health=Health.ok, text=size)


def _forecast(contract: Contract, readings: Sequence[Measurement]) -> Finding:
    each = sum(run.seconds for run in readings) / len(readings)
    night = contract.stop.wall or NIGHT_SECONDS
    fits = int(night / max(each, 0.01))
    planned = contract.stop.experiments
    text = (
        f"{each:.2g} s a measurement: about {fits} experiments in {night / 3600:.3g} hours, less your agent's own time"
    )
    if planned is not None and planned <= fits:
        text += f"; it stops after {planned}, which takes about {planned * each / 3600:.2g} hours"
    if fits < 2:
        remedy = "A night holds no comparison: make the judge faster, or give it more time with --wall."
        return Finding(name="forecast", health=Health.warning, text=text, next=remedy)
    return Finding(name="forecast", health=Health.ok, text=text)
