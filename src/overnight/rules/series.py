"""What successive readings of one unchanged thing tell: how far they scatter, whether they drift or have two modes."""

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from statistics import median

LATEST = 100
FEWEST = 8
FEWEST_GROUPED = 5
_MONOTONE = 3.29
_WANDERING = -3.29


def robust_spread(values: Sequence[float]) -> float | None:
    """1.4826 times the median absolute deviation: the standard deviation, for normal values, whatever outliers do.

    None (unknown) below two values; 0 when more than half of them are identical. Source: Hampel 1974.
    """
    if len(values) < 2:
        return None
    middle = median(values)
    return 1.4826 * median(abs(value - middle) for value in values)


def two_clusters(values: Sequence[float]) -> tuple[float, float] | None:
    """(lower, upper) centre of two groups into which the readings fall, or None: noise, as far as one can see.

    Needs five readings, two of them in the smaller group (or a fifth of all), so that outliers are no group.
    The split with the least scatter inside its groups (Fisher 1958) counts where a share of the whole scatter remains
    that less than one series in a hundred leaves, be its noise normal, uniform, skewed or heavy-tailed: the limits
    are from simulation. Readings that lie beside each other on the scale of their own rounding are no groups.
    """
    latest = sorted(values[-LATEST:])
    count = len(latest)
    if count < FEWEST_GROUPED or latest[0] == latest[-1]:
        return None
    least = max(2, math.ceil(count / 5))
    shift = latest[0]
    sums = [0.0, *accumulate(value - shift for value in latest)]
    total = math.fsum((value - shift) ** 2 for value in latest) - sums[-1] ** 2 / count
    between = {
        size: (sums[size] / size - (sums[-1] - sums[size]) / (count - size)) ** 2 * size * (count - size) / count
        for size in range(least, count - least + 1)
    }
    size = max(between, key=lambda each: between[each])
    if 1 - between[size] / total > _remaining(count):
        return None
    lower, upper = math.fsum(latest[:size]) / size, math.fsum(latest[size:]) / (count - size)
    if latest[size] - latest[size - 1] <= 1.5 * _rounding(latest):
        return None
    return lower, upper


def _remaining(count: int) -> float:
    """The share of the scatter that noise almost always leaves inside the best two groups of `count` readings."""
    return min(0.1, 0.007 * (count - 4))


def _rounding(values: Sequence[float]) -> float:
    """The last decimal place that some value uses, at most 1."""
    exponents = (Decimal(repr(value)).normalize().as_tuple().exponent for value in values)
    return 10.0 ** min(0, *(exponent for exponent in exponents if isinstance(exponent, int)))


def drifting(values: Sequence[float]) -> float | None:
    """How far successive readings have moved with time (signed, in their unit), or None: no more than noise does.

    A trend (Mann 1945, Kendall 1975), from eight readings; or a level that wanders (rank von Neumann ratio, Bartels
    1982), from ten; each at the 0.05 % level on a side, as it is asked again and again while readings come in. The
    distance is between the lowest and the highest running median of three, positive when the highest came later.
    """
    latest = list(values[-LATEST:])
    if len(latest) < FEWEST or min(latest) == max(latest):
        return None
    wanders = len(latest) >= 10 and _bartels(latest) < _WANDERING
    if not wanders and abs(_mann_kendall(latest)) < _MONOTONE:
        return None
    levels = [median(latest[at : at + 3]) for at in range(len(latest) - 2)]
    low, high = min(levels), max(levels)
    later = len(levels) - 1 - levels[::-1].index(high) > levels.index(low)
    return high - low if later else low - high


def _mann_kendall(values: Sequence[float]) -> float:
    """The normal score of Kendall's S against time, corrected for ties and for continuity."""
    count = len(values)
    score = sum(
        (later > earlier) - (later < earlier) for at, earlier in enumerate(values) for later in values[at + 1 :]
    )
    ties = [values.count(value) for value in set(values)]
    variance = (count * (count - 1) * (2 * count + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    return (score - math.copysign(1, score)) / math.sqrt(variance) if score else 0.0


def _bartels(values: Sequence[float]) -> float:
    """The normal score of the von Neumann ratio of ranks; far below zero where neighbours are alike."""
    count = len(values)
    ordered = sorted(values)
    first = {value: rank for rank, value in reversed(list(enumerate(ordered, 1)))}
    tied = {value: first[value] + (ordered.count(value) - 1) / 2 for value in first}
    ranks = [tied[value] for value in values]
    mean = (count + 1) / 2
    ratio = sum((b - a) ** 2 for a, b in pairwise(ranks)) / sum((rank - mean) ** 2 for rank in ranks)
    variance = 4 * (count - 2) * (5 * count**2 - 2 * count - 9) / (5 * count * (count + 1) * (count - 1) ** 2)
    return (ratio - 2) / math.sqrt(variance)
