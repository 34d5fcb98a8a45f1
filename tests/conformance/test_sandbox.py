"""The public conformance suites against every rung of the ladder that this machine offers."""

import os
import subprocess
import sys
from pathlib import Path

import rungs
from overnight.model.contract import Tier
from overnight.sandbox.ladder import RUNGS, Rung
from overnight.testing.isolation import IsolationContract
from overnight.testing.sandbox import SandboxContract

OFFERED = rungs.settled().names


def suite(rung: Rung) -> type[SandboxContract]:
    base = SandboxContract if rung.tier is Tier.none else IsolationContract
    made = {"factory": f"{rung.open.__module__}:{rung.open.__name__}", "__module__": __name__}
    return type(f"Test{rung.name.title()}", (base,), made)


for offered in RUNGS:
    if offered.name in OFFERED:
        globals()[f"Test{offered.name.title()}"] = suite(offered)


def test_there_is_always_a_rung_to_stand_on():
    assert "none" in OFFERED


def test_every_worker_collects_what_the_first_process_found(tmp_path):
    """Also when a worker could not prove a box any more: here bwrap is taken away once the workers are told."""
    collected = tmp_path / "test_collected.py"
    collected.write_text("import rungs\ndef test_it():\n    assert 'sunken' in rungs.settled().names\n")
    (tmp_path / "conftest.py").write_text(
        "from conftest_of_the_tests import *\n"
        "def pytest_sessionstart(session):\n"
        "    if not hasattr(session.config, 'workerinput'):\n"
        "        import rungs\n"
        "        rungs.settle(('sunken', 'none'), '/nowhere')\n"
    )
    here = Path(__file__).parents[1]
    (tmp_path / "conftest_of_the_tests.py").write_text((here / "conftest.py").read_text())
    line = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": f"{here}:{tmp_path}"}
    done = subprocess.run([*line, str(collected)], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
