"""What the ledger says, folded: built by `overnight.rules.fold` and by nothing else."""

import math

from overnight.model.contract import Contract, Tier
from overnight.model.event import Certificate
from overnight.model.experiment import (
    Asking,
    Belief,
    Breach,
    Failure,
    Flag,
    Measurement,
    Noise,
    Outcome,
    Trust,
)
from overnight.model.value import Value, Words

STEP = 0.5
"""Standard errors above its parent from which a candidate is built on."""


class Experiment(Value, frozen=True, kw_only=True):
    """One row of the night. Number 0 is the baseline. `outcome` None = pending (asked, not judged).

    `value` is the mean of the search readings in the metric's unit, None without a number; `gain` is against
    the best at judging time. `readings` hold every finished search run, `holdout` every holdout run; `seconds`
    is agent plus judge. `tampering` are the sentences of all of them, each once; an experiment that has any is never
    the best. `flags` are advice for a reviewer. `belief` is what all readings together say of its true score, None
    without a reading; `children` were asked for on top of it, `followups` of them to finish what it began. `gate` is
    the gate split's one bit, None = not asked.
    """

    number: int
    parent: int
    agent: str = ""
    policy: str = ""
    hint: str = ""
    kind: Asking = Asking.expand
    donors: tuple[int, ...] = ()
    belief: Belief | None = None
    children: int = 0
    followups: int = 0
    gate: bool | None = None
    tree: str = ""
    commit: str = ""
    parent_commit: str = ""
    outcome: Outcome | None = None
    reason: str = ""
    value: float | None = None
    gain: float | None = None
    trust: Trust = Trust.self_reported
    failure: Failure | None = None
    same_as: int | None = None
    readings: tuple[Measurement, ...] = ()
    holdout: tuple[Measurement, ...] = ()
    paths: tuple[str, ...] = ()
    added: int = 0
    deleted: int = 0
    loc: int = 0
    dropped: tuple[str, ...] = ()
    breaches: tuple[Breach, ...] = ()
    flags: tuple[Flag, ...] = ()
    tampering: tuple[str, ...] = ()
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
    asked_at: float = 0.0
    judged_at: float = 0.0

    @property
    def usable(self) -> bool:
        """Whether it may become a parent or the best.

        It was judged and broke no limit, gives a number in more than half of its readings, was not seen to tamper and
        was not refused by the gate.
        """
        return (
            self.outcome in _USABLE
            and self.belief is not None
            and self.failure is None
            and not self.tampering
            and self.gate is not False
            and 2 * sum(run.failure is not None for run in self.readings) < len(self.readings)
        )


_USABLE = {Outcome.baseline, Outcome.keep, Outcome.discard, Outcome.inconclusive}


class Trial(Value, frozen=True, kw_only=True):
    """Fresh readings of one candidate, which is or comes from experiment `number`, for a certificate; in order."""

    name: str
    number: int
    runs: tuple[Measurement, ...]


class Counts(Value, frozen=True, kw_only=True):
    """Judged proposals of the segment by outcome; the baseline is not counted in any.

    `tampering` are those that broke the contract or were seen to tamper in any reading, `flagged` those whose change
    has flags; both say something beside the outcome.
    """

    experiments: int = 0
    kept: int = 0
    discarded: int = 0
    crashed: int = 0
    violations: int = 0
    duplicates: int = 0
    inconclusive: int = 0
    evaluations: int = 0
    holdout_reads: int = 0
    gate_reads: int = 0
    certificates: int = 0
    tampering: int = 0
    flagged: int = 0


class State(Value, frozen=True, kw_only=True):
    """One segment of a study, the last one unless another was asked for.

    `experiments[n].number == n`. `kept` are the numbers promoted, in order, without those that were seen to
    tamper later or gave way to an older best; the last is the best so far.
    `leaders` are the at most 50 best-valued numbers, best first; `frontier` the at most 64 with the highest believed
    scores that may be built on. `since_keep` counts judged proposals since the
    last keep. `seconds` and `cost_usd` are sums over experiments. `segment` says which of the study's `segments` it
    is, 1 = the first. `certificate` is the last one, `win` the last one that confirmed a gain. `crafted` are the last
    readings of candidates made to test the judge, by name; `despite` the refusals that the person overruled.
    `noise` is known of each metric that was read twice; on the working scale `sigma` is the noise of one reading (None
    = not known) and `spread` how far children typically lie from their parents (0 = not known yet). `split_error` is
    the standard error that the choice of examples alone leaves in a difference (0 = not known). `finalists` counts
    readings taken to choose the final best since the last verdict; `trials` are fresh readings since the last
    certificate; `fork` is (experiment, how many more asks shall build on it). `demotions` are (number, reason) of each
    best that gave way to an older one.
    """

    study: str = ""
    digest: str = ""
    contract: Contract | None = None
    base: str = ""
    tree: str = ""
    seals: Words = ()
    seed: int = 0
    tier: Tier = Tier.none
    version: str = ""
    host: str = ""
    opened_at: float = 0.0
    segment: int = 0
    segments: int = 0
    experiments: tuple[Experiment, ...] = ()
    kept: tuple[int, ...] = ()
    leaders: tuple[int, ...] = ()
    frontier: tuple[int, ...] = ()
    pending: tuple[int, ...] = ()
    counts: Counts = Counts()
    since_keep: int = 0
    seconds: float = 0.0
    cost_usd: float = 0.0
    certificate: Certificate | None = None
    win: Certificate | None = None
    paused: bool = False
    closed: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    crafted: tuple[tuple[str, Measurement], ...] = ()
    despite: tuple[str, ...] = ()
    noise: tuple[Noise, ...] = ()
    sigma: float | None = None
    spread: float = 0.0
    split_error: float = 0.0
    finalists: int = 0
    trials: tuple[Trial, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    fork: tuple[int, int] | None = None
    demotions: tuple[tuple[int, str], ...] = ()
    last_at: float = 0.0

    @property
    def baseline(self) -> Experiment | None:
        """Experiment 0 once it has been judged."""
        if self.experiments and self.experiments[0].outcome is not None:
            return self.experiments[0]
        return None

    def leads(self, experiment: Experiment) -> bool:
        """Whether its own readings lie far enough above its parent for it to be built on, or to be the best.

        Far enough is half a standard error, and as much as the choice of examples alone moves a difference: no
        re-reading removes that, so smaller steps climb the examples and not the truth (compare Blum & Hardt, The
        Ladder, 2015).
        """
        parent, own = self.experiments[experiment.parent].belief, experiment.belief
        if experiment.number == 0 or parent is None or own is None:
            return True
        step = self.split_error + STEP * (self.sigma or 0.0) / math.sqrt(max(1, own.readings))
        return own.seen - parent.mean >= step

    @property
    def best(self) -> Experiment | None:
        """The best so far: the last promoted, else the baseline, else None."""
        return self.experiments[self.kept[-1]] if self.kept else self.baseline
