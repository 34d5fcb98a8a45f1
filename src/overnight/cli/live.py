"""The live screen of a night: a reader of the ledger that may crash, be closed or be opened twice.

It reads `progress.json`, which the running study rewrites at every phase; that file is a hint and may be missing.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any

import msgspec

from overnight.cli.console import OUTCOMES, outcome_cell, styled, width
from overnight.cli.plain import LineSink
from overnight.report.certified import gain_words, standing_win
from overnight.report.estimate import believed_gain, give_or_take
from overnight.report.rows import gist
from overnight.report.summary import judged, numbers
from overnight.report.suspicion import mark
from overnight.report.text import amount, duration, figure, one_line, percent, plural

if TYPE_CHECKING:
    from rich.console import RenderableType

    from overnight.model.state import Experiment, State
    from overnight.report.summary import Numbers
    from overnight.wiring import Site

__all__ = ["LineSink", "Progress", "Reader", "best_values", "follow", "screen", "sparkline"]

ROWS = 10
TICK = 0.25
_BARS = "▁▂▃▄▅▆▇█"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What the running study does now. `since` in seconds since 1970; `limit` in seconds, None = none."""

    phase: str = ""
    number: int = 0
    since: float = 0.0
    limit: float | None = None


class Reader:
    """Follows a study's ledger without folding it again: `refresh` reads only what is new."""

    def __init__(self, site: "Site") -> None:
        from overnight.rules.fold import Folding

        self._site = site
        self._folding = Folding()
        self._head = ""
        self.state: State = self._folding.state()

    def refresh(self, sink: LineSink | None = None) -> "State":
        """The state as of now; every new event goes to `sink`."""
        head = self._head
        for entry, events in self._site.ledger.read(self._head):
            self._folding.add(events)
            self._head = entry
            if sink is not None:
                self.state = self._folding.state()
                for event in events:
                    sink.emit(event, self.state)
        if self._head != head:
            self.state = self._folding.state()
        return self.state

    def progress(self) -> Progress | None:
        """What the running study says it is doing, None when it does not say."""
        try:
            return msgspec.convert(json.loads((self._site.folder / "progress.json").read_text()), Progress)
        except (OSError, ValueError):
            return None


def follow(site: "Site", *, until: Callable[[], bool], planned: int | None = None, out: IO[str] | None = None) -> None:
    """Show the study until `until()` is true, then show its end once more.

    At a terminal a live screen, otherwise (or with NO_COLOR) one plain line an event, beginning with the present
    one. `planned` is the number of experiments asked for, if there is one. Elapsed time counts from here.
    """
    started = time.time()
    stream = out or sys.stdout
    reader = Reader(site)
    reader.refresh()
    if not styled(stream):
        _follow_plainly(reader, until, stream)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(file=stream, width=width(stream), highlight=False, markup=False)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        done = False
        while not done:
            done = until()
            state = reader.refresh()
            now = time.time()
            doing = None if done else reader.progress()
            shown = screen(state, doing, now, elapsed=now - started, planned=planned, columns=console.width)
            live.update(shown, refresh=True)
            if not done:
                time.sleep(TICK)  # a screen has nothing to wake it but time


def screen(
    state: "State",
    progress: Progress | None,
    now: float,
    *,
    elapsed: float = 0.0,
    planned: int | None = None,
    columns: int = 80,
) -> "RenderableType":
    """The whole screen as one renderable, at most `columns` wide. Hostile words are escaped.

    `now` is seconds since 1970, `elapsed` the seconds since the viewer began.
    """
    from rich.console import Group
    from rich.text import Text

    found = numbers(state)
    lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in _head(state, found, elapsed, planned)]
    lines[0].stylize("bold")
    lines.append(Text(_phase(progress, now), no_wrap=True, overflow="ellipsis", style="cyan"))
    spark = sparkline(best_values(state), min(60, columns - 6))
    lines.append(Text(f"best  {spark}" if spark else "", no_wrap=True))
    lines += [Text(one_line(sentence, 600), style="yellow") for sentence in found.concerns[:1]]
    return Group(*lines, _last_rows(state, columns))


def best_values(state: "State") -> list[float]:
    """The best so far after each judged experiment, the baseline first."""
    kept = set(state.kept)
    values: list[float] = []
    for one in judged(state):
        if one.value is not None and (one.number == 0 or one.number in kept):
            values.append(one.value)
        elif values:
            values.append(values[-1])
    return values


def sparkline(values: Sequence[float], columns: int) -> str:
    """`values` as bars, the highest number the tallest; "" below two values."""
    if len(values) < 2 or columns < 2:
        return ""
    count = min(columns, len(values))
    picked = [values[round(place * (len(values) - 1) / (count - 1))] for place in range(count)]
    low, high = min(picked), max(picked)
    if high == low:
        return _BARS[0] * count
    return "".join(_BARS[min(7, int((value - low) / (high - low) * 8))] for value in picked)


def _head(state: "State", found: "Numbers", elapsed: float, planned: int | None) -> list[str]:
    if state.contract is None:
        return [f"overnight  starting  {duration(elapsed)}", "the unchanged code is not measured yet"]
    of = f"/{planned}" if planned else ""
    money = f"  ${figure(found.cost_usd, 4)}" if found.cost_usd else ""
    first = (
        f"{one_line(found.study, 40)}  box {found.tier}  {duration(elapsed)}  "
        f"experiments {found.experiments}{of}  kept {found.kept}{money}"
    )
    if found.baseline is None:
        return [first, f"{one_line(found.metric, 40) or 'metric'}: the unchanged code is not measured yet"]
    share = f" ({percent(found.gain_percent)})" if found.gain_percent is not None else ""
    certified = "not certified" if found.certified == "no" else f"certified: {found.certified}"
    change = f"{figure(found.baseline)} -> {amount(found.best, found.unit)}"
    gain = f"gain {figure(found.gain, 4)}{share}" if found.gain else "no gain yet"
    noise = "noise unknown"
    if found.noise is not None:
        noise = f"noise {figure(found.noise, 3)}, sees a gain of {figure(found.smallest_gain or 0.0, 3)}"
    lines = [first, f"{one_line(found.metric, 40)}  {change}  {gain}", f"{found.trust}, {certified}; {noise}"]
    sure = _sure(state, found)
    return [*lines, sure] if sure else lines


def _sure(state: "State", found: "Numbers") -> str:
    """What all readings say, the certified gain, looks at the gate and demotions: a line where there is any of it."""
    win, parts = standing_win(state), []
    believed = believed_gain(state, state.best, state.baseline) if state.best and state.baseline else None
    if win is not None:
        parts.append(f"certified gain {gain_words(win, '')}")
    elif believed is not None and found.best_number:
        parts.append(f"believed gain {give_or_take(believed)}")
    if found.gate_looks_left is not None:
        parts.append(f"gate {found.gate_looks} of {found.gate_looks + found.gate_looks_left} looks")
    if found.demotions:
        parts.append(plural(found.demotions, "demotion"))
    return "; ".join(parts)


def _phase(progress: Progress | None, now: float) -> str:
    if progress is None or not progress.phase:
        return ""
    spent = duration(max(0.0, now - progress.since)) if progress.since else ""
    limit = f" of {duration(progress.limit)}" if progress.limit else ""
    return f"#{progress.number}  {one_line(progress.phase, 40)}  {spent}{limit}"


def _last_rows(state: "State", columns: int) -> Any:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), width=columns, expand=False)
    for column in ("number", "outcome", "value", "gain"):
        grid.add_column(column, no_wrap=True, justify="left" if column == "outcome" else "right")
    grid.add_column("what", no_wrap=True, overflow="ellipsis", ratio=1)
    for one in judged(state)[-ROWS:]:
        word = one.outcome.value if one.outcome else "pending"
        cell = Text(outcome_cell(word), style=_STYLES.get(OUTCOMES[word][1], ""))
        grid.add_row(
            f"#{one.number}",
            cell,
            amount(one.value, digits=5),
            _signed(one),
            Text(mark(one) + one_line(gist(one), 160)),
        )
    return grid


_STYLES = {"32": "green", "2": "dim", "31": "red", "35": "magenta", "33": "yellow", "36": "cyan"}


def _signed(one: "Experiment") -> str:
    return "" if one.gain is None else f"{'+' if one.gain > 0 else ''}{figure(one.gain, 3)}"


def _follow_plainly(reader: Reader, until: Callable[[], bool], stream: IO[str]) -> None:
    sink = LineSink(lambda line: print(line, file=stream, flush=True))
    done = False
    while not done:
        done = until()
        reader.refresh(sink)
        if not done:
            time.sleep(TICK)  # plain lines have nothing to wake them but time
