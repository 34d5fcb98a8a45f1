"""The morning report as Markdown: two minutes to read, whatever the length of the night."""

from collections.abc import Mapping
from datetime import UTC, datetime

from overnight.model.state import State
from overnight.report.escape import words
from overnight.report.headline import certification, doubt, headline, standing
from overnight.report.merge import not_certified, to_merge
from overnight.report.morning import cost, ideas, near_misses, reproduce, stuck, violations


def render(
    state: State,
    *,
    diffs: Mapping[int, str] | None = None,
    now: float | None = None,
    running: bool = False,
    version: str = "",
) -> str:
    """The whole report. A pure function of its arguments.

    `diffs` are unified diffs by experiment number (the first three of each list are shown, shortened). `now` is
    seconds since 1970. Words of agents and candidates are escaped; lists are cut, so that the length is bounded.
    """
    shown = diffs or {}
    written = f"Written {datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC. " if now is not None else ""
    title = f"overnight: {words(state.study, 60) or 'no study'}"
    lines = [f"# {title}", "", f"**{words(headline(state), 800)}**", ""]
    if state.contract is None:
        return "\n".join(lines)
    trust = [words(sentence, 800) for sentence in (doubt(state), certification(state)) if sentence]
    lines += ["\n".join(trust), "", written + words(standing(state, running=running), 800), ""]
    sections = (
        ("What to merge", to_merge(state, shown)),
        ("Wins that did not certify", not_certified(state, shown)),
        ("Near misses", near_misses(state)),
        ("Ideas not tried", ideas(state)),
        ("Violations and tampering", violations(state)),
        ("Cost and time", cost(state)),
        ("Where it got stuck", stuck(state)),
        ("How to reproduce", reproduce(state, version)),
    )
    for heading, body in sections:
        lines += [f"## {heading}", "", *body, ""]
    return "\n".join(lines).rstrip("\n") + "\n"
