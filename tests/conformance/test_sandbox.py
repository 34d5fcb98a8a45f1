"""The public conformance suites against every rung of the ladder that this machine offers."""

from overnight.model.contract import Tier
from overnight.sandbox.ladder import RUNGS, Rung, survey
from overnight.testing.isolation import IsolationContract
from overnight.testing.sandbox import SandboxContract

OFFERED = {report.name for report in survey() if report.available}


def suite(rung: Rung) -> type[SandboxContract]:
    base = SandboxContract if rung.tier is Tier.none else IsolationContract
    made = {"factory": f"{rung.open.__module__}:{rung.open.__name__}", "__module__": __name__}
    return type(f"Test{rung.name.title()}", (base,), made)


for offered in RUNGS:
    if offered.name in OFFERED:
        globals()[f"Test{offered.name.title()}"] = suite(offered)


def test_there_is_always_a_rung_to_stand_on():
    assert "none" in OFFERED
