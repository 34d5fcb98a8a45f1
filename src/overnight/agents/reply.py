"""What a command may leave behind in OVERNIGHT_REPLY: hostile words, bounded and cleaned, never evidence."""

import math
import os
import stat
from typing import Any, TypeVar

import msgspec

from overnight.model.value import Value
from overnight.rules.words import one_line

_LARGEST = 64 * 1024
_NAME = "reply.json"
_MOST_IDEAS = 10

Kind = TypeVar("Kind")


class Reply(Value, frozen=True, kw_only=True):
    """The words of an agent: at most 200 characters of summary, 1,000 of hypothesis, ten ideas of 300.

    `cost_usd` and `tokens` are claims, at least 0. `note` says why the reply or a part of it was ignored.
    """

    summary: str = ""
    hypothesis: str = ""
    needs_followup: bool = False
    ideas: tuple[str, ...] = ()
    cost_usd: float = 0.0
    tokens: int = 0
    note: str = ""


def read_reply(folder: int) -> Reply:
    """The reply in the folder behind descriptor `folder`; without a readable one an empty Reply whose note says why."""
    try:
        descriptor = os.open(_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return Reply()
    except OSError:
        return Reply(note="the reply was ignored: it is not a readable regular file")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return Reply(note="the reply was ignored: it is not a readable regular file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        return Reply(note=f"the reply was ignored: it is larger than {_LARGEST // 1024} kB")
    return parse_reply(data)


def parse_reply(data: bytes) -> Reply:
    """A reply from its bytes; a field of the wrong type is left out and named in the note."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Reply(note="the reply was ignored: it is not JSON")
    if not isinstance(value, dict):
        return Reply(note="the reply was ignored: it is not a JSON object")
    wrong: list[str] = []
    ideas = _field(value, "ideas", list[str], [], wrong)
    cost = _field(value, "cost_usd", float, 0.0, wrong)
    if not (math.isfinite(cost) and cost >= 0):
        wrong.append("cost_usd")
        cost = 0.0
    tokens = _field(value, "tokens", int, 0, wrong)
    if not 0 <= tokens < 2**53:
        wrong.append("tokens")
        tokens = 0
    return Reply(
        summary=clean(_field(value, "summary", str, "", wrong), 200),
        hypothesis=clean(_field(value, "hypothesis", str, "", wrong), 1000),
        needs_followup=_field(value, "needs_followup", bool, False, wrong),
        ideas=tuple(idea for idea in (clean(text, 300) for text in ideas[:_MOST_IDEAS]) if idea),
        cost_usd=cost,
        tokens=tokens,
        note=f"ignored in the reply, wrong type or range: {', '.join(wrong)}" if wrong else "",
    )


def clean(text: str, length: int) -> str:
    """One line without control, format or surrogate characters, at most `length` characters."""
    return one_line(text, length)


def _field(value: dict[str, Any], name: str, kind: type[Kind], default: Kind, wrong: list[str]) -> Kind:
    try:
        return msgspec.convert(value.get(name, default), kind)
    except msgspec.ValidationError:
        wrong.append(name)
        return default
