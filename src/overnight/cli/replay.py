"""A number of the night, measured once more: `replay`."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.options import HERE, Json, Number, Repo, Segment, Study, open_study, pick

if TYPE_CHECKING:
    from overnight.model.state import State
    from overnight.rules.replay import Replayed


def replay(
    *,
    number: Number,
    reading: Annotated[
        int, typer.Option("--reading", min=0, metavar="K", help="Which of its readings; 0 is the first.")
    ] = 0,
    study: Study = None,
    repo: Repo = HERE,
    segment: Segment = None,
    json: Json = False,
) -> None:
    """Measure experiment N again: the same files, seed and judge. Says whether its number came back.

    Exit code 0 when it did, exactly or within the noise of the judge; else 1. It is put on record and changes nothing
    else in the study; the holdout is not read.
    """
    import msgspec

    from overnight.cli.console import say, say_json
    from overnight.rules.replay import Return
    from overnight.wiring.options import Options
    from overnight.wiring.replay import replay as measured_again

    site, state = open_study(repo, study, segment)
    pick(state, number)
    found = measured_again(site, state, Options(environment=dict(os.environ)), number, reading)
    if json:
        say_json({"study": state.study, "segment": state.segment, **msgspec.structs.asdict(found)})
    else:
        say(replay_text(state, found))
    if found.came_back not in (Return.exactly, Return.within_noise):
        raise typer.Exit(1)


def replay_text(state: "State", found: "Replayed") -> str:
    """What `replay` prints for people."""
    from overnight.cli.console import pairs
    from overnight.report.text import amount, one_line

    assert state.contract is not None  # noqa: S101 - what was read was read under a contract
    objective = state.contract.objective
    fresh = f"no number ({one_line(found.failure, 300)})" if found.failure else amount(found.fresh, objective.unit, 9)
    recorded = "no number" if found.recorded is None else amount(found.recorded, objective.unit, 9)
    rows = [
        ("experiment", f"#{found.number}, reading {found.reading}, {one_line(objective.metric, 40)}"),
        ("recorded", recorded),
        ("again", fresh),
        *(("tampering", one_line(sentence, 300)) for sentence in found.tampering[:5]),
    ]
    return f"{pairs(rows)}\n\n{verdict(state, found)}"


def verdict(state: "State", found: "Replayed") -> str:
    """Whether the number came back, in one sentence."""
    from overnight.report.text import amount
    from overnight.rules.replay import Return

    unit = state.contract.objective.unit if state.contract else ""
    away = amount(abs(found.difference or 0.0), unit, 3)
    if found.came_back is Return.exactly:
        return "It failed again in the same way." if found.failure else "It came back exactly."
    if found.came_back is Return.within_noise:
        return f"It came back within noise: {away} away, where up to {amount(found.allowed, unit, 3)} is usual."
    if found.difference is None:
        return "It did not come back."
    if found.came_back is Return.unknown:
        return (
            f"It is {away} away, and the noise of the judge is unknown: nothing was ever read twice with another seed. "
            "Run `overnight doctor` to learn it."
        )
    return f"It did not come back: {away} away, where at most {amount(found.allowed, unit, 3)} is usual."
