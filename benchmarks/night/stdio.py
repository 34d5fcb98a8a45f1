"""A door for outside simulators: the product's real policies over JSON lines, `stdio.py --policy NAME`.

One line in, one line out. In: {"event": "start", "budget": B, "root": 0, "direction": "max", "seed": S, "tau": null,
"left": B}, then {"event": "proposed", "node": n, "parent": p, "hint": 0} or {"event": "measured", "node": n, "value":
y} (null = it gave no number), each with "left", the evaluations that remain. Out: {"do": "propose", "parent": n},
{"do": "merge", "parent": n, "donors": [..]}, {"do": "measure", "node": n, "split": "val"} or {"do": "stop"}, with the
best so far as "best"; a stop also has "claim", the best's gain over the root, and its interval "ci" where there is one.

Split "hold" is read by certification alone. `tau` is the part of a difference on split "val" that re-reading cannot
remove; null = none.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from drive import Rehearsal, Terms, final_of
from world import SEARCH

from overnight.errors import UsageError
from overnight.model.contract import Direction
from overnight.wiring.policies import POLICIES

_MISSING = object()


class BadLineError(UsageError):
    """A line that the protocol does not allow here; the message says which and what was expected."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that came in: its number from 1 and its fields."""

    number: int
    fields: dict[str, Any]

    def take(self, name: str, fits: Callable[[Any], bool], wanted: str, default: Any = _MISSING) -> Any:
        """Field `name`, which must be `wanted`; the default where it is missing and has one."""
        value = self.fields.get(name, default)
        if value is _MISSING:
            raise self.bad(f'"{name}" is missing: {wanted} is expected')
        if value is not default and not fits(value):
            raise self.bad(f'"{name}" is {json.dumps(value)}: {wanted} is expected')
        return value

    def bad(self, what: str) -> BadLineError:
        """The error for this line."""
        return BadLineError(f"line {self.number}: {what}")


class Door:
    """One study whose nodes are somebody else's."""

    def __init__(self, policy: str, start: Line) -> None:
        if start.fields.get("event") != "start":
            raise start.bad(f'"event" is {json.dumps(start.fields.get("event"))}: the first line is a "start"')
        budget = start.take("budget", _is_count, "a whole number of at least 1")
        tau = start.take("tau", _is_size, "null or a number of at least 0", None)
        direction = start.take("direction", lambda word: word in {"max", "min"}, '"max" or "min"', "max")
        terms = Terms(
            policy=policy,
            budget=budget,
            seed=start.take("seed", _is_whole, "a whole number", 0),
            direction=Direction.maximize if direction == "max" else Direction.minimize,
            fit=tau or 0.0,
            held=tau or 0.0,
            certify=True,
        )
        self._study = Rehearsal(terms)
        self._nodes: list[int] = [start.take("root", _is_whole, "a whole number", 0)]
        self._left = start.take("left", _is_whole, "a whole number", budget)
        self._expected: dict[str, Any] = {}

    def answer(self) -> dict[str, Any]:
        """What to do next."""
        want = self._study.want(self._left)
        best = self._nodes[final_of(self._study.state).number]
        if want.do == "stop":
            claim = self._study.claim
            said: dict[str, Any] = {"do": "stop", "best": best, "claim": claim.gain}
            return said if claim.low is None else {**said, "ci": [claim.low, claim.high]}
        node = self._nodes[want.number]
        if want.do == "read":
            self._expected = {"event": "measured", "node": node}
            return {"do": "measure", "node": node, "split": "val" if want.split == SEARCH else "hold", "best": best}
        self._expected = {"event": "proposed", "parent": node}
        if want.donors:
            return {
                "do": "merge",
                "parent": node,
                "donors": [self._nodes[donor] for donor in want.donors],
                "best": best,
            }
        return {"do": "propose", "parent": node, "best": best}

    def hear(self, line: Line) -> None:
        """The answer of the other side."""
        for name, value in self._expected.items():
            if line.fields.get(name) != value:
                told = json.dumps(line.fields.get(name))
                raise line.bad(f'"{name}" is {told}: {json.dumps(value)} was asked for')
        self._left = line.take("left", _is_whole, "a whole number", self._left)
        if self._expected["event"] == "measured":
            self._study.measured(line.take("value", _is_value, "a finite number or null"))
            return
        node = line.take("node", _is_whole, "a whole number")
        if node in self._nodes:
            raise line.bad(f'"node" is {node}, which exists already: a new number is expected')
        self._nodes.append(node)
        hint = line.take("hint", lambda value: value in {0, 1}, "0 or 1", 0)
        self._study.proposed(needs_followup=bool(hint))


def serve(policy: str, lines: Iterator[str], out: TextIO) -> None:
    """Answer every line until there is nothing more to do, or no more lines.

    Raises:
        BadLineError: a line that the protocol does not allow.
    """
    door: Door | None = None
    for number, text in enumerate(lines, 1):
        line = _read(number, text)
        if door is None:
            door = Door(policy, line)
        else:
            door.hear(line)
        said = door.answer()
        out.write(json.dumps(said) + "\n")
        out.flush()
        if said["do"] == "stop":
            return


def _read(number: int, text: str) -> Line:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise BadLineError(f"line {number}: no JSON ({error}): one JSON object a line is expected") from error
    if not isinstance(fields, dict):
        raise BadLineError(f"line {number}: {json.dumps(fields)[:80]} is no JSON object")
    return Line(number, fields)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_whole(value) and value >= 1


def _is_size(value: Any) -> bool:
    return value is None or (_is_finite(value) and value >= 0)


def _is_value(value: Any) -> bool:
    return value is None or _is_finite(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def main() -> int:
    """Serve standard input; 2 after a bad line."""
    parser = argparse.ArgumentParser(description="The product's policies over JSON lines.")
    parser.add_argument("--policy", choices=POLICIES, default="default")
    options = parser.parse_args()
    try:
        serve(options.policy, sys.stdin, sys.stdout)
    except UsageError as error:
        print(f"{error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
