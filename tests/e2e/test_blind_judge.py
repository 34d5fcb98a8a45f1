"""A night does not begin on a judge that keeps a candidate in which nothing is left, unless it is told to by name."""

import pytest
from person import DESPITE, begun, printing, step

pytestmark = pytest.mark.e2e

SLOW = "print(sum(range(3_000_000)))\n"


def refused(project, *options):
    return project.overnight("run", "--experiments", 0, *options, code=2).stderr


def test_a_program_that_is_only_timed_is_refused_with_the_guard_to_write(project):
    begun(project, model=SLOW, metric="cpu_seconds", bounds=None)
    said = refused(project)
    assert "an empty candidate (every file of `edit` emptied) would be kept: cpu_seconds" in said
    assert "- {run: python -m pytest -q, must: pass, min_tests: 1}" in said
    assert "--despite empty-candidate" in said


def test_a_guard_that_an_empty_file_cannot_pass_is_enough(project):
    works = "import model\nassert model.answer() == 3\n"
    guards = [{"run": "python3 works.py", "must": "pass"}]
    model = "def answer():\n    return 3\n\nprint(sum(range(3_000_000)))\n"
    begun(project, model=model, files={"works.py": works}, metric="cpu_seconds", bounds=None, guards=guards)
    project.overnight("run", "--experiments", 0)
    assert project.status()["evaluations"] == project.status()["baseline_readings"] + 1


def test_a_guard_that_an_empty_file_passes_too_is_not(project):
    guards = [{"run": "true", "must": "pass"}]
    begun(project, model=SLOW, metric="cpu_seconds", bounds=None, guards=guards)
    assert "passes without the code" in refused(project)


def test_a_judge_that_scores_nothing_as_well_as_something_is_refused(project):
    files = {"judge.py": "import os\nprint('loss:', 0 if not os.path.exists('out') or not open('out').read() else 3)\n"}
    model = "open('out', 'w').write('work')\n"
    begun(project, model=model, files=files, run="touch out; python3 model.py", score="python3 judge.py",
          artifacts=["out"])  # fmt: skip
    assert "when what the candidate hands over is missing or wrong" in refused(project)


def test_a_worse_number_for_nothing_is_no_reason_to_refuse(project):
    files = {"judge.py": "print('loss:', 9 - len(open('out').read()))\n"}
    begun(project, model="open('out', 'w').write('work')\n", files=files, run="touch out; python3 model.py",
          score="python3 judge.py", artifacts=["out"])  # fmt: skip
    project.overnight("run", "--experiments", 0)
    assert project.status()["baseline"] == 5


def test_who_knows_better_says_so_by_name_and_the_report_repeats_it(project):
    begun(project, model=SLOW, metric="cpu_seconds", bounds=None)
    project.overnight("run", "--experiments", 0, *DESPITE)
    assert "accepted by name at the start" in project.overnight("report").stdout
    assert "an empty candidate (every file of" in project.overnight("report").stdout
    assert "would be kept" in refused(project), "the choice is for one start"


def test_no_other_name_is_taken(project):
    said = project.overnight("run", "--despite", "everything", code=2).stderr
    assert "there is only empty-candidate" in said


def test_it_is_measured_once_and_never_an_experiment(project):
    begun(project)
    better = step("x", replace=[["model.py", "X = 5", "X = 4"]])
    project.overnight("run", "--experiments", 1, "--agent", project.script(better))
    status = project.status()
    assert (status["experiments"], status["evaluations"]) == (1, status["baseline_readings"] + 2)
    project.overnight("run", "--experiments", 1)
    assert project.status()["evaluations"] == status["evaluations"]
    assert [row["number"] for row in project.log()] == [0, 1]


def test_files_that_are_empty_already_have_nothing_to_be_emptied(project):
    begun(project, model="", run="python3 other.py", files={"other.py": printing(loss=1)})
    project.overnight("run", "--experiments", 0)
    assert project.status()["evaluations"] == project.status()["baseline_readings"]
