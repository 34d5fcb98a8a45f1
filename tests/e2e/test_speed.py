"""`init --template speed`: the box holds the clock, a judge of its own asks whether the answer is still right."""

import json

import pytest
from person import Project, step

pytestmark = pytest.mark.e2e

STEPS = (
    step("cache, bound and sort once", replace=[["work.py", "URL_CACHE = 0 ", "URL_CACHE = 16384 "],
                                                ["work.py", "BOUND = False ", "BOUND = True "],
                                                ["work.py", "CHUNK = 4 ", "CHUNK = 65536 "]]),
    step("fast and wrong", files={"work.py": "import sys\nsys.stdin.read()\nprint('0 sessions of 0 visitors')\n"}),
    step("claims to be right", files={"work.py": "import sys\nprint('correct: 1')\nprint('cpu_seconds: 0.01')\n"
                                                 "print('correct: 1', file=sys.stderr)\n"}),
    step("leaves nothing", files={"work.py": "import os\nos.unlink('report.txt')\n"}),
    step("slower", replace=[["work.py", "SILENCE =", "sum(i * i for i in range(20_000_000))\nSILENCE ="]]),
)  # fmt: skip


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speed")
    made = Project(folder / "quick", folder / "cache")
    made.began = json.loads(made.overnight("init", "--template", "speed", made.root, "--json", cwd=folder).stdout)
    made.overnight("run", "--experiments", len(STEPS), "--agent", made.script(*STEPS))
    return made


def test_init_measures_the_template_and_knows_the_clocks_noise(night):
    assert night.began["metric"] == "cpu_seconds"
    assert night.began["readings"] >= 2
    assert 0 < night.began["noise"] < night.began["baseline"]
    assert night.began["smallest_gain"] >= 0.05


def test_only_the_honest_gain_is_kept(night):
    assert [row["outcome"] for row in night.log()] == [
        "baseline", "keep", "discard", "discard", "crash", "discard",
    ]  # fmt: skip
    assert night.status()["best"] < night.status()["baseline"]


def test_a_fast_wrong_answer_is_stopped_by_the_judges_own_word(night):
    for number in (2, 3):
        row = night.log()[number]
        assert row["failure"]["code"] == "guard"
        assert "correct 0" in row["reason"]
        assert row["value"] is None


def test_a_missing_report_is_a_failure_and_a_slow_one_a_discard(night):
    assert night.log()[4]["failure"]["code"] in {"artifact", "exit"}
    slow = night.log()[5]
    assert slow["failure"] is None
    assert slow["value"] > night.status()["best"]


def test_times_are_the_boxs_own_and_are_called_measured(night):
    assert {row["trust"] for row in night.log() if row["value"] is not None} == {"measured"}
    assert night.status()["trust"] == "measured"
    kept = json.loads(night.overnight("show", 1, "--json").stdout)["readings"][0]
    assert 0 < kept["values"]["cpu_seconds"] < 20
    assert kept["values"]["correct"] == 1.0


def test_every_reading_has_an_input_of_its_own(night):
    seeds = [
        reading["seed"]
        for number in range(len(STEPS) + 1)
        for reading in json.loads(night.overnight("show", number, "--json").stdout)["readings"]
    ]
    assert len(set(seeds)) == len(seeds) >= len(STEPS) + 2
