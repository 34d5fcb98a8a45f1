"""One experiment as data, from the question to the verdict."""

from enum import StrEnum
from typing import Literal

from overnight.model.contract import Tier
from overnight.model.value import Pairs, Value, Words


class Outcome(StrEnum):
    """How an experiment ended (the first is the unchanged code)."""

    baseline = "baseline"
    keep = "keep"
    discard = "discard"
    crash = "crash"
    violation = "violation"
    duplicate = "duplicate"
    inconclusive = "inconclusive"


class Trust(StrEnum):
    """Who says the number, weakest first: the candidate itself; our box; a separate judge."""

    self_reported = "self-reported"
    measured = "measured"
    scored = "scored"


class Certified(StrEnum):
    """Whether the gain of the best over the baseline was measured afresh, and on what."""

    no = "no"
    yes = "yes"
    holdout = "holdout"


class Asking(StrEnum):
    """What an agent is asked for."""

    expand = "expand"
    follow_up = "follow_up"
    step_back = "step_back"
    combine = "combine"
    scout = "scout"
    simplify = "simplify"


class Ask(Value, frozen=True, kw_only=True):
    """Where to look next: build on experiment number `parent`; `hint` is a sentence for the agent.

    `donors` are further experiments whose changes are worth a look (`combine`).
    """

    parent: int
    hint: str = ""
    kind: Asking = Asking.expand
    donors: tuple[int, ...] = ()


class Belief(Value, frozen=True, kw_only=True):
    """What is believed of a candidate's true score: a normal distribution on the working scale, higher is better.

    See `overnight.rules.scale` for the scale and `overnight.rules.beliefs` for how readings move it. `seen` is the
    plain mean of its `readings` successful readings.
    """

    mean: float
    variance: float
    seen: float = 0.0
    readings: int = 0


class Noise(Value, frozen=True, kw_only=True):
    """How much one reading of `metric` scatters when nothing has changed: a standard deviation in the metric's unit.

    It comes from `pairs` successive differences of repeated readings.
    """

    metric: str
    sigma: float
    pairs: int


class Proposal(Value, frozen=True, kw_only=True):
    """What the agent says it did. Never evidence: only files are.

    `parameters` are (name, JSON text) pairs that our own tuner sets; commands cannot. `note` is for the record
    ("the agent was stopped after 900 s"). `unavailable` means the agent could not work at all (provider
    error, command not found) and changed nothing: this is not an experiment.
    """

    summary: str = ""
    hypothesis: str = ""
    needs_followup: bool = False
    ideas: tuple[str, ...] = ()
    parameters: Words = ()
    cost_usd: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    transcript: str = ""
    note: str = ""
    unavailable: str = ""


class Breach(Value, frozen=True, kw_only=True):
    """A change that the contract does not allow: which path, which rule, in plain words."""

    path: str
    rule: str
    detail: str = ""


class Flag(Value, frozen=True, kw_only=True):
    """Something in a candidate's change that a reviewer should look at; advice, never a verdict.

    `rule` is a short stable word, `line` counts from 1 in the changed file (0 = all of it), `detail` is a sentence.
    """

    rule: str
    path: str
    line: int = 0
    detail: str = ""


class Edit(Value, frozen=True, kw_only=True):
    """One changed file of a candidate: its bytes before and after, None where there was or is no such file."""

    path: str
    before: bytes | None = None
    after: bytes | None = None


class Change(Value, frozen=True, kw_only=True):
    """What the files say. `tree` is the git tree id of the whole measured tree (sealed files + allowed blobs);
    `commit` keeps it reachable. `paths` were changed; `dropped` were ignored litter, never measured. `edits` are the
    texts of an allowed change, for whoever reviews it; they are not part of the record.
    """

    tree: str
    commit: str
    parent: str
    paths: tuple[str, ...] = ()
    added: int = 0
    deleted: int = 0
    loc: int = 0
    dropped: tuple[str, ...] = ()
    breaches: tuple[Breach, ...] = ()
    edits: tuple[Edit, ...] = ()


class Failure(Value, frozen=True, kw_only=True):
    """Why there is no number. `code` is one short stable word, `detail` a sentence, `tail` the last output
    lines (hostile text: escape before showing). `private`: a judge that sees hidden files printed some of `tail`; it
    is for the person alone, and never for an agent. `detail` may always be shown.
    """

    code: Literal[
        "exit", "timeout", "cpu", "memory", "pids", "disk", "output", "no-metric", "malformed", "non-finite",
        "twice", "bounds", "guard", "artifact", "driver", "sealed", "cancelled", "slept",
        "hopeless",
    ]  # fmt: skip
    detail: str
    tail: str = ""
    private: bool = False


Curve = tuple[tuple[float, float], ...]
"""(step, value) in rising steps."""


class Measurement(Value, frozen=True, kw_only=True):
    """One judge run: finite values by metric name, or a failure, never both.

    `seconds` is wall time of the whole run; `seed` the seed given to it; `tier` and `limits` say what held the
    candidate; `split` "" is the search metric, "certify" and "gate" are holdout reads. `tampering` are sentences about
    what the candidate was seen to touch that no honest one touches; they stand beside values or a failure. `progress`
    is what the judge printed on its way, at most 200 points, kept only where the contract ends hopeless runs early.
    """

    values: Pairs = ()
    failure: Failure | None = None
    seconds: float = 0.0
    seed: int = 0
    tier: Tier = Tier.none
    limits: str = "none"
    trust: Trust = Trust.self_reported
    guard_trust: str = ""
    split: str = ""
    host: str = ""
    tampering: tuple[str, ...] = ()
    progress: Curve = ()


class Evaluation(Value, frozen=True, kw_only=True):
    """All runs of one candidate; `failure` is the first run that failed."""

    runs: tuple[Measurement, ...]
    failure: Failure | None = None


class Comparison(Value, frozen=True, kw_only=True):
    """Candidate against best: `gain` in units of the metric (positive = better), `adjusted` after trade-offs,
    `low`..`high` an interval where the noise is known.
    """

    gain: float
    adjusted: float
    low: float | None = None
    high: float | None = None
    runs: int = 1


class Verdict(Value, frozen=True, kw_only=True):
    """The decision with its reason in one plain sentence."""

    outcome: Outcome
    reason: str
    value: float | None = None
    comparison: Comparison | None = None
    failure: Failure | None = None
    trust: Trust = Trust.self_reported
    promote: bool = False
