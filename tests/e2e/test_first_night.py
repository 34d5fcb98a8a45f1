import csv
import json

import pytest
from person import step

pytestmark = pytest.mark.e2e

STEPS = (
    step("X nearer", replace=[["model.py", "X = 5", "X = 3"]]),
    step("X too far", replace=[["model.py", "X = 3", "X = 9"]]),
    step("broken", files={"model.py": "raise SystemExit(3)\n"}),
    step("outside", files={"README.md": "mine now\n"}),
    step("nothing"),
    step("the same again", replace=[["model.py", "X = 3", "X = 9"]]),
    step("Y right", replace=[["model.py", "Y = 3", "Y = -1"]]),
    step("litter", files={"__pycache__/x.pyc": "junk", "model.py": "print('loss: 0.25')\n"}),
)
OUTCOMES = ["baseline", "keep", "discard", "crash", "violation", "duplicate", "duplicate", "keep", "keep"]


@pytest.fixture
def night(project):
    project.overnight("run", "--experiments", len(STEPS), "--agent", project.script(*STEPS), "--seed", 7)
    return project


def test_each_kind_of_proposal_gets_its_verdict(night):
    rows = night.log()
    assert [row["outcome"] for row in rows] == OUTCOMES
    assert [row["number"] for row in rows] == list(range(9))
    assert [row["value"] for row in rows] == [25.5, 17.5, 65.5, None, None, 17.5, 65.5, 1.5, 0.25]
    assert [row["parent"] for row in rows] == [None, 0, 1, 1, 1, 1, 1, 1, 7]


def test_log_has_the_promised_fields(night):
    promised = "number commit parent outcome reason value values trust agent summary seconds".split()
    for row in night.log():
        assert set(promised) <= set(row)
    kept = night.log()[1]
    assert kept["trust"] == "self-reported"
    assert kept["summary"] == "X nearer"
    assert {"wall_seconds", "cpu_seconds", "peak_memory_mb", "loc", "diff_lines"} <= set(kept["values"])


def test_status_has_the_promised_fields_and_adds_up(night):
    status = night.status()
    assert status["study"] == "project"
    assert (status["metric"], status["direction"], status["unit"]) == ("loss", "minimize", "")
    assert (status["baseline"], status["best"], status["gain"]) == (25.5, 0.25, 25.25)
    assert (status["experiments"], status["kept"], status["discarded"]) == (8, 3, 1)
    assert (status["crashed"], status["violations"]) == (1, 1)
    assert status["trust"] == "self-reported"
    assert status["seconds"] > 0
    assert not status["running"]


def test_a_violation_is_recorded_with_its_path_and_never_judged(night):
    row = night.log()[4]
    assert "README.md" in row["reason"]
    assert json.loads(night.overnight("show", 4, "--json").stdout)["readings"] == []


def test_what_was_created_as_litter_is_dropped_with_a_note(night):
    shown = json.loads(night.overnight("show", 8, "--json").stdout)
    assert any("__pycache__" in path for path in shown["dropped"])


def test_results_tsv_has_karpathys_five_columns(night):
    path = night.root / ".git" / "overnight" / "project" / "results.tsv"
    rows = list(csv.reader(path.read_text().splitlines(), delimiter="\t"))
    assert rows[0] == ["commit", "loss", "memory_gb", "status", "description"]
    assert len(rows) == 10
    assert {len(row) for row in rows} == {5}
    assert {row[3] for row in rows[1:]} <= {"keep", "discard", "crash"}
    assert float(rows[4][1]) == 0.0


def test_every_candidate_stays_reachable_and_git_finds_no_fault(night):
    night.git("fsck", "--full", "--strict")
    night.git("-c", "gc.pruneExpire=now", "gc", "-q", "--prune=now")
    for row in night.log():
        assert night.git("cat-file", "-t", row["commit"]) == "commit"


def test_diff_shows_the_change_against_the_parent(night):
    text = night.overnight("diff", 1).stdout
    assert "-X = 5" in text
    assert "+X = 3" in text


def test_the_report_tells_the_story(night):
    text = night.overnight("report").stdout
    assert "self-reported" in text
    assert "25.5" in text
    assert "Y right" in text
    assert "README.md" in text


def test_running_again_continues_and_more_adds(night):
    before = night.log()
    night.overnight("run", "--experiments", 8, "--agent", night.script(*STEPS))
    assert night.log() == before
    more = (*STEPS, step("better", files={"model.py": "print('loss: 0.125')\n"}))
    night.overnight("run", "--more", 1, "--agent", night.script(*more))
    assert night.log()[:9] == before
    assert night.status()["best"] == 0.125


def test_a_changed_contract_begins_a_new_segment_with_a_new_baseline(night):
    text = (night.root / "program.md").read_text().replace("bounds: [-1000, 1000]", "bounds: [-2000, 2000]")
    (night.root / "program.md").write_text(text)
    done = night.overnight("run", "--experiments", 1, "--agent", night.script(*STEPS))
    assert "new segment" in done.stdout
    assert [row["outcome"] for row in night.log()] == ["baseline", "keep"]
    assert night.status()["segments"] == 2


def test_changed_prose_does_not(night):
    path = night.root / "program.md"
    path.write_text(path.read_text() + "\nAlso try Z.\n")
    night.overnight("run", "--experiments", 8, "--agent", night.script(*STEPS))
    assert night.status()["segments"] == 1


def test_the_persons_repository_is_untouched_byte_for_byte(project):
    project.write({"staged.txt": "staged\n", "README.md": "changed, not staged\n", "untracked.txt": "new\n"})
    project.git("add", "staged.txt")
    project.git("stash", "push", "-q", "-m", "kept", "staged.txt")
    project.write({"staged.txt": "staged again\n"})
    project.git("add", "staged.txt")
    hook = project.root / ".git" / "hooks" / "post-commit"
    hook.write_text("#!/bin/sh\ntouch /tmp/overnight-hook-ran\n")
    hook.chmod(0o755)
    before = project.fingerprint()
    refs = project.git("for-each-ref", "refs/heads", "refs/stash", "refs/tags")
    done = project.overnight("run", "--experiments", 3, "--agent", project.script(*STEPS))
    assert "uncommitted" in done.stdout
    for command in (["status"], ["log"], ["show", "1"], ["diff", "1"], ["report"], ["check"]):
        project.overnight(*command)
    assert project.fingerprint() == before
    assert project.git("for-each-ref", "refs/heads", "refs/stash", "refs/tags") == refs
    assert project.log()[0]["value"] == 25.5


def test_the_tuner_finds_the_constants_and_lowers_the_loss(project):
    project.overnight("run", "--experiments", 15, "--seed", 3)
    status = project.status()
    assert status["best"] < 25.5
    kept = [row for row in project.log() if row["outcome"] == "keep"]
    assert all(row["agent"] == "tuner" for row in kept)


def test_a_command_agent_edits_its_workspace_and_answers_in_the_reply_file(project):
    line = (
        "command sed -i s/X.=.5/X=2/ model.py && grep -q loss $OVERNIGHT_BRIEF && "
        """printf '{"summary": "X is two", "ideas": ["try Y"]}' > $OVERNIGHT_REPLY"""
    )
    project.overnight("run", "--experiments", 1, "--agent", line)
    row = project.log()[1]
    assert (row["outcome"], row["summary"], row["value"]) == ("keep", "X is two", 16.5)


def test_a_command_agent_gets_the_brief_on_stdin_too(project):
    project.overnight(
        "run", "--experiments", 1, "--agent", "command grep -q 'only: .model.py' && echo 'Z = 1' >> model.py"
    )
    assert project.log()[1]["paths"] == ["model.py"]


def test_the_same_seed_gives_the_same_night(project, tmp_path):
    project.overnight("run", "--experiments", 6, "--seed", 11, "--study", "one")
    project.overnight("run", "--experiments", 6, "--seed", 11, "--study", "two")
    trees = []
    for study in ("one", "two"):
        rows = project.log("--study", study)
        commits = [project.git("rev-parse", row["commit"] + "^{tree}") for row in rows]
        trees.append(
            [(row["number"], row["outcome"], row["value"], tree) for row, tree in zip(rows, commits, strict=True)]
        )
    assert trees[0] == trees[1]


def test_an_agent_that_fails_again_and_again_does_not_waste_the_night(project):
    done = project.overnight("run", "--experiments", 50, "--agent", "command echo no credit left >&2; exit 9")
    assert project.status()["experiments"] == 5
    assert "failed 5 times in a row" in done.stdout
    assert "no credit left" in done.stdout
