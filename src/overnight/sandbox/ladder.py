"""The ladder of boxes, strongest first: which there are, which of them this machine really gives, and why not more.

A rung is offered only when it has withstood the attacks of `proof` on this very machine. Does not know how any of
them isolates: a new kind of box is one more line in `RUNGS`.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from overnight.errors import IsolationError, OvernightError, UsageError
from overnight.model.box import Coverage
from overnight.model.contract import Tier
from overnight.ports import Sandbox
from overnight.sandbox.proof import prove
from overnight.sandbox.proofs import Proofs
from overnight.sandbox.refused import NotHereError

LINUX = sys.platform == "linux"


class Provable(Sandbox, Protocol):
    """A sandbox of the ladder."""

    def identity(self) -> tuple[str, ...]:
        """What its proof depends on besides kernel, boot and user: its program's path and digest, its control groups.

        Cheap (milliseconds); as long as none of it changes, an old proof counts.
        """
        ...


class Rung(NamedTuple):
    """One kind of box. `name` is what a person types after --isolation.

    `open` makes the sandbox without running anything in it, or raises NotHereError with the reason and the fix. A
    rung `by_name_only` is never chosen by itself, only when the person names it.
    """

    name: str
    tier: Tier
    open: Callable[[], Provable]
    by_name_only: bool = False


class RungReport(NamedTuple):
    """Whether a rung works here. `reason` and `fix` are sentences, empty when it does; `coverage` is what it says."""

    name: str
    tier: Tier
    available: bool
    reason: str = ""
    fix: str = ""
    by_name_only: bool = False
    coverage: Coverage | None = None


def _capped() -> Provable:
    from overnight.sandbox.capped import Capped  # noqa: PLC0415 - each kind of box is loaded when it is wanted

    _require_linux("bubblewrap")
    return Capped()


def _contained() -> Provable:
    from overnight.sandbox.bubblewrap import Bubblewrap  # noqa: PLC0415 - each kind of box is loaded when it is wanted

    _require_linux("bubblewrap")
    return Bubblewrap()


def _container() -> Provable:
    from overnight.sandbox.container import Container  # noqa: PLC0415 - each kind of box is loaded when it is wanted

    _require_linux("a container whose processes can be watched")
    return Container()


def _confined() -> Provable:
    from overnight.sandbox.confined import Confined  # noqa: PLC0415 - each kind of box is loaded when it is wanted

    _require_linux("Landlock")
    return Confined()


def _fs_net() -> Provable:
    from overnight.sandbox.seatbelt import Seatbelt  # noqa: PLC0415 - each kind of box is loaded when it is wanted

    return Seatbelt()


def _none() -> Provable:
    from overnight.sandbox.none import Unboxed  # noqa: PLC0415 - each kind of box is loaded when it is wanted

    return Unboxed()


RUNGS: tuple[Rung, ...] = (
    Rung("capped", Tier.capped, _capped),
    Rung("contained", Tier.contained, _contained),
    Rung("container", Tier.container, _container, by_name_only=True),
    Rung("confined", Tier.confined, _confined),
    Rung("fs+net", Tier.fs_net, _fs_net),
    Rung("none", Tier.none, _none),
)


def names() -> tuple[str, ...]:
    """What may stand after --isolation, strongest first."""
    return tuple(rung.name for rung in RUNGS)


def survey(cache: Path | None = None) -> tuple[RungReport, ...]:
    """The whole ladder, strongest first, each rung tried on this machine.

    Proofs are kept in the folder `cache` and believed as long as the machine is the same; without it each is done anew.
    """
    return tuple(_try(rung, cache)[0] for rung in RUNGS)


def best(cache: Path | None = None) -> tuple[Sandbox, tuple[str, ...]]:
    """The strongest sandbox that works here, and one sentence for every stronger one that does not."""
    reasons: list[str] = []
    for rung in RUNGS:
        if rung.by_name_only:
            continue
        report, sandbox = _try(rung, cache)
        if sandbox is not None:
            return sandbox, tuple(reasons)
        reasons.append(
            f"{rung.name}: {report.reason}; {report.fix}." if report.fix else f"{rung.name}: {report.reason}."
        )
    raise IsolationError("no kind of box works on this machine: " + " ".join(reasons))


def available(name: str, cache: Path | None = None) -> Sandbox:
    """The sandbox called `name`, proven on this machine; "bubblewrap" is the stronger of its two that works.

    Raises:
        UsageError: there is no sandbox of this name.
        IsolationError: it does not work on this machine; the message says why and the fix.
    """
    if name == "bubblewrap":
        try:
            return available("capped", cache)
        except IsolationError:
            return available("contained", cache)
    rung = rung_called(name)
    report, sandbox = _try(rung, cache)
    if sandbox is None:
        raise NotHereError(f"the box {name} does not work on this machine: {report.reason}", report.fix)
    return sandbox


def rung_called(name: str) -> Rung:
    """The rung of this name.

    Raises:
        UsageError: there is none.
    """
    for rung in RUNGS:
        if rung.name == name:
            return rung
    raise UsageError(f"there is no box called {name!r}; choose one of {', '.join(names())}")


def _try(rung: Rung, cache: Path | None) -> tuple[RungReport, Sandbox | None]:
    """Open and prove one rung."""
    proofs = Proofs(cache)
    try:
        sandbox = rung.open()
        identity = (rung.name, *sandbox.identity())
        if rung.tier is not Tier.none and not proofs.holds(rung.name, identity):
            prove(sandbox)
            proofs.keep(rung.name, identity)
    except NotHereError as error:
        return RungReport(rung.name, rung.tier, False, error.reason, error.fix, rung.by_name_only), None
    except OvernightError as error:
        return RungReport(rung.name, rung.tier, False, str(error), "", rung.by_name_only), None
    return RungReport(rung.name, rung.tier, True, by_name_only=rung.by_name_only, coverage=sandbox.covers()), sandbox


def _require_linux(program: str) -> None:
    if not LINUX:
        raise NotHereError(f"{program} needs Linux, this is {sys.platform}", "run overnight on Linux, or in a Linux VM")
