"""`overnight certify`: the gain measured afresh in pairs, and what each kept change is worth."""

import json
import os
import signal
import subprocess
import time

import pytest
from person import OVERNIGHT, Project, step

pytestmark = pytest.mark.e2e

MODEL = "A = 0\nB = 0\nC = 0\nprint(A, B, C)\n"
JUDGE = """import os, random
text = open("out.txt").read()
a, b, c = map(int, text.split())
split = os.environ["OVERNIGHT_SPLIT"]
noise = random.Random(os.environ["OVERNIGHT_SEED"] + {own}).gauss(0, {sigma})
scale = float(os.environ.get("SCALE", "1"))
print("loss:", 100 - scale * (8 * a + 5 * b) + noise + (3 if split == "certify" else 0))
"""
PROGRAM = """---
metric: loss
edit: [model.py]
run: python3 model.py > out.txt
score: python3 judge.py
artifacts: [out.txt]
variables: {{SCALE: 1}}
{more}
---
# Lower the loss
"""
STEPS = (
    step("a", replace=[["model.py", "A = 0", "A = 1"]]),
    step("c is worth nothing", replace=[["model.py", "C = 0", "C = 1"]]),
    step("b", replace=[["model.py", "B = 0", "B = 1"]]),
)


def begun(folder, *, sigma=0, more="", steps=STEPS, own="text"):
    """A finished night; `own` is what the noise of a reading depends on beside the seed."""
    project = Project(folder / "night", folder / "cache")
    project.root.mkdir(parents=True)
    project.git("init", "-q")
    judge, program = JUDGE.format(sigma=sigma, own=own), PROGRAM.format(more=more)
    project.write({"model.py": MODEL, "judge.py": judge, "program.md": program})
    project.commit()
    words = ["--experiments", len(steps), "--seed", 5, "--policy", "ratchet"]
    project.overnight("run", *words, "--agent", project.script(*steps))
    return project


def certified(project, *arguments, code=0):
    return json.loads(project.overnight("certify", "--json", *arguments, code=code).stdout)


def losses(found):
    return {effect["number"]: round(effect["loss"], 6) for effect in found["effects"]}


def test_without_noise_one_pair_is_the_proof_and_every_change_is_weighed_exactly(tmp_path):
    project = begun(tmp_path)
    assert [row["outcome"] for row in project.log()] == ["baseline", "keep", "discard", "keep"]
    assert project.status()["certified"] == "no"
    found = certified(project)
    assert (found["level"], found["baseline"], found["best"], found["runs"]) == ("yes", 100, 87, 1)
    assert losses(found) == {1: 8, 3: 5}
    assert found["kept"] == [1, 3]
    assert project.status()["certified"] == "yes"


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A night whose ratchet kept luck: the worthless change too, because it was read once."""
    return begun(tmp_path_factory.mktemp("noisy"), sigma=0.8, steps=STEPS[:1] + STEPS[2:] + STEPS[1:2])


def test_what_is_worth_nothing_is_left_out_and_what_is_left_is_certified_again(noisy):
    kept = [row["number"] for row in noisy.log() if row["outcome"] == "keep"]
    assert {1, 2} <= set(kept)
    found = certified(noisy)
    assert found["level"] == "yes"
    assert found["low"] < 13 < found["high"]
    assert found["runs"] == 5
    assert set(found["kept"]) == {1, 2}
    assert all(effect["low"] < {1: 8, 2: 5, 3: 0}[effect["number"]] < effect["high"] for effect in found["effects"])
    noisy.overnight("finish")
    assert noisy.git("show", "overnight/night:model.py") == "A = 1\nB = 1\nC = 0\nprint(A, B, C)"


def test_a_certificate_is_not_made_twice(noisy):
    first = certified(noisy)
    before = noisy.status()["evaluations"]
    assert certified(noisy) == first
    assert noisy.status()["evaluations"] == before


def test_whether_a_gain_carries_over_to_another_setting_is_no_win_of_the_study(noisy):
    win = certified(noisy)
    found = certified(noisy, "--with", "SCALE=3")
    assert found["setting"] == [["SCALE", "3"]]
    assert found["low"] < 39 < found["high"]
    assert certified(noisy)["gain"] == win["gain"]
    assert noisy.status()["certified_gain"] == win["gain"]
    refused = noisy.overnight("certify", "--with", "DEPTH=3", code=2)
    assert "declares no variable DEPTH (declared: SCALE)" in refused.stderr
    assert "is not KEY=VALUE" in noisy.overnight("certify", "--with", "SCALE", code=2).stderr


def test_noise_that_the_seed_decides_is_the_same_for_both_of_a_pair_and_cancels(tmp_path):
    found = certified(begun(tmp_path, sigma=2, steps=STEPS[:1], own="''"))
    assert found["low"] == pytest.approx(8)
    assert found["high"] == pytest.approx(8)


def test_a_gain_within_the_noise_is_not_certified_and_says_so(tmp_path):
    luck = [step(f"c {n}", files={"model.py": MODEL.replace("C = 0", f"C = {n}")}) for n in range(1, 13)]
    project = begun(tmp_path, sigma=40, steps=luck)
    assert project.status()["best_number"] > 0
    assert "not certified" in project.overnight("certify", code=1).stdout
    assert project.status()["certified"] == "no"


def test_nothing_kept_is_nothing_to_certify(tmp_path):
    project = begun(tmp_path, steps=STEPS[1:2])
    assert "nothing better than the unchanged code was found" in project.overnight("certify", code=2).stderr


def test_killed_at_any_moment_it_goes_on_and_says_the_same(tmp_path, noisy):
    calm = certified(noisy)
    project = begun(tmp_path, sigma=0.8, steps=STEPS[:1] + STEPS[2:] + STEPS[1:2])
    delay = 0.3
    while True:
        running = subprocess.Popen(
            [*OVERNIGHT, "certify"], cwd=project.root, env=project.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + delay
        while running.poll() is None and time.monotonic() < deadline:
            os.sched_yield()
        if running.poll() is not None:
            break
        running.send_signal(signal.SIGKILL)
        running.wait()
        delay *= 1.4
    storm = certified(project)
    assert {key: storm[key] for key in ("gain", "low", "high", "kept", "dropped", "effects")} == {
        key: calm[key] for key in ("gain", "low", "high", "kept", "dropped", "effects")
    }
    assert project.git("fsck", "--strict", "--no-dangling") == ""


def test_looks_at_the_holdout_are_counted_and_end(tmp_path):
    holdout = "holdout: {certify: python3 judge.py, queries: 3}"
    project = begun(tmp_path, more=holdout, steps=STEPS[:1])
    assert project.status()["holdout_reads"] == 2
    refused = project.overnight("certify", "--again", code=1)
    assert "allowed looks are used up" in refused.stderr
    assert project.status()["holdout_reads"] == 3
