"""A night on a judge that scatters, from the first reading to the report that a person reads at breakfast."""

import json
import re

import pytest
from person import Project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

PROGRAM = """---
metric: loss
unit: points
bounds: [0, 1000]
min_effect: 0.1
edit: [model.py]
run: python3 model.py
score: python3 judge.py
artifacts: [out/*]
variables: {SCALE: 1}
holdout: {gate: python3 judge.py gate, certify: python3 judge.py certify, queries: 120}
budget: {wall: 20s, memory: 512MiB}
---
# Lower the loss

Change the numbers in model.py.
"""
MODEL = """import os

A = 5  # range: -10..10
B = 3  # range: -10..10
C = -4  # range: -10..10
D = 7  # range: -10..10

os.makedirs("out", exist_ok=True)
with open("out/answer", "w") as file:
    print(A, B, C, D, file=file)
"""
JUDGE = """import hashlib
import os
import random
import sys

words = open("out/answer").read().split()
a, b, c, d = map(float, words)
split = sys.argv[1] if len(sys.argv) > 1 else "search"
seed = hashlib.sha256(f"{os.environ['OVERNIGHT_SEED']} {split} {words}".encode()).hexdigest()
loss = 20 + (a - 2) ** 2 / 4 + (b + 1) ** 2 / 4 + abs(c - 1) / 4 + d / 50
loss *= float(os.environ["SCALE"])
print("loss:", max(0.0, loss + random.Random(seed).gauss(0, 1.0)))
"""


def sections(report):
    return {part.split("\n", 1)[0]: part for part in report.split("\n## ")[1:]}


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Thirty experiments of the default policy, the ablation of the win, and another setting."""
    folder = tmp_path_factory.mktemp("noisy")
    made = Project(folder / "noisy", folder / "cache")
    made.root.mkdir()
    made.git("init", "-q", "-b", "main")
    made.write({"program.md": PROGRAM, "model.py": MODEL, "judge.py": JUDGE})
    made.commit("Start")
    made.lines = made.overnight(
        "run", "--experiments", 30, "--seed", 1, "--policy", "default", timeout=500
    ).stdout.splitlines()
    made.overnight("certify", timeout=500)
    made.overnight("certify", "--with", "SCALE=3", code=None, timeout=500)
    made.report = made.overnight("report").stdout
    made.facts = json.loads(made.overnight("report", "--json").stdout)
    return made


def test_the_first_sentence_is_the_certificate_s_gain_with_its_interval(night):
    certificate = night.facts["certificate"]
    first = next(line for line in night.report.splitlines() if line.startswith("**"))
    gain = re.match(
        r"\*\*A win: loss is better by ([\d.]+) points \([\d.]+ %; ([\d.]+) to ([\d.]+) with ([\d.]+) % confidence\), "
        r"[\d.]+ -> [\d.]+ \(lower is better\), scored by a judge outside the candidate, certified on the holdout",
        first,
    )
    assert gain, first
    mean, low, high, sure = map(float, gain.groups())
    assert low < mean < high
    assert mean == pytest.approx(certificate["gain"], abs=0.1)
    assert sure == pytest.approx(100 * (1 - certificate["alpha"]), abs=0.1)


def test_the_truth_is_not_far_from_the_interval_and_the_search_s_number_stands_beside_it(night):
    settings = {row["number"]: night.overnight("show", row["number"], "--json").stdout for row in night.log()}
    won = json.loads(settings[night.facts["certificate"]["number"]])["parameters"]
    a, b, c, d = (float(won[f"model.py:{name}"]) for name in "ABCD")
    true = (9 / 4 + 16 / 4 + 5 / 4 + 7 / 50) - ((a - 2) ** 2 / 4 + (b + 1) ** 2 / 4 + abs(c - 1) / 4 + d / 50)
    if not night.facts["certificate"]["dropped"]:
        low, high = night.facts["certified_low"], night.facts["certified_high"]
        assert abs(night.facts["certificate"]["gain"] - true) < high - low
    assert "The search believed" in night.report or night.facts["certificate"]["dropped"]


def test_what_is_merged_is_ranked_by_what_is_lost_without_it(night):
    merge = sections(night.report)["What to merge"]
    losses = [float(loss) for loss in re.findall(r"without it ([\d.]+) points \([\d.-]+ to [\d.]+\) are lost", merge)]
    assert losses
    assert losses == sorted(losses, reverse=True)
    assert "overnight finish    # the branch" in merge
    finished = json.loads(night.overnight("finish", "--json").stdout)
    assert sorted(number for branch in finished["branches"] for one in branch["commits"]
                  for number in one["experiments"]) == sorted(night.facts["merge"])  # fmt: skip


def test_the_gate_is_told_to_the_person_alone(night):
    gate = sections(night.report)["Search, gate and certificate"]
    assert re.search(r"The gate answered for \d+ candidates, \d+ did not pass; \d+ looks used, \d+ left\.", gate)
    assert "| unchanged | " in gate
    assert {row["gate"] for row in night.log()} == {True, False, None}
    status = night.status()
    assert status["gate_looks"] + status["gate_looks_left"] <= 120


def test_where_it_got_stuck_names_kinds_of_asks_and_the_yardstick(night):
    stuck = sections(night.report)["Where it got stuck"]
    assert "steps back to another candidate" in stuck
    assert re.search(r"- Best of \d+ independent changes of the unchanged code", stuck)


def test_whether_it_carries_over_is_a_sentence(night):
    assert re.search(r"^Carries over to SCALE=3: (yes|not shown), [\d.]+ points \(", night.report, re.MULTILINE)


def test_every_line_of_the_night_is_one_that_a_person_can_read(night):
    assert any(re.match(r"#\d+ (passed|did not pass) the gate: ", line) for line in night.lines)
    assert any(re.match(r"#\d+ \? inconclusive .* points \(\+", line) for line in night.lines)
    assert any(re.match(r"On the holdout the unchanged code and the best", line) for line in night.lines)


def test_rows_have_an_estimate_with_its_deviation_and_the_kind_of_ask(night):
    rows = night.log()
    assert rows[0]["kind"] is None
    assert {row["kind"] for row in rows[1:]} >= {"expand", "step_back"}
    read_once = [row for row in rows[1:] if row["value"] is not None]
    assert all(row["estimate_sd"] > 0 and abs(row["estimate"] - row["value"]) < 15 for row in read_once)
