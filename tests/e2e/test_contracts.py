"""What a contract says is what a night does: kinds of judges, guards, trade-offs, certificates, variables."""

import json
import subprocess

import pytest
from person import DESPITE, begun, contract, printing, step, tried

pytestmark = pytest.mark.e2e

SCORED = """---
metric: error
edit: [predict.py]
hide: ["{hidden}"]
run: python3 predict.py
score: python3 judge.py
artifacts: [out.txt]
bounds: [0, 100000]
budget: {{wall: 20s, memory: 512MiB}}
---
# Predict
"""
PREDICT = "print('error: 0')\nopen('out.txt', 'w').write('1 2 3 4')\n"
JUDGE = """import sys

answers = [int(word) for word in open({labels!r}).read().split()]
found = [int(word) for word in open("out.txt").read().split()]
print("error: %d" % sum(abs(a - b) for a, b in zip(answers, found, strict=True)))
"""
LABELS = "41337 1 41337 1"
THIEF = """
import os, sys

for top in ("/", os.getcwd(), os.path.expanduser("~")):
    for folder, _, names in os.walk(top):
        if folder.startswith(("/proc", "/sys", "/usr", "/lib")):
            continue
        for name in names:
            if name in ("labels.txt", "judge.json", "script.json"):
                try:
                    text = open(os.path.join(folder, name)).read()
                except OSError as error:
                    print("CANNOT READ", os.path.join(folder, name), error, file=sys.stderr)
                    continue
                open("out.txt", "w").write(text)
                sys.exit(0)
sys.exit("NOTHING FOUND")
"""


def objects_of(project):
    """Everything that git holds of the repository, as bytes."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, cwd=project.root, check=True, capture_output=True).stdout


def shown(project, number):
    return json.loads(project.overnight("show", number, "--json").stdout)


@pytest.fixture(params=["ignored by git", "outside the repository"])
def scored(request, project, tmp_path):
    """A study whose answers only the judge may see."""
    if request.param == "ignored by git":
        hidden, labels, folder = "answers/**", "answers/labels.txt", project.root / "answers"
    else:
        folder = tmp_path / "vault"
        hidden, labels = f"{folder}/**", f"{folder}/labels.txt"
    folder.mkdir()
    (folder / "labels.txt").write_text(LABELS)
    project.write({
        "program.md": SCORED.format(hidden=hidden),
        "predict.py": PREDICT,
        "judge.py": JUDGE.format(labels=labels),
        ".gitignore": "answers/\n",
    })  # fmt: skip
    project.git("rm", "-q", "--cached", "model.py")
    project.commit("scored")
    return project


def test_a_separate_judge_sees_the_answers_and_the_candidate_never_does(scored):
    honest = PREDICT.replace("1 2 3 4", "5 2 3 4")
    steps = (
        step("a little better", files={"predict.py": honest}),
        step("claims zero", files={"predict.py": honest.replace("5 2", "0 2") + "print('METRIC error=0')\n"}),
        step("steals", files={"predict.py": THIEF}),
        step("a link to the answers", files={"predict.py": "import os\nos.symlink('answers/labels.txt', 'out.txt')\n"}),
        step("nothing", files={"predict.py": "print('error: 0')\n"}),
    )
    scored.overnight("run", "--experiments", len(steps), "--agent", scored.script(*steps))
    rows = scored.log()
    assert [row["outcome"] for row in rows] == ["baseline", "keep", "discard", "crash", "crash", "crash"]
    assert [row["value"] for row in rows[:3]] == [41336 + 1 + 41334 + 3, 41332 + 1 + 41334 + 3, 41337 + 1 + 41334 + 3]
    assert "NOTHING FOUND" in shown(scored, 3)["failure"]["tail"]
    assert [row["failure"]["code"] for row in rows[3:]] == ["exit", "artifact", "artifact"]
    assert {row["trust"] for row in rows[:3]} == {"scored"}
    assert LABELS.encode() not in objects_of(scored)
    assert LABELS not in scored.overnight("report").stdout


def test_an_agent_cannot_see_the_answers_either(scored):
    line = "command { find / -name labels.txt; cat answers/labels.txt; } 2>/dev/null >> predict.py"
    scored.overnight("run", "--experiments", 1, "--agent", line)
    assert [row["outcome"] for row in scored.log()] == ["baseline", "duplicate"]


def test_changed_answers_begin_a_new_segment(scored, tmp_path):
    scored.overnight("run", "--experiments", 0)
    for path in (scored.root / "answers" / "labels.txt", tmp_path / "vault" / "labels.txt"):
        if path.exists():
            path.write_text("1 1 1 1")
    scored.overnight("run", "--experiments", 0)
    assert (scored.status()["segments"], scored.status()["baseline"]) == (2, 0 + 1 + 2 + 3)


def test_guards_are_hard_limits(project):
    tests = "import unittest\nimport model\n\n\nclass Tests(unittest.TestCase):\n" + "".join(
        f"    def test_{index}(self):\n        self.assertGreater(model.SIZE, {index})\n" for index in range(2)
    )
    good = {"loss": 5, "accuracy": 0.9, "size": 10, "p95": 100}
    begun(
        project,
        model="SIZE = 9\n" + printing(**good),
        files={"test_model.py": tests},
        guards=[
            {"metric": "accuracy", "min": 0.8},
            {"metric": "size", "max": 20},
            {"metric": "p95", "max_regress": "10%"},
            {"run": "python3 -m unittest -v test_model.py", "must": "pass", "min_tests": 2},
        ],
    )
    outcomes = tried(
        project,
        "SIZE = 9\n" + printing(**good | {"loss": 1, "accuracy": 0.79}),
        "SIZE = 9\n" + printing(**good | {"loss": 1, "size": 21}),
        "SIZE = 9\n" + printing(**good | {"loss": 1, "p95": 111}),
        "SIZE = 1\n" + printing(**good | {"loss": 1}),
        "import os, sys\nif 'unittest' in sys.argv[0]: os._exit(0)\n" + printing(**good | {"loss": 1}),
        "SIZE = 9\n" + printing(loss=1, accuracy=0.9, size=10),
        "SIZE = 9\n" + printing(**good | {"loss": 4, "accuracy": 0.8, "size": 20, "p95": 109}),
        "SIZE = 9\n" + printing(**good | {"loss": 3, "p95": 119}),
        "SIZE = 9\n" + printing(**good | {"loss": 2, "p95": 90}),
    )
    assert outcomes == ["discard"] * 6 + ["keep", "keep", "keep"]
    words = ["accuracy 0.79", "size 21", "p95 111", "unittest", "unittest", "p95"]
    for row, word in zip(project.log()[1:7], words, strict=True):
        assert row["failure"]["code"] == "guard"
        assert word in row["reason"]
        assert row["value"] is None
    assert {reading["guard_trust"] for reading in shown(project, 7)["readings"]} == {"self-reported"}


def test_a_guard_in_the_other_direction_and_a_broken_baseline(project):
    guards = [{"metric": "hits", "max_regress": "50%", "direction": "maximize"}]
    begun(project, model=printing(loss=5, hits=10), guards=guards)
    assert tried(project, printing(loss=1, hits=4), printing(loss=1, hits=6)) == ["discard", "keep"]
    project.write({"program.md": contract(guards=[{"metric": "hits", "min": 11}])})
    done = project.overnight("run", "--experiments", 0, code=2)
    assert "unchanged code" in done.stderr
    assert "hits 10" in done.stderr


def test_lines_have_their_price(project):
    begun(project, model=printing(loss=5), tradeoffs=[{"metric": "loc", "rate": "0.5 per 2 lines"}])
    outcomes = tried(
        project,
        printing(loss=4) + "x = 1\n" * 4,
        printing(loss=4) + "x = 1\n" * 3,
        printing(loss=4.2),
        printing(loss=4.9),
    )
    assert outcomes == ["discard", "keep", "keep", "discard"]


def test_a_tie_goes_to_fewer_lines(project):
    begun(project, model=printing(loss=5) + "x = 1\ny = 2\n", min_effect=0.1)
    outcomes = tried(
        project,
        printing(loss=5) + "y = 2\nz = 3\n",
        printing(loss=4.95) + "x = 1\ny = 2\nz = 3\n",
        printing(loss=5) + "x = 1\n",
        printing(loss=5.05),
        printing(loss=5.11),
    )
    assert outcomes == ["discard", "discard", "keep", "keep", "discard"]


def test_ties_do_not_add_up_to_a_loss(project):
    begun(project, model=printing(loss=5) + "x = 1\n" * 6, min_effect=0.1)
    models = [printing(loss=5 + 0.06 * (index + 1)) + "x = 1\n" * (5 - index) for index in range(5)]
    tried(project, *models)
    assert project.status()["best"] <= 5.1


def test_the_count_of_lines_as_the_objective(project):
    begun(project, model=printing(loss=5) + "x = 1\n" * 5, metric="loc", bounds=None)
    models = (printing(loss=5) + "x = 1\n", printing(loss=5) + "x = 1\n" * 9, "raise SystemExit(1)\n")
    outcomes = tried(project, *models, options=DESPITE)
    assert outcomes == ["keep", "discard", "crash"]
    assert (project.status()["baseline"], project.status()["best"], project.status()["trust"]) == (6, 2, "measured")


def test_memory_as_the_objective_counts_every_process(project):
    child = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'x = bytearray({} << 20)'], check=True)\n"
    begun(project, model=child.format(120), metric="peak_memory_mb", min_effect=20, bounds=None)
    assert tried(project, child.format(40), child.format(200), options=DESPITE) == ["keep", "discard"]
    assert 90 < project.status()["baseline"] < 260
    assert project.status()["gain"] > 40


def test_higher_can_be_better(project):
    begun(project, model=printing(score=5), metric="score", direction="maximize")
    assert tried(project, printing(score=4), printing(score=7), printing(score=6)) == ["discard", "keep", "discard"]
    status = project.status()
    assert (status["baseline"], status["best"], status["gain"]) == (5, 7, 2)
    assert "higher is better" in project.overnight("report").stdout


def test_variables_are_the_candidates_environment_and_part_of_the_contract(project):
    model = "import os\nprint('loss:', os.environ['DEPTH'])\nprint(os.environ.get('SECRET_NAME', 'none'))\n"
    begun(project, model=model, variables={"DEPTH": 8})
    project.environment |= {"DEPTH": "99", "SECRET_NAME": "x"}
    project.overnight("run", "--experiments", 0)
    assert project.status()["baseline"] == 8
    project.write({"program.md": contract(variables={"DEPTH": 9})})
    project.overnight("run", "--experiments", 0)
    assert (project.status()["baseline"], project.status()["segments"]) == (9, 2)


def test_what_is_passed_from_the_environment_is_used_and_never_written_down(project):
    begun(project, model="import os\nprint('loss:', len(os.environ['MODE']))\n", isolation={"pass_env": ["MODE"]})
    project.environment["MODE"] = "a-word-that-nobody-writes-down"
    project.overnight("run", "--experiments", 1, "--agent", project.script(step("none")))
    assert project.status()["baseline"] == 30
    written = objects_of(project)
    for path in (project.root / ".git" / "overnight").rglob("*"):
        written += path.read_bytes() if path.is_file() else b""
    assert project.environment["MODE"].encode() not in written


def test_a_variable_to_pass_that_is_not_set_is_not_there(project):
    model = "import os\nprint('loss: 1' if 'MODE' in os.environ else 'loss: 2')\n"
    begun(project, model=model, isolation={"pass_env": ["MODE"]})
    project.environment.pop("MODE", None)
    project.overnight("run", "--experiments", 0)
    assert project.status()["baseline"] == 2


def test_a_certificate_where_the_candidate_prints_its_own_number(project):
    model = "import sys\nheld = '--held' in sys.argv\nprint('loss:', {} + 10 * held)\n"
    begun(project, model=model.format(5), holdout={"certify": "python3 model.py --held"})
    outcomes = tried(project, model.format(4), model.format(6), model.format(3))
    assert outcomes == ["keep", "discard", "keep"]
    status = project.status()
    assert (status["holdout_reads"], status["certified"], status["trust"]) == (2, "holdout", "self-reported")
    assert (status["baseline"], status["best"]) == (5, 3)
    splits = [[reading["values"]["loss"] for reading in shown(project, number)["holdout"]] for number in range(4)]
    assert splits == [[15], [], [], [13]]
    report = project.overnight("report").stdout
    assert "self-reported" in report.split("**")[1]
    assert "15" in report


def test_a_gain_that_the_holdout_does_not_confirm_is_no_win(project):
    model = "import sys\nprint('loss:', {} if '--held' in sys.argv else {})\n"
    begun(project, model=model.format(5, 5), holdout={"certify": "python3 model.py --held"})
    tried(project, model.format(6, 1))
    assert project.status()["certified"] == "no"
    assert not project.overnight("report").stdout.split("**")[1].startswith("A win")


def test_prose_and_agent_may_change_within_a_segment_and_limits_may_not(project):
    begun(project)
    project.overnight("run", "--experiments", 1, "--agent", "command echo 'x = 1' >> model.py")
    text = (project.root / "program.md").read_text()
    project.write({"program.md": text.replace("# A study", "# Another title\n\nMore words.")})
    project.overnight("run", "--more", 1, "--agent", "command echo 'y = 1' >> model.py")
    assert (project.status()["segments"], project.status()["experiments"]) == (1, 2)
    project.write({"program.md": text.replace("512MiB", "513MiB")})
    project.overnight("run", "--experiments", 0)
    assert project.status()["segments"] == 2
