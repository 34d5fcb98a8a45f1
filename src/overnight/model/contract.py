"""The person's program.md as frozen, typed values: what a machine enforces.

Paths and globs are relative to the folder of program.md, with forward slashes. Durations are seconds, sizes
bytes. This module does not know how the file is written; `overnight.program` does.
"""

from enum import StrEnum

from overnight.model.value import Value, Words


class Direction(StrEnum):
    """Which way the metric gets better."""

    minimize = "minimize"
    maximize = "maximize"


class Tier(StrEnum):
    """How strongly a sandbox isolates, weakest first (see `rank`)."""

    none = "none"
    fs_net = "fs+net"
    confined = "confined"
    container = "container"
    contained = "contained"
    capped = "capped"

    @property
    def rank(self) -> int:
        """Position on the ladder; a higher one guarantees at least what the lower ones do."""
        return list(Tier).index(self)


class Objective(Value, frozen=True, kw_only=True):
    """The number that decides.

    `min_effect` is in units of the metric, at least 0: a smaller gain is a tie. `bounds` is (low, high): a value
    outside is rejected as implausible.
    """

    metric: str
    direction: Direction = Direction.minimize
    unit: str = ""
    min_effect: float = 0.0
    bounds: tuple[float, float] | None = None

    def gain(self, old: float, new: float) -> float:
        """How much better `new` is than `old`, in units of the metric; positive is better in both directions."""
        return old - new if self.direction is Direction.minimize else new - old


class Guard(Value, frozen=True, kw_only=True):
    """A hard limit: a metric within min/max, or within `max_regress` of the best, or a command that must pass.

    `max_regress` is a fraction (0.05 is 5 %) of the re-measured best's value; `direction` says which way this metric
    gets better. A command (`run`) passes with exit code 0 and at least `min_tests` tests reported.
    """

    metric: str = ""
    min: float | None = None
    max: float | None = None
    max_regress: float | None = None
    direction: Direction = Direction.minimize
    run: str = ""
    min_tests: int = 0


class Tradeoff(Value, frozen=True, kw_only=True):
    """An exchange rate: `amount` more of `metric` must buy `rate` of the objective (in its unit)."""

    metric: str
    rate: float
    amount: float = 1.0


class Drive(Value, frozen=True, kw_only=True):
    """A judge that talks to the running candidate: `judge` outside, `serve` in the box.

    With `copies` above 1 the judge talks to so many of them, one after the other: none knows what another was told.
    """

    judge: str
    serve: str
    over: str = "stdio"
    copies: int = 1


class Budget(Value, frozen=True, kw_only=True):
    """What one run may use, over its whole process tree: seconds, bytes, counts."""

    wall: float = 300.0
    cpu_seconds: float | None = None
    memory: int = 8 * 1024**3
    cpus: float = 2
    pids: int = 256
    disk: int = 2 * 1024**3
    gpus: int = 0
    output: int = 1024**2
    grace: float = 20.0
    strict: bool = False


class Holdout(Value, frozen=True, kw_only=True):
    """Commands that read data the search never sees. `gate` and `certify` replace the judging command.

    `queries` looks are allowed in all. The gate's data may come in `parts` that take turns (its command is told which:
    OVERNIGHT_SPLIT is gate-1, gate-2 ...). A gap between the search's gain and the gate's above `max_gap`, a fraction
    of the baseline, ends the study.
    """

    gate: str = ""
    certify: str = ""
    queries: int = 100
    max_gap: float | None = None
    parts: int = 1


class Keep(Value, frozen=True, kw_only=True):
    """How a gain is decided: search policy and statistics.

    `transform` auto, log or none: the scale on which readings are compared. `pairs` fresh readings each of baseline and
    best, and `alpha` = the chance of a false claim, are certification's. A candidate is read at least `repeats[0]` and,
    while undecided, at most `repeats[1]` times before its verdict. `early_stop` ends a run whose judge prints progress
    that is hopeless beside the best's.
    """

    policy: str = "auto"
    noise: str = "auto"
    transform: str = "auto"
    pairs: int = 5
    alpha: float = 0.05
    repeats: tuple[int, int] = (1, 8)
    early_stop: bool = False


class Isolation(Value, frozen=True, kw_only=True):
    """What the box must guarantee and what of the machine it shows. `env` is set in the box; `pass_env` names
    variables whose values come from the person's environment and are never recorded.
    """

    require: Tier = Tier.confined
    network: str = "none"
    read: tuple[str, ...] = ()
    env: Words = ()
    pass_env: tuple[str, ...] = ()


class AgentSpec(Value, frozen=True, kw_only=True):
    """Who proposes: `use` is a name ("tuner") or "command LINE". `wall` in seconds an experiment.

    `network` None = no network; ("shared",) = the machine's own; anything else is an allow-list of hosts.
    """

    use: str = "tuner"
    wall: float = 900.0
    network: tuple[str, ...] | None = None
    tokens: int | None = None
    usd: float | None = None
    pass_env: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


class Stop(Value, frozen=True, kw_only=True):
    """When the night ends; None is never. `no_gain` counts experiments since the last keep,
    `tampering` proposals of the segment that broke the contract or were seen to tamper.
    """

    experiments: int | None = None
    wall: float | None = None
    usd: float | None = None
    no_gain: int | None = None
    tampering: int | None = None


class Contract(Value, frozen=True, kw_only=True):
    """program.md, typed. `folder` is its folder relative to the repository's root ("" = the root).

    `run`, `score`, `drive` decide the kind of judge; at least one of `run` and `drive` is set. `written` lists the
    top-level keys that the person wrote. `inferred` is true for a file without front matter.
    """

    title: str
    prose: str
    folder: str = ""
    program: str = "program.md"
    objective: Objective
    edit: tuple[str, ...]
    data: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    run: str = ""
    score: str = ""
    drive: Drive | None = None
    artifacts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    budget: Budget = Budget()
    guards: tuple[Guard, ...] = ()
    tradeoffs: tuple[Tradeoff, ...] = ()
    holdout: Holdout | None = None
    keep: Keep = Keep()
    isolation: Isolation = Isolation()
    agent: AgentSpec = AgentSpec()
    stop: Stop = Stop()
    metrics: tuple[str, ...] = ()
    variables: Words = ()
    env_dirs: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    inferred: bool = False

    def metric_names(self) -> tuple[str, ...]:
        """Every metric that the contract mentions, each once, the objective's first."""
        names = [self.objective.metric, *self.metrics]
        names += [guard.metric for guard in self.guards if guard.metric]
        names += [tradeoff.metric for tradeoff in self.tradeoffs]
        return tuple(dict.fromkeys(names))

    def identity(self) -> tuple[object, ...]:
        """What makes results comparable: a change of any of these begins a new segment.

        Title, prose, agent, stop, keep and labels are not part of it (they change by a note).
        """
        return (
            self.objective, self.folder, self.edit, self.data, self.hide, self.run, self.score, self.drive,
            self.artifacts, self.budget, self.guards, self.tradeoffs, self.isolation, self.holdout,
            self.metrics, self.variables, self.env_dirs,
        )  # fmt: skip


BUILT_IN_METRICS = ("wall_seconds", "cpu_seconds", "peak_memory_mb", "loc", "diff_lines")
"""Measured by the box or counted from the tree; always available, never printed by a judge."""
