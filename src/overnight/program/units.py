"""Durations, sizes, fractions and exchange rates: the spellings a person writes, and back again exactly.

Every reader raises ValueError whose text says what is allowed; every writer gives a spelling that reads back equal.
"""

import math
import re
from decimal import Decimal

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_DURATION = re.compile(
    r"(?:(?P<d>\d+(?:\.\d+)?)\s*d)?\s*(?:(?P<h>\d+(?:\.\d+)?)\s*h)?\s*(?:(?P<m>\d+(?:\.\d+)?)\s*m(?:in)?)?\s*"
    r"(?:(?P<s>\d+(?:\.\d+)?)\s*s)?"
)
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_SIZE = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<unit>[A-Za-z]+)")
_BYTES = {"": 1, "b": 1}
_BYTES |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)}
_BYTES |= {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)}
_PERCENT = re.compile(rf"(?P<number>{_NUMBER})\s*%")
_RATE = re.compile(rf"(?P<rate>{_NUMBER})(?:\s+per\s+(?P<amount>{_NUMBER})(?:\s+[A-Za-z_]+)?)?")


def duration(text: str) -> float:
    """Seconds from "5m", "90s", "1h30m", "500ms" or a plain number of seconds."""
    stripped = text.strip()
    if re.fullmatch(_NUMBER, stripped):
        return float(stripped)
    milliseconds = re.fullmatch(rf"({_NUMBER})\s*ms", stripped)
    if milliseconds:
        return float(milliseconds[1]) / 1000
    found = _DURATION.fullmatch(stripped)
    if not stripped or found is None or not found[0]:
        raise ValueError("a duration such as 90s, 5m, 1h30m, or a number of seconds")
    return math.fsum(float(amount) * _SECONDS[unit] for unit, amount in found.groupdict().items() if amount)


def duration_text(seconds: float) -> str:
    """The shortest spelling in hours, minutes and seconds; a plain number where that would not be exact."""
    if seconds != int(seconds) or not 0 < seconds < 1e9:
        return repr(seconds)
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return "".join(f"{amount}{unit}" for amount, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if amount)


def size(text: str) -> int:
    """Bytes from "8GiB" (powers of 1024), "2GB" (powers of 1000) or a plain number of bytes."""
    stripped = text.strip()
    found = _SIZE.fullmatch(stripped) or re.fullmatch(rf"(?P<number>{_NUMBER})(?P<unit>)", stripped)
    factor = _BYTES.get(found["unit"].lower()) if found else None
    if found is None or factor is None:
        raise ValueError("a size such as 512MiB, 8GiB, 2GB, or a number of bytes")
    exact = Decimal(found["number"]) * factor
    if exact != exact.to_integral_value():
        raise ValueError("a whole number of bytes")
    return int(exact)


def size_text(count: int) -> str:
    """The largest binary unit that is exact, else a plain number of bytes."""
    for unit in ("tib", "gib", "mib", "kib"):
        if count and count % _BYTES[unit] == 0:
            return f"{count // _BYTES[unit]}{unit[0].upper()}iB"
    return str(count)


def fraction(text: str) -> float:
    """0.05 from "5%" or from "0.05"; a plain number must lie between 0 and 1, so that 5 cannot mean 500 %."""
    stripped = text.strip()
    found = _PERCENT.fullmatch(stripped)
    if found:
        return float(Decimal(found["number"]).scaleb(-2))
    if re.fullmatch(_NUMBER, stripped) and float(stripped) <= 1:
        return float(stripped)
    raise ValueError("a percentage such as 5%, or a fraction between 0 and 1 such as 0.05")


def fraction_text(value: float) -> str:
    """The value in percent, exactly."""
    return f"{Decimal(repr(value)).scaleb(2).normalize():f}%"


def rate(text: str) -> tuple[float, float]:
    """(rate, amount) from "0.001 per 20 lines", "0.001 per 20" or 0.001 (per one)."""
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise ValueError('a rate such as "0.001 per 20 lines", or one number')
    price, amount = float(found["rate"]), float(found["amount"] or 1)
    if not (math.isfinite(price) and math.isfinite(amount)) or amount <= 0:
        raise ValueError("a rate of finite numbers, per an amount above 0")
    return price, amount


def rate_text(price: float, amount: float) -> str:
    """The spelling with "per", or one number where the amount is 1."""
    return repr(price) if amount == 1 else f"{price!r} per {amount!r}"
