"""The gate split: what looks better on data that are read again and again must look better on data that are not."""

import json

import pytest
from person import Project, step

pytestmark = pytest.mark.e2e

JUDGE = """import os
fit, true = map(int, open("out.txt").read().split())
split = os.environ["OVERNIGHT_SPLIT"]
print("loss:", 100 - true - (fit if split == "search" else 0) - (5 if split == "gate-2" else 0))
"""
PROGRAM = """---
metric: loss
edit: [model.py]
run: python3 model.py > out.txt
score: python3 judge.py
artifacts: [out.txt]
holdout: {{{holdout}}}
---
# Lower the loss
"""


def model(fit, true):
    return f"FIT = {fit}\nTRUE = {true}\nprint(FIT, TRUE)\n"


def begun(folder, holdout="gate: python3 judge.py"):
    project = Project(folder / "night", folder / "cache")
    project.root.mkdir(parents=True)
    project.git("init", "-q")
    project.write({"model.py": model(0, 0), "judge.py": JUDGE, "program.md": PROGRAM.format(holdout=holdout)})
    project.commit()
    return project


def tried(project, *models, code=0):
    steps = [step(f"fit {fit}, true {true}", files={"model.py": model(fit, true)}) for fit, true in models]
    done = project.overnight(
        "run", "--experiments", len(models), "--seed", 1, "--agent", project.script(*steps), code=code
    )
    return done, [row["outcome"] for row in project.log()[1:]]


def test_only_what_is_better_on_the_gate_too_is_kept(tmp_path):
    project = begun(tmp_path)
    _, outcomes = tried(project, (0, 3), (9, 3), (0, 5), (20, 4))
    assert outcomes == ["keep", "discard", "keep", "discard"]
    assert "not on data that the search never sees" in project.log()[2]["reason"]
    # The unchanged code and each of the four, once each.
    assert project.status()["holdout_reads"] == 5
    shown = [json.loads(project.overnight("show", number, "--json").stdout)["holdout"] for number in range(5)]
    assert [[(run["split"], run["values"]["loss"]) for run in runs] for runs in shown] == [
        [("gate", 100)], [("gate", 97)], [("gate", 97)], [("gate", 95)], [("gate", 96)],
    ]  # fmt: skip


def test_what_is_no_better_on_the_search_costs_no_look(tmp_path):
    project = begun(tmp_path)
    tried(project, (-1, 0), (0, -2))
    assert project.status()["holdout_reads"] == 0


def test_when_the_looks_are_used_up_the_night_ends_and_says_so(tmp_path):
    project = begun(tmp_path, "gate: python3 judge.py, queries: 3")
    done, outcomes = tried(project, (0, 1), (0, 2), (0, 3), (0, 4))
    assert outcomes == ["keep", "keep"]
    assert project.status()["holdout_reads"] == 3
    assert "3 looks are used up" in done.stdout + project.overnight("report").stdout
    assert project.status()["best"] == 98


def test_the_gates_parts_take_turns_and_the_best_is_read_anew_on_each(tmp_path):
    project = begun(tmp_path, "gate: python3 judge.py, queries: 8, parts: 2")
    _, outcomes = tried(project, (0, 1), (0, 2), (0, 3), (0, 4), (0, 5))
    assert outcomes == ["keep"] * 5
    shown = [json.loads(project.overnight("show", number, "--json").stdout)["holdout"] for number in range(6)]
    splits = [run["split"] for runs in shown for run in runs]
    assert splits.count("gate-1") == 4
    assert splits.count("gate-2") == 4
    assert [run["split"] for run in shown[3]] == ["gate-1", "gate-2"]


def test_a_widening_gap_ends_the_study(tmp_path):
    project = begun(tmp_path, "gate: python3 judge.py, max_gap: 10%")
    done, outcomes = tried(project, (2, 1), (4, 2), (30, 3), (40, 4))
    assert outcomes == ["keep", "keep", "keep"]
    assert "more than max_gap (10 %)" in done.stdout + done.stderr


def test_no_agent_learns_what_the_gate_said(tmp_path):
    project = begun(tmp_path)
    project.write({"judge.py": JUDGE.replace("100 -", "100 + (split == 'gate') / 4 -")})
    project.commit()
    tried(project, (0, 3), (77, 1))
    (run,) = json.loads(project.overnight("show", 1, "--json").stdout)["holdout"]
    assert run["values"]["loss"] == 97.25
    spy = 'command cp "$OVERNIGHT_BRIEF" model.py'
    project.overnight("run", "--more", 1, "--agent", spy)
    brief = project.overnight("diff", 3).stdout
    assert "#2 on #1: discard" in brief
    assert "not kept" in brief
    for secret in ("gate", "holdout", "never sees", "97.25", "99.25"):
        assert secret not in brief


def test_a_gate_without_certify_and_bad_numbers_are_refused_or_accepted_as_written(tmp_path):
    project = begun(tmp_path, "queries: 3")
    refused = project.overnight("check", code=2)
    assert "needs `certify` or `gate`" in refused.stdout + refused.stderr
    assert "program.md:7" in refused.stdout + refused.stderr
