"""Distributions, e-values and intervals, with nothing but the standard library.

What is told about a series of readings of the same thing is in `overnight.rules.series`.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()
_SERIES_FROM = 2000.0
_LARGEST_LOG = 700.0
_NOISIER = 0.05
_QUIETER = 0.01
_PRIOR_DOF = 2.0


def normal_cdf(z: float) -> float:
    """P(Z <= z) of the standard normal distribution."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def student_cdf(t: float, dof: float) -> float:
    """P(T <= t) of Student's distribution with `dof` > 0 degrees of freedom (infinite = normal).

    Source: Abramowitz & Stegun 26.7.1, through the regularised incomplete beta function.
    """
    if math.isinf(dof):
        return normal_cdf(t)
    tail = 0.5 * _incomplete_beta(dof / 2, 0.5, dof / (dof + t * t))
    return tail if t < 0 else 1 - tail


@lru_cache(maxsize=1024)
def student_quantile(probability: float, dof: float) -> float:
    """The t below which Student's distribution has `probability`; exact to 1e-6 of its size.

    `dof` is at least 1, need not be whole, and may be infinite (the normal distribution).

    Raises:
        ValueError: a probability outside ]0, 1[ or fewer than one degree of freedom.
    """
    if not 0 < probability < 1 or not dof >= 1:
        raise ValueError("a probability in ]0, 1[ and at least one degree of freedom are needed")
    if probability == 0.5:
        return 0.0
    if probability > 0.5:
        return -student_quantile(1 - probability, dof)
    if dof == 1:
        return -1 / math.tan(math.pi * probability)
    z = _NORMAL.inv_cdf(probability)
    if dof >= _SERIES_FROM:
        return z + _cornish_fisher(z, dof)
    return _solved(probability, dof, z)


def _cornish_fisher(z: float, dof: float) -> float:
    """Abramowitz & Stegun 26.7.5: what many degrees of freedom add to the normal quantile `z`."""
    if math.isinf(dof):
        return 0.0
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return first / dof + second / dof**2 + third / dof**3


def _solved(probability: float, dof: float, start: float) -> float:
    """The root of `student_cdf` below zero, by bisection from a bracket that is doubled until it holds the root."""
    low, high = 2 * start, 0.0
    while student_cdf(low, dof) > probability:
        low, high = 2 * low, low
    while high - low > 1e-10 * -low:
        middle = (low + high) / 2
        if student_cdf(middle, dof) > probability:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised I_x(a, b): the continued fraction of DLMF 8.17.22, evaluated by Lentz's method."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    tiny = 1e-300
    fraction, c, d = 1.0, 1.0, 0.0
    for step in range(1000):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + term * d or tiny)
        c = 1 + term / c or tiny
        fraction *= c * d
        if abs(1 - c * d) < 1e-15:
            break
    return front * (fraction - 1) / a


def e_value(z: float, se: float, scale: float) -> float:
    """Evidence that an effect is above zero, at least 1/alpha of it with probability at most alpha where there is none.

    `z` is the effect in standard errors (d / se), `se` > 0 its standard error, `scale` > 0 the size of the effects that
    are expected: the likelihood ratio of half-normal positive effects against none (a mixture as in Robbins 1970;
    e-values: Vovk & Wang 2021). Evidence above exp(700) is given as exp(700).
    """
    k = scale * scale / (scale * scale + se * se)
    w = z * math.sqrt(k)
    if w < -30:  # where Phi underflows: its asymptotic series (Abramowitz & Stegun 26.2.12)
        tail = -math.log(-w) - math.log(2 * math.pi) / 2 + math.log1p(-1 / w**2 + 3 / w**4)
    else:
        tail = w * w / 2 + math.log(normal_cdf(w))
    return math.exp(min(_LARGEST_LOG, math.log(2) + 0.5 * math.log1p(-k) + tail))


def e_bh(e_values: Sequence[float], alpha: float) -> tuple[int, ...]:
    """Indices, ascending, of the hypotheses that are rejected: at most a share `alpha` of them falsely, on average.

    Holds under any dependence (Wang & Ramdas 2022, "False discovery rate control with e-values").
    """
    count = len(e_values)
    order = sorted(range(count), key=lambda index: -e_values[index])
    enough = [rank for rank, index in enumerate(order, 1) if e_values[index] * rank * alpha >= count]
    return tuple(sorted(order[: max(enough, default=0)]))


def night_alpha(alpha: float, j: int) -> float:
    """The error rate of the `j`-th test (from 1) on the same data; all of them together err at most at `alpha`.

    The shares 6 / (pi^2 j^2) add up to one.

    Raises:
        ValueError: `j` below 1.
    """
    if j < 1:
        raise ValueError("tests on the same data are counted from 1")
    return alpha * 6 / (math.pi * j) ** 2


def successive_dof(pairs: int) -> float:
    """Degrees of freedom of a variance from `pairs` successive differences of one chain of readings.

    2 p^2 / (3 p - 1): what has the variance of that estimate (von Neumann, Kent, Bellinson & Hart 1941); 0 without any.
    """
    return 2 * pairs * pairs / (3 * pairs - 1) if pairs > 0 else 0.0


def paired_interval(
    differences: Sequence[float], *, sigma: float | None, dof: float, split_error: float, alpha: float
) -> tuple[float, float | None, float | None]:
    """(mean, low, high) of fresh paired differences, with 1 - alpha: mean +- t sqrt(2 sigma^2 / k + split_error^2).

    `sigma` is the standard deviation of one reading with `dof` degrees of freedom, None (or dof < 1) = not known;
    `split_error` the standard error that the data of the split leave in a difference whatever is re-read. Readings of
    the final candidate may scatter more than those that taught `sigma`, so the differences' own spread counts too: it
    is mixed with 2 sigma^2, which weighs two degrees of freedom (moderated t, Smyth 2004), and stands alone where it is
    larger at the 5 % level (F-test); the widest is taken. Where both of a pair share what chance decides (one seed),
    the differences scatter far less than readings do: smaller at the 1 % level, they alone count. So the interval
    covers 1 - alpha where sigma is right, and (alpha 0.05, three pairs or more) about 0.9 however much noisier the
    differences are. low and high are None when neither `sigma` nor a second pair says anything about noise.

    Raises:
        ValueError: no difference.
    """
    count = len(differences)
    if not count:
        raise ValueError("an interval needs at least one difference")
    mean = math.fsum(differences) / count
    own = math.fsum((value - mean) ** 2 for value in differences) / (count - 1) if count > 1 else None
    known = 2 * sigma * sigma if sigma is not None and dof >= 1 else None

    def half(variance: float, freedom: float) -> float:
        return student_quantile(1 - alpha / 2, freedom) * math.sqrt(variance / count + split_error**2)

    halves = []
    if known is not None and own is not None and count > 2 and _larger(known, dof, own, count - 1) < _QUIETER:
        low_noise = half(own, count - 1)
        return mean, mean - low_noise, mean + low_noise
    if known is not None:
        halves.append(half(known, dof))
    if known is not None and own is not None:
        prior = min(_PRIOR_DOF, dof)
        halves.append(half((prior * known + (count - 1) * own) / (prior + count - 1), prior + count - 1))
    if own is not None and (known is None or _larger(own, count - 1, known, dof) < _NOISIER):
        halves.append(half(own, count - 1))
    if not halves:
        return mean, None, None
    return mean, mean - max(halves), mean + max(halves)


def _larger(variance: float, dof: float, known: float, known_dof: float) -> float:
    """The p-value of Fisher's F-test that `variance` estimates more than `known` does."""
    if known == 0 or variance == 0:
        return 1.0 if variance == 0 else 0.0
    second = min(known_dof, 1e5)
    return _incomplete_beta(second / 2, dof / 2, second / (second + dof * variance / known))
