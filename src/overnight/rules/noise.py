"""How much a number moves when nothing has changed."""

import math
from collections.abc import Sequence
from itertools import pairwise

MAX_READINGS = 5
CHEAP_SECONDS = 120.0
NIGHT_SHARE = 0.02


def sigma(values: Sequence[float]) -> float | None:
    """Standard deviation of one reading from successive differences (von Neumann 1941, immune to slow drift).

    None (unknown) below two readings: one reading tells nothing about noise.
    """
    if len(values) < 2:
        return None
    squares = [(after - before) ** 2 for before, after in pairwise(values)]
    return math.sqrt(sum(squares) / (2 * len(squares)))


def detectable(values: Sequence[float]) -> float | None:
    """The smallest gain that one reading beside one reading can tell from noise, 95 % two-sided; None = unknown."""
    noise = sigma(values)
    return None if noise is None else 1.96 * math.sqrt(2) * noise


def wants_reading(values: Sequence[float], seconds: Sequence[float], night: float | None) -> bool:
    """Whether the baseline should be read once more.

    One reading always; stop at two identical; else up to five while another one of average length fits into the
    smaller of two minutes and 2 % of the night (`night` in seconds, None = open end).
    """
    if not values:
        return True
    if len(values) >= MAX_READINGS or (len(values) == 2 and values[0] == values[1]):
        return False
    allowed = CHEAP_SECONDS if night is None else min(CHEAP_SECONDS, NIGHT_SHARE * night)
    spent = sum(seconds)
    return spent + spent / len(seconds) <= allowed
