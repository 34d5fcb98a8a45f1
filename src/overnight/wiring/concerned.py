"""What the ledger's readings of the unchanged code say about a contract, as findings with their lines."""

from overnight.model.contract import Contract
from overnight.model.event import Measured, Opened
from overnight.model.experiment import Measurement
from overnight.model.problem import Problem
from overnight.program import places
from overnight.rules.calibration import observed
from overnight.rules.concerns import concerns
from overnight.wiring.site import Site

_KEYS = {"noisy": "min_effect", "guard": "guards", "holdout": "holdout", "silent": "keep.early_stop"}


def warnings_of(site: Site, contract: Contract, text: str) -> tuple[Problem, ...]:
    """A warning for everything that is wrong with the numbers of the last segment's unchanged code; `text` = the file.

    Readings for another metric, by other commands or of other data say nothing about this contract.
    """
    where = places(text)
    found = []
    for one in concerns(observed(contract, _readings(site, contract))):
        key = _KEYS.get(one.code, "metric")
        line, column = where.get(key) or where.get("metric", (0, 0))
        message = f"{one.text[0].upper()}{one.text[1:]}."
        found.append(
            Problem(
                severity="warning",
                code=one.code,
                file=str(site.program),
                line=line,
                column=column,
                message=message,
                fix=one.next,
            )
        )
    return tuple(found)


def _readings(site: Site, contract: Contract) -> list[Measurement]:
    """Found without folding all that came after the baseline."""
    agreed: Contract | None = None
    readings: list[Measurement] = []
    for _, events in site.ledger.read():
        for event in events:
            if isinstance(event, Opened):
                agreed, readings = event.contract, []
            elif isinstance(event, Measured) and event.number == 0:
                own = not (event.measurement.split or event.crafted or event.trial)
                readings += [event.measurement] if own else []
    return readings if agreed is not None and _measures_the_same(agreed, contract) else []


def _measures_the_same(one: Contract, other: Contract) -> bool:
    return all(
        getattr(one, name) == getattr(other, name) for name in ("run", "score", "drive", "data", "hide", "budget")
    ) and (one.objective.metric, one.objective.direction) == (other.objective.metric, other.objective.direction)
