"""What a contract limits: data that may not change, what a run may use, when the night ends."""

import subprocess

import pytest
from person import MODEL, OVERNIGHT, begun, printing, tried

pytestmark = pytest.mark.e2e

SOMETHING_NEW = """command echo "x = '$(date +%N)'" >> model.py"""


@pytest.fixture
def with_data(project, tmp_path):
    home = tmp_path / "home"
    corpus = home / ".cache" / "corpus" / "part" / "numbers.txt"
    corpus.parent.mkdir(parents=True)
    corpus.write_text("10")
    project.environment["HOME"] = str(home)
    model = "import os\nprint('loss:', open(os.path.expanduser('~/.cache/corpus/part/numbers.txt')).read())\n"
    begun(project, model=model, data=["~/.cache/corpus/**"])
    return project, corpus


def test_data_outside_git_is_shown_and_cannot_be_written(with_data):
    project, corpus = with_data
    model = "import os\nopen(os.path.expanduser('~/.cache/corpus/part/numbers.txt'), 'w').write('0')\n"
    assert tried(project, model + printing(loss=1)) == ["crash"]
    assert corpus.read_text() == "10"
    assert project.status()["baseline"] == 10


def test_data_that_changed_between_two_runs_begins_a_new_segment(with_data):
    project, corpus = with_data
    project.overnight("run", "--experiments", 0)
    corpus.write_text("20")
    done = project.overnight("run", "--experiments", 0)
    assert (project.status()["segments"], project.status()["baseline"]) == (2, 20)
    assert done.returncode == 0
    (corpus.parent / "more.txt").write_text("new")
    project.overnight("run", "--experiments", 0)
    assert project.status()["segments"] == 3


def test_data_that_changes_during_a_run_ends_it_with_its_name(with_data):
    project, corpus = with_data
    process = subprocess.Popen(
        [*OVERNIGHT, "run", "--experiments", "500", "--agent", SOMETHING_NEW],
        cwd=project.root,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("#1 "):
            break
    corpus.write_text("1")
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "numbers.txt" in error
    assert "new segment" in error
    assert all(row["value"] in {10, None} for row in project.log())


@pytest.mark.parametrize(
    ("stop", "agent", "experiments", "says"),
    [
        ({"no_gain": 3}, SOMETHING_NEW, 3, "no gain"),
        ({"tampering": 2}, "command echo more >> README.md", 2, "broke the contract"),
        ({"experiments": 2}, SOMETHING_NEW, 2, "2 experiments"),
    ],
)
def test_a_night_ends_where_the_contract_says(project, stop, agent, experiments, says):
    begun(project, stop=stop)
    project.overnight("run", "--agent", agent)
    assert project.status()["experiments"] == experiments
    assert says in project.status()["closed"]


def test_a_night_ends_when_its_time_is_used_up(project):
    begun(project, model="import time\ntime.sleep(0.3)\n" + MODEL, stop={"wall": "4s"})
    done = project.overnight("run", "--agent", SOMETHING_NEW, timeout=30)
    assert "time is used up" in done.stdout
    assert 1 <= project.status()["experiments"] <= 15


CHILDREN = "import subprocess, sys, time\nkids = [subprocess.Popen([sys.executable, '-c', {!r}]) for _ in range({})]\n"
WAIT = "for kid in kids: kid.wait()\nprint('loss: 1')\n"


@pytest.mark.parametrize(
    ("code", "model"),
    [
        ("memory", CHILDREN.format("x = bytearray(100 << 20); import time; time.sleep(5)", 4) + WAIT),
        ("cpu", CHILDREN.format("while True: pass", 2) + WAIT),
        ("pids", CHILDREN.format("import time; time.sleep(5)", 60) + WAIT),
        ("disk", CHILDREN.format("f = open('big', 'wb'); [f.write(bytes(1 << 20)) for _ in range(64)]", 1) + WAIT),
        ("output", CHILDREN.format("while True: print('x' * 1000)", 2) + WAIT),
        ("timeout", CHILDREN.format("import time; time.sleep(60)", 2) + WAIT),
    ],
)
def test_a_budget_holds_for_all_processes_together(project, code, model):
    wall = "3s" if code == "timeout" else "60s"  # a busy machine takes its time to use up the other limits
    budget = {"wall": wall, "grace": "0s", "memory": "256MiB", "cpu_seconds": 2, "pids": 32, "disk": "16MiB"}
    begun(project, budget=budget)
    assert tried(project, model) == ["crash"]
    row = project.log()[1]
    assert row["failure"]["code"] == code
    assert row["value"] is None
    assert "budget" in row["reason"]


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm", "~"])
def test_no_private_place_takes_more_than_the_budget(project, place):
    model = (
        "import os\nwritten = 0\ntry:\n"
        f"    file = open(os.path.expanduser('{place}/big'), 'wb', buffering=0)\n"
        "    while written < 64: written += file.write(bytes(1 << 20)) >> 20\n"
        "except OSError: pass\nprint('loss:', written)\n"
    )
    begun(project, budget={"wall": "60s", "memory": "256MiB", "disk": "16MiB"})
    tried(project, model)
    row = project.log()[1]
    # Either the place is full, or the watchdog was quicker: it adds up all places.
    assert row["failure"]["code"] == "disk" if row["failure"] else 0 < row["value"] <= 16
