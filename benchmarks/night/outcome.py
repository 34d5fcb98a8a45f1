"""What is known of a night when it is over, and means of that with their intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from world import World


@dataclass(frozen=True, kw_only=True)
class Best:
    """From evaluation `at` on `number` was the best, and the policy claimed it to be `claim` above the baseline."""

    at: int
    number: int
    claim: float


@dataclass(frozen=True, kw_only=True)
class Night:
    """One night. `gain` is the true gain of the final candidate, `claim` what is printed of it, `low`..`high` the
    interval beside it (None = none is given), `certified` whether it is called proven. `steps` kept changes lead to it,
    `worthless` of them cost nothing when they are left out; `reported` of them are told as wins, `idle` of these are
    worthless. `course` is (evaluation, true gain of the best, its claim).
    """

    gain: float
    claim: float
    low: float | None = None
    high: float | None = None
    certified: bool = False
    steps: int = 0
    worthless: int = 0
    reported: int | None = None
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


def seen(world: World, bests: Sequence[Best], *, evaluations: int) -> Night:
    """The night of a policy that certifies nothing, from the candidates that were its best, in order."""
    last = bests[-1]
    lineage = world.lineage(last.number)
    return Night(
        gain=world.truth(last.number),
        claim=last.claim,
        steps=len(lineage),
        worthless=len(world.worthless(last.number)),
        evaluations=evaluations,
        course=tuple((best.at, world.truth(best.number), best.claim) for best in bests),
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
