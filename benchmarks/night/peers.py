"""How other tools decide, each as small as it is: functions from a world and a budget of evaluations to a night.

All of them build on the best and compare a fresh reading with what the best is recorded as. None certifies: what they
claim is the best's recorded value minus the baseline's. Where a rule needs the noise it is told the true sigma.
"""

from collections.abc import Callable
from random import Random
from statistics import fmean, median

from outcome import Best, Night, over
from world import World

Rule = Callable[[World, int, float], float | None]
"""From (world, challenger, recorded value of the best) to the value to record of a new best; None = drop it."""


def naive(world: World, budget: int) -> Night:
    """Karpathy's ratchet: one reading, kept when it is better than the best's number."""
    return _ratchet(world, budget, _better)


def mad_confidence(world: World, budget: int) -> Night:
    """pi-autoresearch: the session's gain over the median absolute deviation of all readings is a confidence, which
    is advice; below one a good agent takes a second reading.
    """
    readings: list[float] = []

    def rule(world: World, number: int, best: float) -> float | None:
        value = world.read(number)
        readings.append(value)
        if value <= best:
            return None
        middle = median(readings)
        deviation = median(abs(reading - middle) for reading in readings)
        if value - readings[0] < deviation:
            value = fmean((value, world.read(number)))
        return value if value > best else None

    return _ratchet(world, budget, rule)


def floor_two_sigma(world: World, budget: int) -> Night:
    """Keeps what is better by at least two standard deviations of a reading."""
    return _ratchet(world, budget, _above(2.0 * world.meter.sigma))


def ladder(world: World, budget: int) -> Night:
    """The Ladder (Blum & Hardt 2015) with a step of one and a half sigma: the record moves in whole steps."""
    step = 1.5 * world.meter.sigma

    def rule(world: World, number: int, best: float) -> float | None:
        value = world.read(number)
        if value < best + step or value <= best:
            return None
        return step * round(value / step) if step else value

    return _ratchet(world, budget, rule)


def three_repeats(world: World, budget: int) -> Night:
    """The mean of three readings of everything, the baseline too."""

    def rule(world: World, number: int, best: float) -> float | None:
        value = fmean(world.read(number) for _ in range(3))
        return value if value > best else None

    return _ratchet(world, budget, rule, first=3)


def two_retests(world: World, budget: int) -> Night:
    """An apparent win is read twice more; the mean of the fresh readings must be better too and is recorded."""

    def rule(world: World, number: int, best: float) -> float | None:
        if world.read(number) <= best:
            return None
        value = fmean(world.read(number) for _ in range(2))
        return value if value > best else None

    return _ratchet(world, budget, rule)


def late_acceptance(world: World, budget: int) -> Night:
    """Builds on what is no worse than the one it built on 20 proposals ago (Burke & Bykov 2017); the best seen wins."""
    length = 20
    start = world.read(0)
    history = [start] * length
    present, value = 0, start
    bests = [Best(at=1, number=0, claim=0.0)]
    step = 0
    while world.readings < budget:
        number = world.propose(present)
        reading = world.read(number)
        if reading >= history[step % length] or reading >= value:
            present, value = number, reading
        history[step % length] = value
        step += 1
        if reading - start > bests[-1].claim:
            bests.append(Best(at=world.readings, number=number, claim=reading - start))
    return over(world, bests)


def naive_islands(world: World, budget: int) -> Night:
    """Four ratchets in turns; every 40 evaluations the worst of them starts again from the best."""
    count, every = 4, 40
    start = world.read(0)
    heads = [(0, start)] * count
    bests = [Best(at=1, number=0, claim=0.0)]
    shuffle, turn = Random("islands"), 0
    while world.readings < budget:
        island = turn % count
        number = world.propose(heads[island][0])
        reading = world.read(number)
        if reading > heads[island][1]:
            heads[island] = (number, reading)
        if reading - start > bests[-1].claim:
            bests.append(Best(at=world.readings, number=number, claim=reading - start))
        turn += 1
        if turn % every == 0:
            worst = min(range(count), key=lambda index: (heads[index][1], shuffle.random()))
            heads[worst] = max(heads, key=lambda head: head[1])
    return over(world, bests)


def _ratchet(world: World, budget: int, rule: Rule, first: int = 1) -> Night:
    start = value = fmean(world.read(0) for _ in range(first))
    bests = [Best(at=world.readings, number=0, claim=0.0)]
    while world.readings < budget:
        number = world.propose(bests[-1].number)
        record = rule(world, number, value)
        if record is not None:
            value = record
            bests.append(Best(at=world.readings, number=number, claim=value - start))
    return over(world, bests)


def _better(world: World, number: int, best: float) -> float | None:
    value = world.read(number)
    return value if value > best else None


def _above(least: float) -> Rule:
    def rule(world: World, number: int, best: float) -> float | None:
        value = world.read(number)
        return value if value > best and value >= best + least else None

    return rule


PEERS: dict[str, Callable[[World, int], Night]] = {
    "naive": naive,
    "mad-confidence": mad_confidence,
    "floor-2-sigma": floor_two_sigma,
    "ladder": ladder,
    "three-repeats": three_repeats,
    "two-retests": two_retests,
    "late-acceptance": late_acceptance,
    "naive-islands": naive_islands,
}
