"""Single values: what a scalar must look like to be a path, a command, a size, a name.

Every reader takes the scalar as written and returns the value, or raises UnfitError saying what is allowed.
"""

import math
import re
from collections.abc import Callable

from overnight.program import units
from overnight.program.nodes import Scalar, plain_kind

_METRIC = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"KEY|TOKEN|SECRET")
_PLACEHOLDER = re.compile(r"\{(seed|split|python)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_CONTROL_IN_COMMAND = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")
_MOST = 10**9
_LEAST_BYTES, _MOST_BYTES = 1024, 2**60
_TOO_WIDE = frozenset({"/", "~", "/home", "/root", "/proc", "/sys", "/dev", "/run", "/tmp"})  # noqa: S108 - refused, not used


class UnfitError(ValueError):
    """A value that its key does not allow: `allowed` completes "it must be ...", `fix` says what to write instead."""

    def __init__(self, allowed: str, fix: str = "") -> None:
        super().__init__(allowed)
        self.allowed, self.fix = allowed, fix


def read_leaf(kind: str, scalar: Scalar) -> object:
    """The value of a scalar under the kind that `document` gives its key.

    Raises:
        UnfitError: the scalar is not of that kind.
    """
    return _READERS[kind](scalar)


def _text(scalar: Scalar) -> str:
    kind = scalar.kind()
    if kind != "text":
        raise UnfitError(f"text, and without quotes this is {_CALLED[kind]}", f'Write it in quotes: "{scalar.text}".')
    if not scalar.text.strip():
        raise UnfitError("text that is not empty")
    if _CONTROL.search(scalar.text):
        raise UnfitError("one line of visible characters")
    return scalar.text


def _command(scalar: Scalar) -> str:
    # A block scalar (`run: |`) ends in a line break that is no part of the command.
    text = scalar.text.strip() if not scalar.plain else scalar.text
    if text and _CONTROL_IN_COMMAND.search(text):
        raise UnfitError("a command without control characters")
    if scalar.kind() != "text" or not text:
        _text(scalar)
    placeholder = _PLACEHOLDER.search(text)
    if placeholder:
        raise UnfitError(
            "a command for the shell, and nothing fills in braces",
            f"Write $OVERNIGHT_{placeholder[1].upper()} instead of {placeholder[0]}.",
        )
    return text


def _metric(scalar: Scalar) -> str:
    text = _text(scalar)
    if not _METRIC.fullmatch(text):
        raise UnfitError("a name of letters, digits and _ . / -, beginning with a letter or _")
    return text


def _path(text: str) -> str:
    """A path's common rules: forward slashes, no "..", nothing of git's own."""
    while text.startswith("./"):
        text = text[2:].lstrip("/")
    if not text or text == ".":
        raise UnfitError('a path below the folder of this file ("**" is everything)')
    if "\\" in text:
        raise UnfitError("a path with forward slashes")
    parts = text.split("/")
    if ".." in parts:
        raise UnfitError('a path without ".."', "Move program.md up to the folder that holds everything it names.")
    if "." in parts:
        raise UnfitError('a path without "."')
    if ".git" in (part.lower() for part in parts):
        raise UnfitError("a path outside .git")
    if ", " in text:
        items = ", ".join(part.strip() for part in text.split(","))
        raise UnfitError("one path, and this looks like several", f"Write a list: [{items}].")
    if re.search(r"\{[^{}]*,[^{}]*\}", text):
        found = re.search(r"\{([^{}]*)\}", text)
        spelled = [text.replace(found[0], choice, 1) for choice in found[1].split(",")] if found else []
        raise UnfitError("a git-style glob, which knows no braces", f"Write a list: [{', '.join(spelled)}].")
    return text


def _inside(scalar: Scalar) -> str:
    text = _text(scalar)
    if text.startswith(("/", "~")):
        raise UnfitError("a path relative to the folder of this file")
    if text.startswith("!"):
        raise UnfitError("a path; `!` is possible in `edit` only")
    return _path(text)


def _glob(scalar: Scalar) -> str:
    text = _text(scalar)
    bare = text.removeprefix("!")
    if bare.startswith(("/", "~")):
        raise UnfitError(
            "a path relative to the folder of this file", f"Write {bare.lstrip('/~')!r}." if bare[1:] else ""
        )
    return ("!" if bare != text else "") + _path(bare)


def _anywhere(scalar: Scalar) -> str:
    text = _text(scalar)
    if text.startswith("!"):
        raise UnfitError("a path; `!` is possible in `edit` only")
    if text.startswith("~") and text != "~" and not text.startswith("~/"):
        raise UnfitError("a path; only your own home folder can be abbreviated, as ~/")
    if text.rstrip("/*") in _TOO_WIDE or text.rstrip("/") == "":
        raise UnfitError("a narrower path: this one would show most of the machine")
    if text.startswith(("/", "~/")):
        anchor = "/" if text.startswith("/") else "~/"
        return anchor + _path(text.removeprefix(anchor))
    return _path(text)


def _env(scalar: Scalar) -> str:
    if not _ENV.fullmatch(scalar.text):
        raise UnfitError("the name of an environment variable: letters, digits and _")
    if scalar.text.upper().startswith("OVERNIGHT_"):
        raise UnfitError("a name that does not begin with OVERNIGHT_: those are set by overnight itself")
    return scalar.text


def _passed(scalar: Scalar) -> str:
    name = _env(scalar)
    if _SECRET.search(name.upper()):
        raise UnfitError(
            "a name without KEY, TOKEN or SECRET: the candidate's code is not trusted with secrets",
            "If the agent needs it, name it in agent.pass_env.",
        )
    return name


def _raw(scalar: Scalar) -> str:
    if scalar.kind() == "empty" or "\x00" in scalar.text:
        raise UnfitError("a value", 'Write "" for an empty one.')
    return scalar.text


def _real(scalar: Scalar) -> float:
    kind = scalar.kind()
    if kind == "text" and not scalar.plain and plain_kind(scalar.text) in _NUMERIC:
        raise UnfitError("a number, and quotes make it text", f"Write it without quotes: {scalar.text}.")
    if kind == "text" and re.fullmatch(r"[-+]?[0-9][0-9_,' ]*", scalar.text):
        raise UnfitError("a number", f"Write its digits only: {re.sub('[^-0-9]', '', scalar.text)}.")
    if kind not in _NUMERIC:
        raise UnfitError("a finite number" if kind == "non-finite" else "a number")
    try:
        value = float(int(scalar.text, 0)) if scalar.text[:2] in {"0x", "0o"} else float(scalar.text)
    except (OverflowError, ValueError):
        value = math.inf
    if not math.isfinite(value):
        raise UnfitError("a finite number")
    return value


def _not_negative(scalar: Scalar) -> float:
    value = _real(scalar)
    if value < 0:
        raise UnfitError("a number of 0 or more")
    return value


def _positive(scalar: Scalar) -> float:
    value = _real(scalar)
    if value <= 0:
        raise UnfitError("a number above 0")
    return value


def _whole(least: int) -> Callable[[Scalar], int]:
    def read(scalar: Scalar) -> int:
        value = _real(scalar)
        if scalar.kind() != "integer" or not least <= value <= _MOST:
            raise UnfitError(f"a whole number of {least} or more")
        return int(value)

    return read


def _measured(scalar: Scalar, read: Callable[[str], float]) -> float:
    if scalar.kind() in {"empty", "boolean", "non-finite"}:
        raise UnfitError(_allowed(read))
    try:
        return read(scalar.text)
    except ValueError as error:
        raise UnfitError(str(error)) from error


def _allowed(read: Callable[[str], float]) -> str:
    try:
        read("")
    except ValueError as error:
        return str(error)
    return "a value"


def _grace(scalar: Scalar) -> float:
    value = _measured(scalar, units.duration)
    if value > _MOST:
        raise UnfitError("a shorter time")
    return value


def _duration(scalar: Scalar) -> float:
    value = _grace(scalar)
    if value <= 0:
        raise UnfitError("a duration above 0")
    return value


def _size(scalar: Scalar) -> int:
    value = int(_measured(scalar, units.size))
    if value < _LEAST_BYTES:
        raise UnfitError(f"at least 1KiB; {value} without a unit is {value} bytes", f"Perhaps {value}GiB was meant.")
    if value > _MOST_BYTES:
        raise UnfitError("a size that a machine can have")
    return value


def _fraction(scalar: Scalar) -> float:
    value = _measured(scalar, units.fraction)
    if value > 10:
        raise UnfitError("at most 1000%")
    return value


def _share(scalar: Scalar) -> float:
    value = _real(scalar)
    if not 0 < value < 0.5:
        raise UnfitError("a number between 0 and 0.5")
    return value


def _rate(scalar: Scalar) -> str:
    if scalar.kind() not in {"text", *_NUMERIC}:
        raise UnfitError('a rate such as "0.001 per 20 lines", or one number')
    try:
        units.rate(scalar.text)
    except ValueError as error:
        raise UnfitError(str(error)) from error
    return scalar.text


_NUMERIC = frozenset({"integer", "number"})
_CALLED = {
    "empty": "nothing", "boolean": "true or false", "integer": "a number", "number": "a number",
    "non-finite": "a number",
}  # fmt: skip
_READERS: dict[str, Callable[[Scalar], object]] = {
    "text": _text, "command": _command, "metric": _metric, "glob": _glob, "inside": _inside, "anywhere": _anywhere,
    "env": _env, "passed": _passed, "raw": _raw, "real": _real, "not_negative": _not_negative, "positive": _positive,
    "count": _whole(0), "at_least_one": _whole(1), "duration": _duration, "grace": _grace, "size": _size,
    "fraction": _fraction, "share": _share, "rate": _rate,
}  # fmt: skip
