"""The ledger folded into the present state: a pure left fold, event by event.

`Folding` is the one mutable thing here: it lets a long history be folded in linear time, and a running study
advance by one group of events without folding again. Law: however the groups are cut, the state is the same.
"""

import sys
from bisect import insort
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from msgspec.structs import replace

from overnight.errors import LedgerError
from overnight.model.contract import Direction
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
)
from overnight.model.experiment import Asking, Belief, Measurement, Outcome
from overnight.model.state import Counts, Experiment, State
from overnight.model.value import lookup
from overnight.rules.archive import Frontier
from overnight.rules.beliefs import Beliefs
from overnight.rules.certificates import Certificates, is_own
from overnight.rules.fork import Forking

LEADERS = 50
NOTES = 50
FINALIST = "finalist"
"""Why a reading was taken: to choose the final best among the last few."""

_COUNTED = {
    Outcome.keep: "kept",
    Outcome.discard: "discarded",
    Outcome.crash: "crashed",
    Outcome.violation: "violations",
    Outcome.duplicate: "duplicates",
    Outcome.inconclusive: "inconclusive",
}
_UPGRADED = {Outcome.discard, Outcome.inconclusive}
_PROPOSED_FIELDS = (
    "tree", "commit", "parent_commit", "paths", "added", "deleted", "loc", "dropped", "breaches", "flags", "summary",
    "hypothesis", "needs_followup", "ideas", "parameters", "cost_usd", "tokens", "note", "transcript",
)  # fmt: skip


def fold(groups: Iterable[tuple[Event, ...]], segment: int | None = None) -> State:
    """The state after all `groups`, in ledger order; of one segment only, the last unless `segment` names another.

    Raises:
        LedgerError: an event does not fit what came before it.
    """
    folding = Folding(segment)
    for group in groups:
        folding.add(group)
    return folding.state()


def mean_value(readings: Iterable[Measurement], metric: str) -> float | None:
    """Mean of the finite readings of `metric`, None without any."""
    values = [value for reading in readings if (value := lookup(reading.values, metric)) is not None]
    return sum(values) / len(values) if values else None


def _compact(run: Measurement) -> Measurement:
    """The same measurement, whose names are shared with all others: a night holds tens of thousands of them."""
    values = tuple((sys.intern(name), value) for name, value in run.values)
    return replace(run, values=values, host=sys.intern(run.host), limits=sys.intern(run.limits))


class Folding:
    """A fold in progress. `add` groups in ledger order, take `state` whenever needed.

    `segment` (1 = the first) keeps the state as it was at the end of that segment; later ones are only counted.
    """

    def __init__(self, segment: int | None = None) -> None:
        self._only = segment
        self._segments = 0
        self._reset(None)

    def _reset(self, opened: Opened | None) -> None:
        self._opened = opened
        self._experiments: list[Experiment] = []
        self._kept: list[int] = []
        self._leaders: list[tuple[float, int]] = []
        self._frontier = Frontier()
        self._pending: list[int] = []
        self._withdrawn: set[int] = set()
        self._counts = dict.fromkeys(Counts.__struct_fields__, 0)
        self._since_keep = 0
        self._seed = opened.seed if opened else 0
        self._seconds = 0.0
        self._cost = 0.0
        self._beliefs = Beliefs(opened.contract) if opened else None
        self._certificates = Certificates()
        self._finalists = 0
        self._fork = Forking()
        self._demotions: list[tuple[int, str]] = []
        self._paused = False
        self._closed = ""
        self._notes: list[tuple[str, str]] = []
        self._crafted: dict[str, Measurement] = {}
        self._despite: dict[str, None] = {}
        self._first_with: dict[str, int] = {}
        self._last_at = 0.0

    def add(self, group: Iterable[Event]) -> None:
        """Advance by one atomic group of events."""
        for event in group:
            if isinstance(event, Opened):
                self._segments += 1
            if self._only is not None and self._segments > self._only:
                continue
            if isinstance(event, Opened):
                self._reset(event)
            elif self._opened is None:
                raise LedgerError(f"the ledger begins with {type(event).__name__}, not with the opening of a segment")
            else:
                self._STEPS[type(event)](self, event)
            self._last_at = event.at or self._last_at

    def number_with(self, tree: str) -> int | None:
        """The first judged experiment of the segment whose candidate is `tree`."""
        return self._first_with.get(tree)

    def state(self) -> State:
        """The present state as a frozen value."""
        opened = self._opened
        if opened is None:
            return State(segments=self._segments)
        return State(
            study=opened.study,
            digest=opened.digest,
            contract=opened.contract,
            base=opened.base,
            tree=opened.tree,
            seals=opened.seals,
            seed=self._seed,
            tier=opened.tier,
            version=opened.version,
            host=opened.host,
            opened_at=opened.at,
            segment=self._segments if self._only is None else min(self._segments, self._only),
            segments=self._segments,
            experiments=tuple(self._experiments),
            kept=tuple(self._kept),
            leaders=tuple(number for _, number in self._leaders),
            frontier=self._frontier.numbers(),
            pending=tuple(self._pending),
            counts=Counts(**self._counts),
            since_keep=self._since_keep,
            seconds=self._seconds,
            cost_usd=self._cost,
            certificate=self._certificates.last,
            win=self._certificates.win,
            paused=self._paused,
            closed=self._closed,
            notes=tuple(self._notes),
            warnings=opened.warnings,
            crafted=tuple(self._crafted.items()),
            despite=tuple(self._despite),
            noise=self._beliefs.noise if self._beliefs else (),
            sigma=self._beliefs.sigma if self._beliefs else None,
            spread=self._beliefs.spread if self._beliefs else 0.0,
            finalists=self._finalists,
            trials=self._certificates.trials(),
            certificates=tuple(self._certificates.all),
            fork=self._fork.now,
            demotions=tuple(self._demotions),
            last_at=self._last_at,
        )

    def _experiment(self, number: int, event: Event) -> Experiment:
        if not 0 <= number < len(self._experiments):
            raise LedgerError(f"{type(event).__name__} names experiment {number}, which was never asked for")
        return self._experiments[number]

    def _asked(self, event: Asked) -> None:
        if event.number != len(self._experiments):
            raise LedgerError(f"experiment {event.number} was asked for after {len(self._experiments) - 1}")
        self._experiments.append(
            Experiment(
                number=event.number,
                parent=event.parent,
                agent=sys.intern(event.agent),
                policy=sys.intern(event.policy),
                hint=event.hint,
                kind=event.kind,
                donors=event.donors,
                asked_at=event.at,
            )
        )
        self._pending.append(event.number)
        if event.number:
            self._followed(event)

    def _followed(self, event: Asked) -> None:
        parent = self._experiment(event.parent, event)
        followups = parent.followups + (event.kind is Asking.follow_up)
        self._experiments[event.parent] = replace(parent, children=parent.children + 1, followups=followups)
        self._fork.asked(event.parent)

    def _proposed(self, event: Proposed) -> None:
        old = self._experiment(event.number, event)
        said = {name: getattr(event, name) for name in _PROPOSED_FIELDS}
        said["agent"] = sys.intern(event.agent) if event.agent else old.agent
        parent = self._experiments[old.parent].commit if old.parent < event.number else ""
        said["parent_commit"] = parent if parent == event.parent_commit else event.parent_commit
        said["paths"] = tuple(map(sys.intern, event.paths))
        said["parameters"] = tuple((sys.intern(name), value) for name, value in event.parameters)
        self._experiments[event.number] = replace(old, seconds=old.seconds + event.seconds, **said)
        self._seconds += event.seconds
        self._cost += event.cost_usd

    def _measured(self, event: Measured) -> None:
        old = self._experiment(event.number, event)
        measurement = _compact(event.measurement)
        self._counts["evaluations"] += 1
        self._seconds += measurement.seconds
        if event.crafted:
            self._crafted[event.crafted] = measurement
            return
        if event.trial:
            self._certificates.measured(event, measurement)
            looks = (*old.holdout, measurement) if measurement.split and is_own(event.trial) else old.holdout
            self._seen(old, replace(old, seconds=old.seconds + measurement.seconds, holdout=looks), measurement)
            return
        changes: dict[str, Any] = {"seconds": old.seconds + measurement.seconds}
        if measurement.split:
            changes["holdout"] = (*old.holdout, measurement)
        else:
            if event.run != len(old.readings):
                raise LedgerError(f"reading {event.run} of experiment {event.number} follows {len(old.readings)}")
            changes["readings"] = (*old.readings, measurement)
            changes["belief"] = self._believed(old, measurement)
            self._finalists += event.why == FINALIST
        new = replace(old, **changes)
        if not measurement.split and old.outcome is not None and old.value is not None:
            new = replace(new, value=self._mean(new))
            self._rank(old, new)
        self._seen(old, new, measurement)

    def _believed(self, experiment: Experiment, measurement: Measurement) -> Belief | None:
        assert self._beliefs is not None  # noqa: S101 - add() refuses every event before the first Opened
        parent = self._experiments[experiment.parent].belief if experiment.number else None
        return self._beliefs.after(experiment, parent, measurement)

    def _seen(self, old: Experiment, new: Experiment, measurement: Measurement) -> None:
        """Put `new` in its place, with what the measurement showed of tampering."""
        if measurement.tampering:
            new = replace(new, tampering=tuple(dict.fromkeys((*old.tampering, *measurement.tampering))))
            self._tampered(old, new)
        self._put(old, new)

    def _put(self, old: Experiment, new: Experiment) -> None:
        self._experiments[new.number] = new
        self._frontier.changed(old, new)

    def _tampered(self, old: Experiment, new: Experiment) -> None:
        """What was seen to tamper is no best, no leader and no certified win from here on, whatever it was before."""
        self._withdrawn.add(new.number)
        if new.number in self._kept:
            self._kept.remove(new.number)
        self._certificates.withdraw(new.number)
        self._fork.withdrawn(new.number)
        self._leaders = [leader for leader in self._leaders if leader[1] != new.number]
        if new.number and not old.tampering and old.outcome is not None and old.outcome is not Outcome.violation:
            self._counts["tampering"] += 1

    def _judged(self, event: Judged) -> None:
        old = self._experiment(event.number, event)
        if old.outcome is not None:
            raise LedgerError(f"experiment {event.number} was judged twice")
        new = replace(
            old,
            outcome=event.outcome,
            reason=event.reason,
            value=event.value,
            gain=event.gain,
            trust=event.trust,
            failure=event.failure,
            same_as=event.same_as,
            judged_at=event.at,
        )
        self._put(old, new)
        self._pending.remove(event.number)
        self._finalists = 0
        if new.tree and not new.breaches and (event.outcome is not Outcome.violation or new.readings):
            self._first_with.setdefault(new.tree, event.number)
        if event.outcome is not Outcome.baseline:
            self._counts["experiments"] += 1
            self._counts[_COUNTED[event.outcome]] += 1
            self._counts["tampering"] += bool(new.tampering or event.outcome is Outcome.violation)
            self._counts["flagged"] += bool(new.flags)
            self._since_keep = 0 if event.outcome is Outcome.keep else self._since_keep + 1
        if event.outcome in (Outcome.baseline, Outcome.keep, Outcome.discard):
            self._rank(None, new)

    def _mean(self, experiment: Experiment) -> float | None:
        assert self._opened is not None  # noqa: S101 - add() refuses every event before the first Opened
        return mean_value(experiment.readings, self._opened.contract.objective.metric)

    def _rank(self, old: Experiment | None, new: Experiment) -> None:
        assert self._opened is not None  # noqa: S101 - as above
        sign = 1.0 if self._opened.contract.objective.direction is Direction.minimize else -1.0
        if old is not None and old.value is not None and (sign * old.value, old.number) in self._leaders:
            self._leaders.remove((sign * old.value, old.number))
        if new.value is not None and new.number not in self._withdrawn:
            insort(self._leaders, (sign * new.value, new.number))
            del self._leaders[LEADERS:]

    def _promoted(self, event: Promoted) -> None:
        """A new best; or the way back to a former one, and then what was promoted since is kept no more.

        What was judged a discard or inconclusive and is promoted by later readings has been kept after all.
        """
        new = self._experiment(event.number, event)
        if new.tampering:
            raise LedgerError(f"experiment {event.number} was promoted although it was seen to tamper")
        best = self._kept[-1] if self._kept else 0
        if event.number == best:
            return
        if event.number in (0, *self._kept):
            self._demotions.append((best, event.reason))
            del self._kept[self._kept.index(event.number) + 1 if event.number else 0 :]
        else:
            self._kept.append(event.number)
            self._fork.promoted(new.parent)
        if new.outcome in _UPGRADED:
            self._counts[_COUNTED[new.outcome]] -= 1
            self._counts["kept"] += 1
            self._put(new, replace(new, outcome=Outcome.keep, reason=event.reason or new.reason))
            self._since_keep = 0

    def _gated(self, event: Gated) -> None:
        old = self._experiment(event.number, event)
        self._put(old, replace(old, gate=event.passed))

    def _holdout_read(self, event: HoldoutRead) -> None:
        self._experiment(event.number, event)
        self._counts["holdout_reads"] += 1
        self._counts["gate_reads"] += event.split == "gate"

    def _certified(self, event: Certificate) -> None:
        self._certificates.certified(event, withdrawn=event.number in self._withdrawn)
        self._counts["certificates"] += 1

    def _adopted(self, event: Adopted) -> None:
        self._experiment(event.number, event)

    def _noted(self, event: Noted) -> None:
        if event.kind == "started":
            self._paused = False
            self._closed = ""
        elif event.kind == "seed":
            self._seed = int(event.text)
        elif event.kind == "fork" and event.number is not None:
            self._fork.wanted(event.number, int(event.text))
        elif event.kind == "despite":
            self._despite[event.text] = None
        else:
            self._notes.append((event.kind, event.text))
            del self._notes[:-NOTES]

    def _stop_asked(self, event: Paused) -> None:
        del event
        self._paused = True

    def _ended(self, event: Closed) -> None:
        self._closed = event.reason

    _STEPS: ClassVar[dict[type, Callable[..., None]]] = {
        Asked: _asked,
        Proposed: _proposed,
        Measured: _measured,
        Judged: _judged,
        Promoted: _promoted,
        Gated: _gated,
        HoldoutRead: _holdout_read,
        Certificate: _certified,
        Adopted: _adopted,
        Noted: _noted,
        Paused: _stop_asked,
        Closed: _ended,
    }
