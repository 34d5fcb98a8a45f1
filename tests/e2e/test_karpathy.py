"""A stock repository in the layout of karpathy/autoresearch, with a program.md that is prose only."""

import io
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from person import Project

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).parents[2] / "examples" / "karpathy-cpu"
HOLES = ("clock", "seed", "print", "evaluat")


def stock(folder):
    """His three files, in a repository of their own; fewer steps, so that a run takes a second."""
    made = Project(folder / "autoresearch", folder / "cache")
    made.root.mkdir()
    for name in ("prepare.py", "train.py", "program.md"):
        shutil.copy(EXAMPLE / name, made.root)
    train = (made.root / "train.py").read_text()
    assert "NUM_STEPS = 3000" in train
    made.write({"train.py": train.replace("NUM_STEPS = 3000", "NUM_STEPS = 300")})
    made.git("init", "-q", "-b", "main")
    made.commit("Start")
    return made


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """The stock repository after `init` and a night of three experiments by the tuner."""
    made = stock(tmp_path_factory.mktemp("karpathy"))
    made.before = made.fingerprint()
    made.began = json.loads(made.overnight("init", "--json").stdout)
    made.between = made.fingerprint()
    made.printed = made.overnight("run", "--experiments", 3, "--seed", 2).stdout
    return made


@pytest.fixture
def table(night):
    return pd.read_csv(night.root / ".git/overnight/autoresearch/results.tsv", sep="\t")


def test_check_prints_the_inferred_contract_and_names_the_holes_of_such_a_judge(tmp_path):
    project = stock(tmp_path)
    text = project.overnight("check").stdout
    assert "inferred" in text
    for words in ("val_bpb", "minimize", "train.py", "python train.py", "10m", "[0.1, 20"):
        assert words in text, words
    for hole in HOLES:
        assert hole in text.lower(), hole
    found = json.loads(project.overnight("check", "--json").stdout)
    assert (found["ok"], found["inferred"]) == (True, True)
    assert found["contract"]["edit"] == ["train.py"]
    assert found["contract"]["budget"]["wall"] == 600
    assert "LEARNING_RATE" in " ".join(found["tunables"])
    assert {problem["severity"] for problem in found["problems"]} == {"warning"}


def test_init_leaves_a_program_of_prose_alone_and_measures(night):
    assert night.between == night.before
    assert night.began["wrote"] is False
    assert night.began["metric"] == "val_bpb"
    assert 0.1 < night.began["baseline"] < 20
    assert night.began["readings"] >= 2


def test_the_night_goes_on_from_inits_readings(night):
    rows = night.log()
    assert [row["number"] for row in rows] == [0, 1, 2, 3]
    assert rows[0]["value"] == night.began["baseline"]
    assert night.status()["evaluations"] == night.began["readings"] + 1 + 3
    assert night.status()["segments"] == 1


def test_a_number_that_the_script_prints_of_itself_is_called_self_reported_everywhere(night):
    assert {row["trust"] for row in night.log()} == {"self-reported"}
    assert night.status()["trust"] == "self-reported"
    assert "self-reported" in night.overnight("status").stdout
    headline = next(line for line in night.overnight("report").stdout.splitlines() if line.startswith("**"))
    assert "self-reported" in headline
    assert "self-reported" in night.printed
    assert not headline.startswith("**A win")


def test_no_file_of_the_repository_was_changed(night):
    assert night.fingerprint() == night.before
    assert (night.root / "program.md").read_bytes() == (EXAMPLE / "program.md").read_bytes()
    assert night.git("status", "--porcelain") == ""


def test_the_table_has_his_columns(table):
    assert list(table.columns) == ["commit", "val_bpb", "memory_gb", "status", "description"]
    assert len(table) == 4
    assert table["commit"].str.fullmatch("[0-9a-f]{7}").all()
    assert table["memory_gb"].between(0, 2).all()


def test_his_notebook_reads_it(night):
    # The steps of an analysis notebook for such a table: numbers, upper-cased status, kept rows, running minimum.
    df = pd.read_csv(night.root / ".git/overnight/autoresearch/results.tsv", sep="\t")
    df["val_bpb"] = pd.to_numeric(df["val_bpb"], errors="coerce")
    df["memory_gb"] = pd.to_numeric(df["memory_gb"], errors="coerce")
    df["status"] = df["status"].str.strip().str.upper()
    counts = df["status"].value_counts()
    assert set(counts.index) <= {"KEEP", "DISCARD", "CRASH"}
    n_keep, n_discard, n_crash = (counts.get(word, 0) for word in ("KEEP", "DISCARD", "CRASH"))
    assert n_keep + n_discard + n_crash == len(df) == 4
    valid = df[df["status"] != "CRASH"].copy().reset_index(drop=True)
    baseline = valid.loc[0, "val_bpb"]
    kept = df[df["status"] == "KEEP"].copy()
    kept["delta"] = kept["val_bpb"].shift(1) - kept["val_bpb"]
    running = kept["val_bpb"].cummin()
    status = night.status()
    assert baseline == pytest.approx(status["baseline"], abs=5e-7)
    assert running.iloc[-1] == pytest.approx(status["best"], abs=5e-7)
    assert running.is_monotonic_decreasing
    assert kept["delta"].iloc[1:].gt(0).all()
    assert n_keep == status["kept"] + 1
    for _, row in kept.iterrows():
        assert str(row["description"]).strip()


def test_the_table_can_be_had_as_a_file_and_on_stdout(night, tmp_path):
    text = night.overnight("log", "--tsv").stdout
    assert list(pd.read_csv(io.StringIO(text), sep="\t")["status"]) == [
        "keep" if row["outcome"] in {"baseline", "keep"} else "discard" for row in night.log()
    ]


def test_a_crash_is_zero_in_the_table_and_nowhere_else(tmp_path):
    project = stock(tmp_path)
    steps = [{"summary": "diverges", "files": {"train.py": "print('FAIL')\nraise SystemExit(1)\n"}}]
    project.overnight("run", "--experiments", 1, "--agent", project.script(*steps))
    table = pd.read_csv(project.root / ".git/overnight/autoresearch/results.tsv", sep="\t")
    assert list(table.iloc[1][["val_bpb", "memory_gb", "status", "description"]]) == [0.0, 0.0, "crash", "diverges"]
    assert project.log()[1]["value"] is None
    assert project.status()["best"] == project.status()["baseline"] > 0.1
