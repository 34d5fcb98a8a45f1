"""The verbs of the morning after, on a real night: `finish`, `replay`, `fork`."""

import fcntl
import json
import os

import pytest
from person import MODEL, begun, contract, printing, step, tried

pytestmark = pytest.mark.e2e

LOWER_X = MODEL.replace("X = 5", "X = 2")
LOWER_BOTH = LOWER_X.replace("Y = 3", "Y = -1")
CERTIFY = {"bounds": [0, 1000], "holdout": {"certify": "python3 model.py"}}


def branch_of(project, *words):
    return json.loads(project.overnight("finish", "--json", *words).stdout)["branches"][0]


def test_a_certified_night_becomes_a_branch_that_merges(project):
    begun(project, **CERTIFY)
    assert tried(project, LOWER_X, LOWER_BOTH) == ["keep", "keep"]
    project.write({"README.md": "edited meanwhile\n", "loose.txt": "untracked\n"})
    before = project.fingerprint()
    found = branch_of(project)
    after = project.fingerprint()
    new = {name for name in after if name not in before}
    assert {name: value for name, value in after.items() if name in before} == before
    assert new == {".git/refs/heads/overnight/project", ".git/logs/refs/heads/overnight/project"}
    assert [commit["experiments"] for commit in found["commits"]] == [[1], [2]]
    assert all(commit["certified"] for commit in found["commits"])
    project.git("stash", "-q", "-u")
    project.git("merge", "-q", "overnight/project")
    assert (project.root / "model.py").read_text() == LOWER_BOTH
    assert project.git("log", "-1", "--format=%(trailers:key=Overnight-Certified,valueonly)") == "holdout"


def test_without_a_certificate_only_all_makes_a_branch(project):
    begun(project, bounds=[0, 1000])
    tried(project, LOWER_X)
    assert "--all" in project.overnight("finish", code=2).stderr
    assert project.git("for-each-ref", "refs/heads/overnight") == ""
    found = branch_of(project, "--all")
    assert project.git("show", "overnight/project:model.py") == LOWER_X.strip()
    assert [commit["experiments"] for commit in found["commits"]] == [[1]]


def test_files_of_any_name_become_themes(project):
    files = {"-rf.py": "X = 5\n", "a b/ü.py": "Y = 3\n", "model.py": MODEL}
    begun(project, model=MODEL, files=files, edit=["model.py", "-rf.py", "a b/**"], bounds=[0, 1000])
    steps = [
        step("one", files={"-rf.py": "X = 4\n", "model.py": LOWER_X}),
        step("two", files={"a b/ü.py": "Y = 2\n", "model.py": LOWER_BOTH}),
    ]
    project.overnight("run", "--experiments", 2, "--agent", project.script(*steps))
    made = json.loads(project.overnight("finish", "--all", "--by-theme", "--json").stdout)["branches"]
    assert [one["branch"] for one in made] == ["overnight/project--rf-py"]
    assert made[0]["paths"] == ["-rf.py", "a b/ü.py", "model.py"]
    assert project.git("show", "overnight/project--rf-py:a b/ü.py") == "Y = 2"


def test_a_person_without_a_name_in_git_gets_commits_all_the_same(project, tmp_path):
    begun(project, bounds=[0, 1000])
    tried(project, LOWER_X)
    project.environment |= {"HOME": str(tmp_path / "nobody"), "XDG_CONFIG_HOME": str(tmp_path / "nobody")}
    project.overnight("finish", "--all")
    assert project.git("log", "-1", "--format=%an", "overnight/project") == "overnight"


def test_a_number_that_depends_on_nothing_else_comes_back(project):
    begun(project)
    tried(project, LOWER_X)
    before = project.log()
    found = json.loads(project.overnight("replay", "1", "--json").stdout)
    assert found["came_back"] == "exactly"
    assert found["recorded"] == found["fresh"] == 16.5
    assert "It came back exactly." in project.overnight("replay", "0").stdout
    assert project.log() == before
    assert "reading 0 of experiment 1 was 16.5, again 16.5: exactly" in project.git(
        "log", "-2", "--format=%B", "refs/overnight/project/ledger"
    )


def test_the_seed_of_then_is_the_seed_of_now(project):
    begun(project, model="import os\nprint('loss:', int(os.environ['OVERNIGHT_SEED']) % 1000)\n")
    tried(project, "import os\nprint('loss:', int(os.environ['OVERNIGHT_SEED']) % 997)\n")
    for number in ("0", "1"):
        assert json.loads(project.overnight("replay", number, "--json").stdout)["came_back"] == "exactly"


NOISY = "import random\nprint('loss:', {middle} + {width} * random.SystemRandom().random())\n"


def test_a_number_within_the_noise_has_come_back_and_one_far_away_has_not(project):
    begun(project, model=NOISY.format(middle=100, width=1))
    project.overnight("run", "--experiments", 0)
    found = json.loads(project.overnight("replay", "0", "--json", code=None).stdout)
    assert found["allowed"] > 0
    expected = "within noise" if abs(found["difference"]) <= found["allowed"] else "no"
    assert found["came_back"] == expected


def test_a_number_that_rests_on_what_the_seed_does_not_decide_does_not_come_back(project):
    begun(project, model=printing(loss=5))
    tried(project, "import time\nprint('loss:', time.time_ns() % 10**9 / 10**6)\n")
    found = json.loads(project.overnight("replay", "1", "--json", code=1).stdout)
    assert found["came_back"] in ("no", "unknown")
    assert project.overnight("replay", "1", code=1).stdout.count("away") == 1


def test_changed_data_cannot_give_the_old_number(project):
    model = "print('loss:', open('numbers.txt').read())\n"
    files = {"numbers.txt": "7\n", ".gitignore": "numbers.txt\n"}
    begun(project, model=model, files=files, data=["numbers.txt"])
    project.overnight("run", "--experiments", 0)
    project.write({"numbers.txt": "8\n"})
    said = project.overnight("replay", "0", code=2).stderr
    assert "data numbers.txt" in said
    project.write({"numbers.txt": "7\n"})
    assert "exactly" in project.overnight("replay", "0").stdout


def test_a_contract_that_was_changed_since_is_not_the_one_that_counts(project):
    begun(project)
    tried(project, LOWER_X)
    project.write({"program.md": contract(metric="other"), "model.py": printing(other=1)})
    project.commit("another study")
    assert "It came back exactly." in project.overnight("replay", "1").stdout


def test_a_study_that_runs_is_left_alone(project):
    begun(project)
    project.overnight("run", "--experiments", 0)
    lock = os.open(project.root / ".git/overnight/project/lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "already running" in project.overnight("replay", "0", code=2).stderr
    finally:
        os.close(lock)


def test_what_was_never_measured_cannot_come_back(project):
    begun(project, files={"judge.py": "j\n"})
    steps = [step("cheat", files={"judge.py": "mine\n"})]
    project.overnight("run", "--experiments", 1, "--agent", project.script(*steps))
    assert "was never measured" in project.overnight("replay", "1", code=2).stderr
    assert "readings 0 to" in project.overnight("replay", "0", "--reading", "9", code=2).stderr


def test_a_fork_builds_on_the_experiment_that_was_named(project):
    begun(project)
    worse = MODEL.replace("X = 5", "X = 9")
    tried(project, LOWER_X, worse)
    project.overnight("fork", "2", "--asks", "2")
    steps = [step(str(number), files={"model.py": worse + f"# {number}\n"}) for number in range(5)]
    project.overnight("run", "--more", 3, "--agent", project.script(*steps))
    parents = [row["parent"] for row in project.log()[3:]]
    assert parents[:2] == [2, 2]
    assert parents[2] != 2
