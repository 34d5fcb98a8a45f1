"""One entry of the history as the bytes of a git commit, and back. Pure.

The commit's tree is the empty tree, its first parent the entry before (for the first entry: a root without
events), its second parent the candidate; its message is a line for people, an empty line, and the canonical JSON
of the events.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from overnight.ledger.text import one_line
from overnight.model.event import (
    Adopted,
    Asked,
    Certificate,
    Closed,
    Event,
    Gated,
    HoldoutRead,
    Judged,
    Measured,
    Noted,
    Opened,
    Paused,
    Promoted,
    Proposed,
    decode,
    encode,
)

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_TREE = f"tree {EMPTY_TREE}\n".encode()
_SIGNATURE = "overnight <overnight@localhost>"
_HEADLINE = 100
_LATEST = 2**40


class Entry(NamedTuple):
    """A parsed entry: `parent` and `candidate` are commit ids or "", `payload` is JSON, not decoded yet.

    Only the root of a history has no parent.
    """

    parent: str
    candidate: str
    payload: bytes


def compose(events: Sequence[Event], parent: str, candidate: str) -> bytes:
    """The raw commit object of an entry; the same arguments give the same bytes."""
    when = min(max(int(events[-1].at), 0), _LATEST)
    return _commit((parent, candidate), when, headline(events), encode(tuple(events)))


def root(study: str) -> bytes:
    """The commit below the first entry, without events and parents; it tells an entry's parent from its candidate."""
    return _commit((), 0, f"the history of {study} begins here", encode(()))


def _commit(parents: Sequence[str], when: int, line: str, payload: bytes) -> bytes:
    header = [f"tree {EMPTY_TREE}", *(f"parent {one}" for one in parents if one)]
    header += [f"author {_SIGNATURE} {when} +0000", f"committer {_SIGNATURE} {when} +0000"]
    return ("\n".join(header) + f"\n\n{line}\n\n").encode() + payload + b"\n"


def parse(raw: bytes) -> Entry:
    """Take the bytes of a commit apart.

    Raises:
        ValueError: this commit is not an entry of a history.
    """
    parents = []
    at = len(_TREE)
    while raw[at : at + 7] == b"parent ":
        parents.append(raw[at + 7 : at + 47].decode())
        at += 48
    payload = raw[raw.rindex(b"\n\n") + 2 :]
    if not raw.startswith(_TREE) or len(parents) > 2 or (not parents and payload != b"[]\n"):
        raise ValueError("it is a commit, but not one that overnight wrote")
    return Entry(parents[0] if parents else "", parents[1] if len(parents) == 2 else "", payload)


def events_of(payload: bytes) -> tuple[Event, ...]:
    """The events of an entry.

    Raises:
        ValueError: they do not decode; the message says why.
    """
    try:
        return decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(one_line(str(error), 200)) from error


def headline(events: Sequence[Event]) -> str:
    """One short line for `git log`: what the most telling of `events` says, free of control characters."""
    telling = min(events, key=lambda event: _RANK.index(type(event)))
    return one_line(_LINES[type(telling)](telling), _HEADLINE)


def _judged(event: Judged) -> str:
    line = f"{event.outcome.value} #{event.number}"
    if event.value is None:
        return f"{line}: {event.reason}"
    gain = "" if event.gain is None else f", gain {event.gain:.4g}"
    return f"{line}: {event.value:.6g}{gain}"


def _measured(event: Measured) -> str:
    run = event.measurement
    what = f"the crafted candidate {event.crafted!r}" if event.crafted else f"#{event.number}, run {event.run}"
    line = f"measured {what}"
    if run.failure is not None:
        return f"{line}: {run.failure.code}: {run.failure.detail}"
    return line + "".join(f": {name} {value:.6g}" for name, value in run.values[:1])


def _noted(event: Noted) -> str:
    where = f" of #{event.number}" if event.kind == "fork" else ""
    return f"note ({event.kind}{where}): {event.text}"


_LINES: dict[type, Callable[[Any], str]] = {
    Judged: _judged,
    Certificate: lambda event: f"certificate of #{event.number}: {event.level.value}",
    Opened: lambda event: f"opened {event.study}: {event.contract.title}",
    Promoted: lambda event: f"best so far: #{event.number}",
    Gated: lambda event: f"gate: #{event.number} {'passed' if event.passed else 'did not pass'}",
    HoldoutRead: lambda event: f"holdout {event.split} read for #{event.number}",
    Measured: _measured,
    Proposed: lambda event: f"proposed #{event.number}: {event.summary}",
    Adopted: lambda event: f"adopted #{event.number} from {event.peer}",
    Asked: lambda event: f"asked #{event.number} on #{event.parent}: {event.agent}",
    Closed: lambda event: f"closed: {event.reason}",
    Paused: lambda event: f"pause asked by {event.by}: {event.reason}",
    Noted: _noted,
}
_RANK = list(_LINES)
