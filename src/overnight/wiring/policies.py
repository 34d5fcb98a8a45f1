"""Search policies by name: where to look, and the rule of promotion that goes with it."""

from collections.abc import Callable

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


def conductor_of(name: str) -> Conductor:
    """The conductor of policy `name`.

    Raises:
        UsageError: there is no such policy.
    """
    if name in _ALL:
        return _ALL[name]()
    near = nearest(name, POLICIES)
    hint = f" Did you mean {near}?" if near else ""
    raise UsageError(f"there is no policy {name!r}.{hint} Choose one of {', '.join(POLICIES)}")


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
