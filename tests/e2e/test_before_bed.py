"""A judge whose numbers will not carry a night is called so before bed: by init, check, run and doctor alike."""

import json

import pytest
from person import DESPITE, begun, step

pytestmark = pytest.mark.e2e

# A fresh seed each time makes it a dice; fewer than a hundred readings do not show a hundredth.
DICE = "import os, random\nprint('loss:', 5 + random.Random(os.environ['OVERNIGHT_SEED']).random())\n"


def test_noise_larger_than_every_effect_is_said_by_all_four_with_what_would_help(project):
    begun(project, model=DICE, min_effect=0.001, stop={"experiments": 1})
    first = json.loads(project.overnight("init", "--json").stdout)
    (concern,) = [one for one in first["concerns"] if one["code"] == "noisy"]
    assert "the noise is larger than the effects that count" in concern["text"]
    assert first["smallest_gain"] > 0.001
    for help_ in ("min_effect: ", "more readings", "a longer run", "paired data"):
        assert help_ in concern["next"]
    checked = json.loads(project.overnight("check", "--json").stdout)
    (problem,) = [one for one in checked["problems"] if one["code"] == "noisy"]
    assert (problem["severity"], problem["fix"]) == ("warning", concern["next"])
    assert problem["line"] == 7
    doctor = json.loads(project.overnight("doctor", "--json").stdout)
    (finding,) = [one for one in doctor["findings"] if one["name"] == "noise"]
    assert (finding["health"], finding["text"]) == ("warning", concern["text"])
    ran = project.overnight("run", "--experiments", 0, *DESPITE).stdout
    assert "The noise is larger than the effects that count" in ran
    status = project.status()
    assert any("noise is larger" in sentence for sentence in status["concerns"])
    assert "The noise is larger" in project.overnight("status").stdout.replace("\n", " ")


def test_noise_is_known_better_after_a_night_than_before(project):
    begun(project, model=DICE, min_effect=3, keep={"repeats": {"min": 3}, "policy": "ratchet"})
    project.overnight("run", "--experiments", 0, *DESPITE)
    before = project.status()
    worse = [step(f"try {at}", files={"model.py": DICE + f"# {at}\n"}) for at in range(3)]
    project.overnight("run", "--experiments", 3, "--agent", project.script(*worse), *DESPITE)
    after = project.status()
    assert before["noise"] != after["noise"]
    assert set(after["metric_noise"]) >= {"loss", "wall_seconds", "peak_memory_mb"}
    assert after["smallest_certified_gain"] == after["min_effect"] == 3
    assert after["forecast"]["agent_seconds"] is not None
    assert after["forecast"]["experiments"] > 0


def test_a_metric_that_never_moves_is_said(project):
    begun(project, model="print('loss: 5')\n", keep={"policy": "ratchet"})
    same = [step(f"try {at}", files={"model.py": f"print('loss: 5')\n# {at}\n"}) for at in range(10)]
    project.overnight("run", "--experiments", 10, "--agent", project.script(*same), *DESPITE)
    concerns = project.status()["concerns"]
    assert any("All of 11 different candidates have the same loss, 5" in sentence for sentence in concerns)


def test_a_certificate_that_takes_more_looks_than_are_allowed_is_said(project):
    begun(
        project,
        model=DICE,
        min_effect=9,
        holdout={"certify": "python3 model.py", "queries": 4},
        keep={"policy": "ratchet"},
    )
    said = project.overnight("run", "--experiments", 0, *DESPITE).stdout
    assert "Certification takes 10 looks at the holdout, and holdout.queries allows 4" in said
