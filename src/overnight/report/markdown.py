"""The morning report as Markdown: two minutes to read, whatever the length of the night."""

from collections.abc import Mapping
from datetime import UTC, datetime

from overnight.model.state import State
from overnight.report.certified import carries_over, certification
from overnight.report.escape import words
from overnight.report.headline import demotions, doubt, headline, segment_line, standing
from overnight.report.merge import not_certified, to_merge, uncertified_heading
from overnight.report.morning import cost, ideas, near_misses
from overnight.report.reproduce import Beside, reproduce
from overnight.report.search import stuck
from overnight.report.splits import other_data
from overnight.report.summary import numbers
from overnight.report.suspicion import violations


def render(  # noqa: PLR0913 - each is one fact that the state does not hold
    state: State,
    *,
    diffs: Mapping[int, str] | None = None,
    now: float | None = None,
    running: bool = False,
    version: str = "",
    beside: Beside | None = None,
) -> str:
    """The whole report. A pure function of its arguments.

    `diffs` are unified diffs by experiment number (the first three of each list are shown, shortened). `now` is
    seconds since 1970. `beside` is what reproducing needs of this disk. Words of agents and candidates are escaped;
    lists are cut, so that the length is bounded.
    """
    shown = diffs or {}
    written = f"Written {datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC. " if now is not None else ""
    title = f"overnight: {words(state.study, 60) or 'no study'}"
    lines = [f"# {title}", "", f"**{words(headline(state), 800)}**", ""]
    if state.contract is None:
        return "\n".join(lines)
    best = state.best
    proof = certification(state) if state.certificate or (best is not None and best.number) else ""
    trust = [words(sentence, 1200) for sentence in (proof, *carries_over(state), doubt(state)) if sentence]
    lines += ["\n\n".join(trust), ""] if trust else []
    remarks = [*demotions(state), *numbers(state).concerns]
    lines += [*(f"- {words(sentence, 600)}" for sentence in remarks), ""] if remarks else []
    lines += [written + words(standing(state, running=running), 800), ""]
    lines += [words(segment_line(state, "report"), 800), ""] if state.segments > 1 else []
    sections = (
        ("What to merge", to_merge(state, shown)),
        (uncertified_heading(state), not_certified(state, shown)),
        ("Near misses", near_misses(state)),
        ("Ideas not tried", ideas(state)),
        ("Search, gate and certificate", other_data(state)),
        ("Violations and tampering", violations(state)),
        ("Cost and time", cost(state)),
        ("Where it got stuck", stuck(state)),
        ("How to reproduce", reproduce(state, version, beside)),
    )
    for heading, body in sections:
        if not body:
            continue
        lines += [f"## {heading}", "", *body, ""]
    return "\n".join(lines).rstrip("\n") + "\n"
