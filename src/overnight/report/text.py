"""Numbers and hostile words as plain text that is safe to show anywhere.

Whatever an agent or a candidate wrote is hostile: it may hold escape codes, direction overrides or markup. Every
face passes it through `escape`, `one_line` or `block` before it prints it.
"""

import math

from overnight.rules.words import CUT, spelled


def escape(text: str) -> str:
    r"""`text` with every control, format and unassigned character spelled out, such as `\x1b` or `\u202e`.

    The result is one line: newlines and tabs are spelled out too.
    """
    return spelled(text)


def one_line(text: str, limit: int = 200) -> str:
    """`text` in one line of at most `limit` characters, safe to print; white space runs become one space."""
    safe = escape(" ".join(text[: 8 * limit].split()))
    return safe if len(safe) <= limit else safe[: max(0, limit - 1)].rstrip() + CUT


def block(text: str) -> str:
    """`text` with its lines and tabs kept and every other unsafe character spelled out."""
    return "\n".join("\t".join(map(escape, line.split("\t"))) for line in text.split("\n"))


def figure(value: float, digits: int = 6) -> str:
    """`value` rounded to `digits` significant digits or to a whole number, with an exponent only far from 1."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    magnitude = math.floor(math.log10(abs(rounded)))
    if not -7 < magnitude < 12:
        return f"{value:.{digits - 1}e}"
    decimals = digits - 1 - magnitude
    written = f"{rounded:.{decimals}f}" if decimals > 0 else f"{value:.0f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def amount(value: float | None, unit: str = "", digits: int = 6) -> str:
    """`value` with its unit; a dash when there is none."""
    if value is None:
        return "-"
    return f"{figure(value, digits)} {one_line(unit, 24)}".rstrip()


def rounded(value: float, doubt: float) -> str:
    """`value` to two significant digits of `doubt`, so that no digit is shown that means nothing; 0 = four digits."""
    if not 0 < doubt < math.inf or abs(value) >= 1e12:
        return figure(value, 4)
    decimals = 1 - math.floor(math.log10(doubt))
    if decimals > 9:
        return figure(value, 4)
    written = f"{round(value, decimals):.{max(0, decimals)}f}"
    return written.removeprefix("-") if float(written) == 0 else written


def span(low: float, high: float) -> str:
    """An interval: `0.42 to 0.6`, both ends rounded alike."""
    return f"{rounded(low, (high - low) / 2)} to {rounded(high, (high - low) / 2)}"


def percent(value: float | None) -> str:
    """A percentage with three significant digits; a dash when there is none."""
    return "-" if value is None else f"{figure(value, 3)} %"


def duration(seconds: float) -> str:
    """`seconds` as a person says it: `0.4 s`, `12 s`, `3 min 20 s`, `7 h 5 min`."""
    if seconds < 9.95:
        return f"{figure(max(0.0, seconds), 2)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def plural(count: int, word: str, many: str = "") -> str:
    """`1 crash`, `2 crashes`: a count with its word."""
    return f"{count} {word}" if count == 1 else f"{count} {many or word + 's'}"
