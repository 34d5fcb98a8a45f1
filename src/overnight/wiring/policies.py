"""Search policies by name: where to look, and the rule of promotion that goes with it."""

import importlib
from collections.abc import Callable
from typing import Any

from overnight.engine.conduct import Conductor
from overnight.errors import UsageError
from overnight.policies.islands import Islands
from overnight.policies.portfolio import Portfolio
from overnight.policies.ratchet import Ratchet
from overnight.policies.tree import Tree
from overnight.program.findings import nearest
from overnight.rules.deciding.evidence import Evidence
from overnight.rules.deciding.greedy import Greedy
from overnight.rules.deciding.paired import Paired
from overnight.rules.deciding.posterior import Posterior

GROUP = "overnight.policies"
"""The entry-point group in which packages offer policies."""


def conductor_of(name: str) -> Conductor:
    """The conductor of policy `name`: one of ours, an installed entry point's, or `package.module:Name`.

    Policies of others are looked for only where ours have no such name. They say where to look; what is the best is
    decided as by `default`.

    Raises:
        UsageError: there is no such policy, or it cannot be loaded.
    """
    if name in _ALL:
        return _ALL[name]()
    found = _from_module(name) if ":" in name else _from_entry_point(name)
    if found is None:
        near = nearest(name, POLICIES)
        hint = f" Did you mean {near}?" if near else ""
        raise UsageError(
            f"there is no policy {name!r}.{hint} Choose one of {', '.join(POLICIES)}; or install a package that offers "
            f"it ({GROUP}), or name a class as package.module:Name"
        )
    try:
        policy = found()
    except Exception as error:  # whatever a stranger's constructor does wrong is said, not shown as ours
        raise UsageError(f"the policy {name} could not be made: {type(error).__name__}: {error}") from error
    if not callable(getattr(policy, "ask", None)):
        raise UsageError(f"the policy {name} has no method `ask(state, rng)`: see overnight.testing.policies")
    return Conductor(name, policy, Posterior())


def _from_module(name: str) -> Callable[[], Any] | None:
    module, _, attribute = name.partition(":")
    try:
        found: Callable[[], Any] | None = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise UsageError(f"the policy {name} could not be loaded: {error}") from error
    return found


def _from_entry_point(name: str) -> Callable[[], Any] | None:
    from importlib.metadata import entry_points  # noqa: PLC0415 - costs 20 ms, and hardly anybody needs it

    for point in entry_points(group=GROUP, name=name):
        try:
            found: Callable[[], Any] = point.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(f"the policy {name} of {point.value} could not be loaded: {error}") from error
        return found
    return None


_ALL: dict[str, Callable[[], Conductor]] = {
    "auto": lambda: Conductor("auto", Tree(), Posterior()),
    "default": lambda: Conductor("default", Tree(), Posterior()),
    "ratchet": lambda: Conductor("ratchet", Ratchet(), Greedy()),
    "linear": lambda: Conductor("linear", Ratchet(), Paired()),
    "audit": lambda: Conductor("audit", Ratchet(), Evidence()),
    "islands": lambda: Conductor("islands", Islands(), Posterior()),
    "portfolio": lambda: Conductor("portfolio", Portfolio(), Posterior()),
}
POLICIES = tuple(_ALL)
