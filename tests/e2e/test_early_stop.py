"""A run that prints its progress and is hopeless ends early, where the contract allows it."""

import json

import pytest
from person import begun, printing, step

pytestmark = pytest.mark.e2e

TRAINING = """import time

RATE = 0.5
LENGTH = 24
PAUSE = 0.1

loss = 4.0
for at in range(LENGTH):
    time.sleep(PAUSE)
    loss += (1.0 - loss) * RATE * 0.4
    print("PROGRESS", at, round(loss, 6), flush=True)
print("loss:", round(loss, 6))
"""
STUCK = TRAINING.replace("RATE = 0.5", "RATE = -0.2").replace("PAUSE = 0.1", "PAUSE = 0.5")
BETTER = TRAINING.replace("RATE = 0.5", "RATE = 0.9")
EARLY = {"early_stop": True, "policy": "ratchet"}


def test_a_hopeless_run_is_ended_and_discarded_with_the_step_and_the_value(project):
    begun(project, model=TRAINING, keep=EARLY)
    agent = project.script(
        step("stuck", files={"model.py": STUCK}),
        step("better", files={"model.py": BETTER}),
    )
    project.overnight("run", "--experiments", 2, "--agent", agent)
    stuck, better = project.log()[1:]
    assert stuck["outcome"] == "discard"
    assert stuck["failure"]["code"] == "hopeless"
    assert stuck["reason"].startswith("ended early, as hopeless: at step ")
    assert stuck["value"] is None
    assert stuck["seconds"] < 24 * 0.5
    assert better["outcome"] == "keep"
    (reading,) = json.loads(project.overnight("show", "1", "--json").stdout)["readings"]
    assert [0, 4.24] in reading["progress"]


def test_without_the_key_every_run_goes_to_its_end(project):
    begun(project, model=TRAINING.replace("PAUSE = 0.1", "PAUSE = 0"), keep={"policy": "ratchet"})
    slow = STUCK.replace("PAUSE = 0.5", "PAUSE = 0.05")
    project.overnight("run", "--experiments", 1, "--agent", project.script(step("stuck", files={"model.py": slow})))
    (stuck,) = project.log()[1:]
    assert (stuck["outcome"], stuck["failure"]) == ("discard", None)
    assert stuck["value"] > 4


def test_a_judge_without_progress_is_told_so_before_bed(project):
    begun(project, model=printing(loss=3), keep=EARLY)
    said = project.overnight("run", "--experiments", 0, "--despite", "empty-candidate").stdout
    assert "printed fewer than three points of progress" in said
