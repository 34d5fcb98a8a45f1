import json
import subprocess

import pytest
from person import Project, step

pytestmark = pytest.mark.e2e

EXPERIMENTS = 12
NOSY = """
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
seen = [os.path.relpath(os.path.join(folder, name), here) for folder, _, names in os.walk(here) for name in names]
texts = []
for name in seen:
    with open(os.path.join(here, name), "rb") as file:
        texts.append(file.read())
corpus = b"".join(texts)
sys.exit("SEEN " + " ".join(sorted(seen)) + f" KNOWS {PASSAGE.encode() in corpus} LEARNS {LESSON.encode() in corpus}")
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo that was run from beginning to end, and what it printed; tests look at it and may add to it."""
    folder = tmp_path_factory.mktemp("demo")
    made = Project(folder / "night", folder / "cache")
    done = made.overnight("demo", "--dir", made.root, "--experiments", EXPERIMENTS, "--seed", 1, cwd=folder)
    made.printed = done.stdout
    numbers = [row["number"] for row in made.log() if row["outcome"] in {"baseline", "keep"}]
    made.looked_at = [json.loads(made.overnight("show", number, "--json").stdout) for number in numbers]
    return made


def counted(project, outcome):
    return [row for row in project.log()[: EXPERIMENTS + 1] if row["outcome"] == outcome]


def verdicts(project):
    return [(row["number"], row["commit"], row["outcome"], row["value"]) for row in project.log()]


def test_a_demo_ends_with_a_kept_improvement_that_a_separate_judge_scored(demo):
    status = demo.status()
    assert status["experiments"] >= EXPERIMENTS
    assert counted(demo, "keep")
    assert status["best"] < status["baseline"] < 8
    assert {row["trust"] for row in counted(demo, "keep")} == {"scored"}
    assert status["trust"] == "scored"


def test_it_prints_the_report_and_where_to_look(demo):
    assert "A win: val_bpb is better by" in demo.printed
    assert "certified on the holdout" in demo.printed
    assert "What to merge" in demo.printed
    assert str(demo.root) in demo.printed.splitlines()[-1]


def test_the_gate_was_read_once_for_each_best_and_the_certify_split_for_baseline_and_best_alone(demo):
    read = [[reading["split"] for reading in one["holdout"]] for one in demo.looked_at]
    assert read == [["gate", "certify"], *[["gate"]] * (len(read) - 2), ["gate", "certify"]]
    assert len(read) >= 2
    assert demo.printed.count("looks at the holdout (certify)") == 2


def test_the_baseline_is_the_textbook_model_and_was_worth_more_than_one_reading(demo):
    values = [reading["values"]["val_bpb"] for reading in demo.looked_at[0]["readings"]]
    assert len(values) >= 2
    assert len(set(values)) == 1


def test_nothing_hidden_is_in_git(demo):
    hidden = {path: path.read_bytes() for path in (demo.root / "hidden").iterdir()}
    assert len(hidden) == 3
    names = demo.git("log", "--all", "--pretty=format:", "--name-only").split()
    assert "train.py" in names
    assert not [name for name in names if "hidden" in name]
    assert demo.git("status", "--porcelain") == ""
    objects = demo.git("cat-file", "--batch-all-objects", "--batch-check").splitlines()
    known = {line.split()[0] for line in objects}
    for path in hidden:
        assert demo.git("hash-object", "--no-filters", path) not in known


def test_the_hidden_texts_are_in_neither_the_candidates_box_nor_the_agents(demo):
    secret = (demo.root / "hidden" / "certify.txt").read_text()[2000:2060]
    lesson = (demo.root / "data" / "train.txt").read_text()[2000:2060]
    nosy = f"PASSAGE = {secret!r}\nLESSON = {lesson!r}\n" + NOSY
    steps = [step()] * demo.status()["experiments"]
    demo.overnight("run", "--more", 1, "--agent", demo.script(*steps, step("nosy", files={"train.py": nosy})))
    shown = json.loads(demo.overnight("show", len(steps) + 1, "--json").stdout)
    # It opens every text that it finds, and so a decoy too.
    assert (shown["outcome"], "decoy" in shown["reason"]) == ("violation", True)
    tail = shown["readings"][0]["failure"]["tail"]
    assert "SEEN" in tail
    assert "train.txt" in tail
    assert "KNOWS False" in tail
    assert "LEARNS True" in tail
    assert "certify.txt" not in tail

    line = """command { cat "$OVERNIGHT_BRIEF"; find / -name '*.txt' -path '*night*'; } > found; mv found train.py"""
    demo.overnight("run", "--more", 1, "--agent", line)
    told = demo.overnight("diff", len(steps) + 2).stdout
    assert "data/train.txt" in told
    assert "certify.txt" not in told
    assert "holdout" not in told
    assert "certif" not in told


def test_what_it_leaves_is_an_ordinary_study(demo):
    before = verdicts(demo)
    best = demo.status()["best_number"]
    assert f"#{best}" in demo.overnight("log").stdout
    assert "val_bpb" in demo.overnight("show", best).stdout
    assert "+++ b/train.py" in demo.overnight("diff", best).stdout
    assert demo.overnight("check").returncode == 0
    demo.overnight("run", "--repo", demo.root, "--more", 2, cwd=demo.root.parent)
    assert verdicts(demo)[: len(before)] == before
    assert len(demo.log()) == len(before) + 2
    assert demo.status()["segments"] == 1
    demo.git("fsck", "--full", "--strict")


def test_the_same_demo_again_goes_on_and_overwrites_nothing(demo):
    before = verdicts(demo)
    fingerprint = demo.fingerprint()
    done = demo.overnight(
        "demo", "--dir", demo.root, "--experiments", len(before), "--seed", 1, "--json", cwd=demo.root.parent
    )
    assert json.loads(done.stdout)["experiments"] == len(before)
    assert verdicts(demo)[: len(before)] == before
    assert demo.fingerprint() == fingerprint


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    project = Project(tmp_path, tmp_path.parent / "cache")
    done = project.overnight("demo", "--dir", tmp_path, "--experiments", 1, code=2)
    assert "not an empty folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_person_without_a_name_in_git_can_see_the_demo(tmp_path):
    project = Project(tmp_path / "night", tmp_path / "cache")
    project.environment |= {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    done = project.overnight("demo", "--dir", project.root, "--experiments", 0, "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["baseline"] > 1
    assert subprocess.run(["git", "-C", project.root, "rev-parse", "HEAD"], capture_output=True).returncode == 0
