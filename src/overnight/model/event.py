"""The ledger's alphabet. Tags and field names are on people's disks: never rename one.

A field may be added with a default; a reader of an older version fails on a tag that it does not know.
"""

from typing import Literal

import msgspec

from overnight.model.contract import Contract, Tier
from overnight.model.experiment import Asking, Breach, Certified, Failure, Flag, Measurement, Outcome, Trust
from overnight.model.value import Value, Words, canonical


class _Event(Value, frozen=True, kw_only=True, tag_field="event"):
    """`at` is seconds since 1970, UTC."""

    at: float = 0.0


class Opened(_Event, frozen=True, kw_only=True, tag="opened"):
    """A segment begins: this contract on this base. `digest` is the segment's identity, `base` the commit and
    `tree` its tree; `seed` the master seed of every random draw.
    """

    study: str
    digest: str
    contract: Contract
    base: str
    tree: str
    seals: Words = ()
    seed: int = 0
    version: str = ""
    host: str = ""
    tier: Tier = Tier.none
    dirty: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Asked(_Event, frozen=True, kw_only=True, tag="asked"):
    """Experiment `number` begins, built on experiment `parent`; `kind` and `donors` as in `Ask`."""

    number: int
    parent: int
    agent: str
    policy: str = ""
    hint: str = ""
    kind: Asking = Asking.expand
    donors: tuple[int, ...] = ()


class Proposed(_Event, frozen=True, kw_only=True, tag="proposed"):
    """The agent has finished; `tree` and `commit` are what the gate made of its files.

    `agent` is the one that really proposed: a resumed experiment may have been asked of another.
    """

    number: int
    tree: str
    commit: str
    parent_commit: str
    paths: tuple[str, ...] = ()
    added: int = 0
    deleted: int = 0
    loc: int = 0
    agent: str = ""
    dropped: tuple[str, ...] = ()
    breaches: tuple[Breach, ...] = ()
    flags: tuple[Flag, ...] = ()
    summary: str = ""
    hypothesis: str = ""
    needs_followup: bool = False
    ideas: tuple[str, ...] = ()
    parameters: Words = ()
    cost_usd: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    note: str = ""
    transcript: str = ""


class Measured(_Event, frozen=True, kw_only=True, tag="measured"):
    """One judge run of experiment `number` has finished; `run` counts its readings from 0.

    With `crafted` it is a reading of a candidate that overnight made to test the judge ("empty" and the like), built on
    experiment `number` and no reading of it. With `trial` it is a fresh reading for a certificate, of
    experiment `number` or of what comes from it, and no reading of the search. `why` is one word for what it
    was taken for.
    """

    number: int
    run: int
    measurement: Measurement
    crafted: str = ""
    trial: str = ""
    why: str = ""


class Judged(_Event, frozen=True, kw_only=True, tag="judged"):
    """The verdict on experiment `number`. `same_as` names the experiment whose measurements count."""

    number: int
    outcome: Outcome
    reason: str
    value: float | None = None
    gain: float | None = None
    adjusted: float | None = None
    trust: Trust = Trust.self_reported
    failure: Failure | None = None
    same_as: int | None = None
    best: int | None = None


class Promoted(_Event, frozen=True, kw_only=True, tag="promoted"):
    """Experiment `number` is the best so far from here on.

    It may be an older one, when readings have shown that the best was lucky; `reason` is a sentence then.
    """

    number: int
    commit: str
    reason: str = ""


class Gated(_Event, frozen=True, kw_only=True, tag="gated"):
    """One bit from the gate split: whether experiment `number` was better there than the best, `against`."""

    number: int
    against: int
    passed: bool


class HoldoutRead(_Event, frozen=True, kw_only=True, tag="holdout"):
    """An intent to read the holdout, durable before the judge starts: no look is free, not even after a kill."""

    split: Literal["gate", "certify"]
    number: int


class Effect(Value, frozen=True, kw_only=True):
    """What is lost, in the metric's unit, when the kept change `number` is taken out of the best; None = not measured.

    `low`..`high` is the interval; `entangled` = later changes stand on it, so that it cannot be taken out alone.
    """

    number: int
    loss: float | None = None
    low: float | None = None
    high: float | None = None
    entangled: bool = False


class Certificate(_Event, frozen=True, kw_only=True, tag="certified"):
    """Baseline and best measured afresh. Values are in the metric's unit; None where a run failed.

    `runs` pairs gave the mean `gain`, in [`low`, `high`] at level 1 - `alpha` (None with one pair). `night` counts the
    certificates on this holdout from 1. After an ablation `kept` are the changes that are needed and `dropped` those
    whose removal costs nothing measurable; then the numbers speak of `tree` (at `commit`), the best without the
    dropped ones. `setting` are contract variables that differed from program.md.
    """

    number: int
    baseline: float | None = None
    best: float | None = None
    gain: float | None = None
    level: Certified = Certified.no
    runs: int = 1
    note: str = ""
    low: float | None = None
    high: float | None = None
    alpha: float | None = None
    night: int = 0
    tree: str = ""
    commit: str = ""
    kept: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    effects: tuple[Effect, ...] = ()
    setting: Words = ()


class Adopted(_Event, frozen=True, kw_only=True, tag="adopted"):
    """A peer's candidate was measured here and is experiment `number` from now on."""

    number: int
    peer: str
    commit: str


class Noted(_Event, frozen=True, kw_only=True, tag="noted"):
    """Words for the record. `kind`: started, seed, person, agent, warning, slept, redteam, despite, fork, replay.

    "started" begins a run; "seed" replaces the segment's seed (only before its first experiment); "redteam" sums up
    what attacks on the judge achieved; "despite" is a refusal that the person overruled by name; "fork" asks that the
    next so many experiments (`text`) build on `number`; "replay" says whether the number of `number` came back.
    """

    kind: str
    text: str
    number: int | None = None


class Paused(_Event, frozen=True, kw_only=True, tag="paused"):
    """Somebody asks the run to end after its present experiment."""

    by: str = ""
    reason: str = ""


class Closed(_Event, frozen=True, kw_only=True, tag="closed"):
    """A run has ended on purpose; `reason` is a sentence."""

    reason: str


Event = (
    Opened
    | Asked
    | Proposed
    | Measured
    | Judged
    | Promoted
    | Gated
    | HoldoutRead
    | Certificate
    | Adopted
    | Noted
    | Paused
    | Closed
)

_DECODER = msgspec.json.Decoder(tuple[Event, ...])


def encode(events: tuple[Event, ...]) -> bytes:
    """Canonical JSON of one atomic group of events."""
    return canonical(events)


def decode(data: bytes) -> tuple[Event, ...]:
    """The inverse of `encode`.

    Raises:
        msgspec.ValidationError: not a group of events that this version knows.
    """
    return _DECODER.decode(data)
