"""What is known of a night when it is over, and means of that with their intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, stdev

from world import World


@dataclass(frozen=True, kw_only=True)
class Best:
    """From evaluation `at` on `number` was the best, and the policy claimed it to be `claim` above the baseline."""

    at: int
    number: int
    claim: float


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is printed of the final candidate; `certified` = as proven."""

    gain: float
    low: float | None = None
    high: float | None = None
    certified: bool = False


@dataclass(frozen=True, kw_only=True)
class Night:
    """One night. `gain` is the true gain of the final candidate, `claim` what is printed of it, `low`..`high` the
    interval beside it (None = none is given), `certified` whether it is called proven. The best changed `keeps` times,
    `lucky` times to one that is truly no better. `steps` changes lead from the baseline to the final candidate,
    `worthless` of them cost nothing when they are left out of it; after an ablation `reported` are told as wins, and
    `idle` of those are worthless. `course` is (evaluation, true gain of the best, its
    claim).
    """

    gain: float
    claim: float
    low: float | None = None
    high: float | None = None
    certified: bool = False
    keeps: int = 0
    lucky: int = 0
    steps: int = 0
    worthless: int = 0
    reported: int = 0
    idle: int = 0
    evaluations: int = 0
    course: tuple[tuple[int, float, float], ...] = ()

    @property
    def excess(self) -> float:
        """Claim minus truth."""
        return self.claim - self.gain

    @property
    def covered(self) -> bool | None:
        """Whether the interval holds the truth; None without an interval."""
        return None if self.low is None or self.high is None else self.low <= self.gain <= self.high


def over(world: World, bests: Sequence[Best], certificate: Claim | None = None) -> Night:
    """The night whose bests were these, in order; without a certificate the last best's claim is what is printed."""
    last = bests[-1]
    truths = [world.truth(best.number) for best in bests]
    shown = certificate or Claim(gain=last.claim)
    return Night(
        gain=truths[-1],
        claim=shown.gain,
        low=shown.low,
        high=shown.high,
        certified=shown.certified,
        keeps=len(bests) - 1,
        lucky=sum(new <= old for old, new in pairwise(truths)),
        steps=len(world.lineage(last.number)),
        worthless=len(world.worthless(last.number)),
        evaluations=world.readings,
        course=tuple((best.at, truth, best.claim) for best, truth in zip(bests, truths, strict=True)),
    )


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over nights; `half` is half the width of its 95 % interval."""

    value: float
    half: float

    def __str__(self) -> str:
        return f"{self.value:.1f} ± {self.half:.1f}"


def mean(values: Sequence[float]) -> Mean:
    """Mean and interval (normal, as there are many nights); NaN where there are no values."""
    if not values:
        return Mean(value=math.nan, half=math.nan)
    half = 1.96 * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return Mean(value=fmean(values), half=half)


def ratio(parts: Sequence[float], wholes: Sequence[float]) -> float:
    """Sum of the parts over the sum of the wholes; 0 where there is no whole."""
    whole = math.fsum(wholes)
    return math.fsum(parts) / whole if whole else 0.0
