"""Every key that front matter may hold: its type, its range, and the sentence that explains it.

The reader walks these types, the JSON Schema is generated from them, and `describe` takes its comments from them, so
that a key is explained in one place. Fields hold values in seconds, bytes and fractions, already read; defaults are
those of the model. Keys that are known but not enforced are in `refusals`.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from overnight.model.contract import (
    AgentSpec,
    Budget,
    Direction,
    Drive,
    Guard,
    Holdout,
    Isolation,
    Keep,
    Stop,
    Tier,
)  # fmt: skip

_NUMBER_OR_TEXT = {"accepts": ["number", "string"]}
_TEXT_OR_LIST = {"accepts": ["array", "string"]}


def _kind(name: str, **schema: Any) -> Meta:
    return Meta(extra={"kind": name}, extra_json_schema=schema or None)


Text = Annotated[str, _kind("text", minLength=1)]
Command = Annotated[str, _kind("command", minLength=1)]
MetricName = Annotated[str, _kind("metric", pattern="^[A-Za-z_][A-Za-z0-9_./-]*$")]
Glob = Annotated[str, _kind("glob", minLength=1)]
Inside = Annotated[str, _kind("inside", minLength=1)]
Anywhere = Annotated[str, _kind("anywhere", minLength=1)]
EnvName = Annotated[str, _kind("env", pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
PassedName = Annotated[str, _kind("passed", pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
EnvText = Annotated[str, _kind("raw", accepts=["string", "number", "boolean"])]
Real = Annotated[float, _kind("real")]
NotNegative = Annotated[float, _kind("not_negative", minimum=0)]
Positive = Annotated[float, _kind("positive", exclusiveMinimum=0)]
Count = Annotated[int, _kind("count", minimum=0)]
AtLeastOne = Annotated[int, _kind("at_least_one", minimum=1)]
Duration = Annotated[float, _kind("duration", **_NUMBER_OR_TEXT, examples=["5m", "90s", "1h30m", 300])]
Grace = Annotated[float, _kind("grace", **_NUMBER_OR_TEXT, examples=["20s"])]
Size = Annotated[int, _kind("size", **_NUMBER_OR_TEXT, examples=["8GiB", "512MiB"])]
Fraction = Annotated[float, _kind("fraction", **_NUMBER_OR_TEXT, examples=["5%", 0.05])]
Share = Annotated[float, _kind("share", exclusiveMinimum=0, exclusiveMaximum=0.5)]
Rate = Annotated[str, _kind("rate", **_NUMBER_OR_TEXT, examples=["0.001 per 20 lines"])]


def _says(description: str, example: str = "", **schema: Any) -> Meta:
    extra = {"example": example} if example else None
    return Meta(description=description, extra=extra, extra_json_schema=schema or None)


class _Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the keys of one section."""


class BudgetKeys(_Keys, frozen=True, kw_only=True):
    """What one run may use, over its whole process tree."""

    wall: Annotated[Duration, _says("Wall-clock time of one run.")] = Budget().wall
    cpu_seconds: Annotated[Duration | None, _says("Processor time of one run; null is no limit.")] = None
    memory: Annotated[Size, _says("Memory.")] = Budget().memory
    cpus: Annotated[Positive, _says("Processor cores.")] = Budget().cpus
    pids: Annotated[AtLeastOne, _says("Processes and threads.")] = Budget().pids
    disk: Annotated[Size, _says("Bytes written to the scratch.")] = Budget().disk
    gpus: Annotated[Count, _says("Graphics processors.")] = Budget().gpus
    output: Annotated[Size, _says("Bytes printed.")] = Budget().output
    grace: Annotated[Grace, _says("Time between the polite signal and the kill.")] = Budget().grace
    strict: Annotated[bool, _says("Refuse limits that the machine can only watch, not enforce.")] = Budget().strict


class GuardKeys(_Keys, frozen=True, kw_only=True):
    """A hard limit: on a metric (`min`, `max`, `max_regress`), or a command that must pass."""

    metric: Annotated[MetricName, _says("The metric that is limited.")] = ""
    min: Annotated[Real | None, _says("The lowest value allowed.")] = None
    max: Annotated[Real | None, _says("The highest value allowed.")] = None
    max_regress: Annotated[Fraction | None, _says("How much worse than the re-measured best it may be.")] = None
    direction: Annotated[Direction, _says("Which way this metric gets better.")] = Guard().direction
    run: Annotated[Command, _says("A command that must exit with 0.")] = ""
    must: Annotated[Literal["pass"], _says("What the command must do.")] = "pass"
    min_tests: Annotated[Count, _says("How many tests the command must at least report.")] = Guard().min_tests


class TradeoffKeys(_Keys, frozen=True, kw_only=True):
    """An exchange rate: more of `metric` must buy that much of the objective."""

    metric: Annotated[MetricName, _says("What is paid with.")] = ""
    rate: Annotated[Rate, _says("How much of the objective so much of it must buy.")] = ""


class DriveKeys(_Keys, frozen=True, kw_only=True):
    """A judge outside the box that talks to the candidate running in it."""

    judge: Annotated[Command, _says("The judge's command; prints the metrics.")] = ""
    serve: Annotated[Command, _says("The candidate's command, in the box.")] = ""
    over: Annotated[
        Literal["stdio", "port"], _says("How they talk: two pipes, or a TCP port that only the judge reaches.")
    ] = Drive(judge="", serve="").over  # type: ignore[assignment]  # the model's type is wider
    copies: Annotated[
        AtLeastOne, _says("How many copies are served, one after the other, none knowing what another was told.")
    ] = Drive(judge="", serve="").copies


class HoldoutKeys(_Keys, frozen=True, kw_only=True):
    """Data that the search never sees."""

    gate: Annotated[
        Command, _says("Judges each would-be parent and best on data the search never sees; it answers one bit.")
    ] = ""
    certify: Annotated[Command, _says("Judges the baseline and the final best on data nobody has looked at.")] = ""
    parts: Annotated[
        AtLeastOne, _says("In how many parts the gate's data come; they take turns (OVERNIGHT_SPLIT is gate-1 ...).")
    ] = Holdout().parts
    max_gap: Annotated[
        Fraction | None, _says("Stop when the search's gain exceeds the gate's by this share of the baseline.")
    ] = None
    queries: Annotated[AtLeastOne, _says("How many looks the holdout is good for.")] = Holdout().queries


class RepeatsKeys(_Keys, frozen=True, kw_only=True):
    """How often a candidate is read before its verdict."""

    min: Annotated[AtLeastOne, _says("At least so often.")] = Keep().repeats[0]
    max: Annotated[AtLeastOne, _says("At most so often, while it is undecided.")] = Keep().repeats[1]


class KeepKeys(_Keys, frozen=True, kw_only=True):
    """How a gain is decided."""

    policy: Annotated[
        Literal["auto", "default", "ratchet", "linear", "audit", "islands", "portfolio"], _says("The search policy.")
    ] = Keep().policy  # type: ignore[assignment]  # the model's type is wider
    transform: Annotated[
        Literal["auto", "log", "none"], _says("Compare on the logarithm (auto: times and sizes) or as it is.")
    ] = Keep().transform  # type: ignore[assignment]  # the model's type is wider
    repeats: Annotated[RepeatsKeys, _says("Readings of a candidate before its verdict.", "{min: 1, max: 8}")] = (
        RepeatsKeys()
    )
    pairs: Annotated[AtLeastOne, _says("Fresh readings each of baseline and best for a certificate.")] = Keep().pairs
    alpha: Annotated[Share, _says("The chance of a false claim that is accepted.")] = Keep().alpha
    early_stop: Annotated[
        bool, _says("End a run whose printed progress is hopeless beside every run that was kept.")
    ] = Keep().early_stop


class IsolationKeys(_Keys, frozen=True, kw_only=True):
    """What the box must guarantee, and what of the machine it shows."""

    require: Annotated[Tier, _says("The weakest isolation to accept.")] = Isolation().require
    network: Annotated[Literal["none"], _says("The candidate's network.")] = Isolation().network  # type: ignore[assignment]  # the model's type is wider
    read: Annotated[tuple[Anywhere, ...], _says("Paths shown read-only.", "[/opt/cuda]", **_TEXT_OR_LIST)] = ()
    env: Annotated[
        dict[PassedName, EnvText], _says("Variables set for `run` and `serve`.", '{OMP_NUM_THREADS: "2"}')
    ] = msgspec.field(default_factory=dict)
    pass_env: Annotated[
        tuple[PassedName, ...],
        _says("Variables passed on to `run` and `serve`; values are never recorded.", "[LANG]", **_TEXT_OR_LIST),
    ] = ()


class AgentKeys(_Keys, frozen=True, kw_only=True):
    """Who proposes the changes."""

    use: Annotated[Text, _says("An agent's name, or the word `command` and a line for the shell.")] = AgentSpec().use
    wall: Annotated[Duration, _says("Wall-clock time for one proposal.")] = AgentSpec().wall
    network: Annotated[Literal["none", "shared"], _says("The agent's network: none, or the machine's own.")] = "none"
    pass_env: Annotated[tuple[EnvName, ...], _says("Variables passed on to the agent.", "[LANG]", **_TEXT_OR_LIST)] = ()
    read: Annotated[
        tuple[Anywhere, ...], _says("Paths shown to the agent read-only.", "[~/tools]", **_TEXT_OR_LIST)
    ] = ()


class StopKeys(_Keys, frozen=True, kw_only=True):
    """When the night ends; null is never."""

    experiments: Annotated[AtLeastOne | None, _says("After so many experiments.")] = None
    wall: Annotated[Duration | None, _says("After so much time.")] = None
    usd: Annotated[Positive | None, _says("After spending so many dollars.")] = None
    no_gain: Annotated[AtLeastOne | None, _says("After so many experiments in a row without a gain.")] = None
    tampering: Annotated[AtLeastOne | None, _says("After so many attempts to cheat.")] = Stop().tampering


class Document(_Keys, frozen=True, kw_only=True):
    """The front matter of program.md: what a machine enforces."""

    title: Annotated[Text, _says("The study's title; else the first heading of the prose.")] = ""
    metric: Annotated[MetricName, _says("The number that decides.", "val_bpb")] = ""
    direction: Annotated[Direction, _says("Which way the metric gets better.")] = Direction.minimize
    unit: Annotated[Text, _says("The metric's unit, for reports.")] = ""
    min_effect: Annotated[NotNegative, _says("A smaller gain is a tie; ties go to the simpler candidate.")] = 0.0
    bounds: Annotated[
        tuple[Real, ...] | None,
        _says("[low, high]: a value outside is rejected as implausible.", "[0.5, 8.0]", minItems=2, maxItems=2),
    ] = None
    edit: Annotated[
        tuple[Glob, ...],
        _says("Git-style globs of what may change; the rest is locked.", "[train.py]", minItems=1, **_TEXT_OR_LIST),
    ] = ()
    data: Annotated[
        tuple[Anywhere, ...],
        _says("Files outside git that the candidate may read.", "[data/**]", **_TEXT_OR_LIST),
    ] = ()
    hide: Annotated[
        tuple[Anywhere, ...], _says("Files that only the judge may read.", "[answers/**]", **_TEXT_OR_LIST)
    ] = ()
    run: Annotated[Command, _says("The candidate's command, inside the box.", "python train.py")] = ""
    score: Annotated[Command, _says("The judge's command: runs when the candidate is dead.", "python judge.py")] = ""
    drive: Annotated[
        DriveKeys | None,
        _says("A judge that talks to the running candidate.", "{judge: python judge.py, serve: python train.py}"),
    ] = None
    artifacts: Annotated[
        tuple[Inside, ...], _says("What the candidate hands over to `score`.", "[out/pred.npy]", **_TEXT_OR_LIST)
    ] = ()
    labels: Annotated[
        tuple[Anywhere, ...],
        _says("Files that hold the right answers: `overnight redteam` shuffles them.", "[data/y.csv]", **_TEXT_OR_LIST),
    ] = ()
    metrics: Annotated[tuple[MetricName, ...], _says("More metrics to record.", "[loss]", **_TEXT_OR_LIST)] = ()
    variables: Annotated[
        dict[EnvName, EnvText], _says("Named settings of the study, as environment.", "{DEPTH: 8}")
    ] = msgspec.field(default_factory=dict)
    env_dirs: Annotated[
        tuple[Inside, ...], _says("Folders of installed packages, shown read-only.", "[.venv]", **_TEXT_OR_LIST)
    ] = ()
    budget: Annotated[BudgetKeys, _says("What one run may use.", "{wall: 5m, memory: 8GiB}")] = BudgetKeys()
    guards: Annotated[
        tuple[GuardKeys, ...], _says("Hard limits, all must hold.", "[{metric: peak_memory_mb, max: 4000}]")
    ] = ()
    tradeoffs: Annotated[
        tuple[TradeoffKeys, ...], _says("Exchange rates.", '[{metric: loc, rate: "0.001 per 20 lines"}]')
    ] = ()
    holdout: Annotated[
        HoldoutKeys | None, _says("Data that the search never sees.", "{certify: python judge.py --split certify}")
    ] = None
    keep: Annotated[KeepKeys, _says("How a gain is decided.", "{policy: auto}")] = KeepKeys()
    isolation: Annotated[IsolationKeys, _says("What the box guarantees and shows.", "{require: confined}")] = (
        IsolationKeys()
    )
    agent: Annotated[AgentKeys | Text, _says("Who proposes the changes.", "tuner")] = AgentKeys()
    stop: Annotated[StopKeys, _says("When the night ends.", "{experiments: 200, wall: 8h}")] = StopKeys()


def schema() -> dict[str, Any]:
    """The JSON Schema of the front matter, for editors: draft 2020-12, a title and description on every key."""
    _, components = msgspec.json.schema_components([Document], ref_template="#/$defs/{name}")
    for component in components.values():
        _accept_spellings(component)
        for name, key in component.get("properties", {}).items():
            key["title"] = name
    document = components.pop("Document")
    document["required"] = ["metric", "edit"]
    document["anyOf"] = [{"required": ["run"]}, {"required": ["drive"]}]
    components["GuardKeys"]["oneOf"] = [{"required": ["metric"]}, {"required": ["run"]}]
    components["TradeoffKeys"]["required"] = ["metric", "rate"]
    components["DriveKeys"]["required"] = ["judge", "serve"]
    components["HoldoutKeys"]["required"] = ["certify"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **document,
        "title": "program.md front matter",
        "$defs": components,
    }


def _accept_spellings(part: Any) -> None:
    """Replace the type of a value by the types of its spellings ("accepts"), everywhere below."""
    if isinstance(part, dict):
        if "accepts" in part:
            part["type"] = part.pop("accepts")
        for below in part.values():
            _accept_spellings(below)
    elif isinstance(part, list):
        for below in part:
            _accept_spellings(below)
