"""What the person asks of one start, beyond the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from overnight.model.contract import Contract, Stop
from overnight.model.state import State

AGENTS = ("tuner", "scripted FILE", "command LINE")


@dataclass(frozen=True, slots=True)
class Options:
    """`experiments` is the segment's total across restarts, `more` adds to what is done; `wall` in seconds a start.

    `despite` are refusals that the person overrules by name.
    `isolation` None = what the contract requires, "none" = the person accepts no box, "best" = the best that this
    machine offers. `environment` is the person's environment, read by the faces alone.
    """

    experiments: int | None = None
    more: int | None = None
    wall: float | None = None
    agent: str | None = None
    policy: str | None = None
    seed: int | None = None
    isolation: str | None = None
    with_changes: bool = False
    rebase: bool = False
    despite: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def stop_of(contract: Contract, options: Options, state: State) -> Stop:
    """The limits of this start: the command line's where given, else the contract's."""
    experiments = contract.stop.experiments
    if options.experiments is not None:
        experiments = options.experiments
    if options.more is not None:
        experiments = state.counts.experiments + options.more
    return Stop(
        experiments=experiments,
        wall=options.wall if options.wall is not None else contract.stop.wall,
        usd=contract.stop.usd,
        no_gain=contract.stop.no_gain,
        tampering=contract.stop.tampering,
    )


def policy_name(contract: Contract, options: Options) -> str:
    """The policy that the command line names, else the contract's."""
    return options.policy or contract.keep.policy
