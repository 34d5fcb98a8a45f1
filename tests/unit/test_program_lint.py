"""Holes that a cheater would use, found before the night."""

import pytest

from overnight.model.contract import AgentSpec, Contract, Drive, Guard, Holdout, Isolation, Objective
from overnight.program import OPEN_HOLES, Facts, lint, parse
from overnight.rules.scope import matches

FILES = ("train.py", "judge.py", "grading/__init__.py", "grading/score.py", "program.md", "tests/test_app.py", "app.py")


def contract(**keys):
    keys = {"edit": ("train.py",), "run": "python train.py", **keys}
    objective = keys.pop("objective", Objective(metric="loss", bounds=(0, 9)))
    return Contract(title="t", prose="p", objective=objective, **keys)


def found(keys, **facts):
    return lint(contract(**keys), Facts(**{"tracked": FILES, **facts}), matches=matches)


def codes(keys, **facts):
    return [problem.code for problem in found(keys, **facts)]


SCORED = {"score": "python judge.py", "artifacts": ("out/p.npy",)}


def test_a_sound_contract_has_no_findings():
    assert found(SCORED) == ()


# Something to edit


def test_nothing_to_edit_is_an_error_that_suggests_a_tracked_file():
    (problem,) = found({"edit": ("trian.py",), **SCORED})
    assert (problem.severity, problem.code) == ("error", "nothing-to-edit")
    assert "`train.py`" in problem.fix


def test_a_glob_without_files_is_a_warning_when_another_has_some():
    (problem,) = found({"edit": ("train.py", "lib/**", "!x.py"), **SCORED}, places={"edit": (3, 1), "edit.1": (4, 9)})
    assert (problem.severity, problem.code, problem.line, problem.column) == ("warning", "empty-glob", 4, 9)


# What judges stays out of reach


@pytest.mark.parametrize(
    ("edit", "keys", "path"),
    [
        ("*.md", {}, "program.md"),
        ("judge.py", SCORED, "judge.py"),
        ("*.py", {"score": "cd . && env X=1 python -u ./judge.py --fast"}, "judge.py"),
        ("*.py", {"drive": Drive(judge="python -m judge", serve="python train.py")}, "judge.py"),
        ("*.py", {"holdout": Holdout(certify="python judge.py --split certify")}, "judge.py"),
        ("grading/score.py", {"score": "cd grading && python score.py"}, "grading/score.py"),
        ("judge.py", {"score": "sh -c x --judge=judge.py"}, "judge.py"),
        ("tests/**", {"guards": (Guard(run="pytest -q tests"),)}, "tests/test_app.py"),
        ("tests/**", {"guards": (Guard(run="python -m pytest"),)}, "tests/test_app.py"),
        ("tests/**", {"guards": (Guard(run="pytest tests/test_app.py::test_one"),)}, "tests/test_app.py"),
        ("judge.py", {"guards": (Guard(run="python judge.py app.py"),)}, "judge.py"),
    ],
)
def test_an_edit_glob_that_reaches_what_judges_is_an_error(edit, keys, path):
    problems = [p for p in found({"edit": ("train.py", edit), **keys}) if p.code == "edit-reaches-judge"]
    assert [p for p in problems if f"`{path}`" in p.message and p.severity == "error"]


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("import grading.score", "grading/score.py"),
        ("import grading.score", "grading/__init__.py"),
        ("from grading import score", "grading/score.py"),
        ("def f():\n    from grading.score import x", "grading/score.py"),
        ("import importlib\nimportlib.import_module('grading.score')", "grading/score.py"),
        ("from .grading import score", "grading/score.py"),
    ],
)
def test_what_the_judge_imports_is_locked_too(source, path):
    problems = found({"edit": ("train.py", path), **SCORED}, sources={"judge.py": source})
    assert [p.code for p in problems] == ["edit-reaches-judge"]
    assert path in problems[0].message


def test_imports_are_followed_through_other_files():
    sources = {
        "judge.py": "import grading",
        "grading/__init__.py": "from . import score",
        "grading/score.py": "import app",
    }
    assert codes({"edit": ("app.py",), **SCORED}, sources=sources) == ["edit-reaches-judge"]


@pytest.mark.parametrize("source", ["import os, numpy", "import (", "x = '\x00'", ""])
def test_imports_of_elsewhere_and_broken_files_are_no_findings(source):
    assert found({"edit": ("app.py",), **SCORED}, sources={"judge.py": source}) == ()


def test_the_candidates_own_script_may_certify_where_it_reports_itself():
    assert found({"holdout": Holdout(certify="python train.py --split certify")}) == ()


def test_a_guard_may_look_at_what_is_edited():
    assert found({"edit": ("app.py",), "guards": (Guard(run="ruff check app.py && pytest -q tests"),), **SCORED}) == ()


# Hidden files and artefacts


def test_a_hidden_file_in_git_is_an_error():
    (problem,) = found({"hide": ("answers/**",), **SCORED}, tracked=(*FILES, "answers/a.csv"))
    assert (problem.severity, problem.code) == ("error", "hidden-in-git")
    (problem,) = found({"hide": ("answers/**",), **SCORED}, hidden_in_git={"answers/old.csv": "0123456789abcdef"})
    assert "`answers/old.csv` (in commit 0123456789)" in problem.message


def test_hidden_files_of_another_place_are_not_confused_with_ours():
    assert found({"hide": ("/tests/**", "~/tests/**"), **SCORED}) == ()


def test_hidden_files_need_a_judge_that_reads_them():
    assert codes({"hide": ("answers/**",)}) == ["hide-unused"]


@pytest.mark.parametrize(
    ("artifacts", "code"),
    [
        (("tests/**",), "artifact-overlays"),
        (("out/model.py",), "artifact-code"),
        (("*",), "artifact-overlays"),
        (("*.p?",), "artifact-code"),
    ],
)
def test_an_artefact_can_not_become_part_of_the_judge(artifacts, code):
    assert code in codes({"score": "python judge.py", "artifacts": artifacts})


@pytest.mark.parametrize("glob", ["out/model.pt", "out/*.pkl", "out/model.JOBLIB"])
def test_an_artefact_that_runs_code_when_it_is_loaded_is_named_with_the_reason(glob):
    assert codes({"score": "python judge.py", "artifacts": (glob,)}) == ["artifact-runs-code"]


def test_artefacts_and_score_go_together():
    assert codes({"artifacts": ("out/x",)}) == ["artifacts-unused"]
    assert codes({"score": "python judge.py"}) == ["score-blind"]


# Numbers


def test_a_self_reported_number_without_bounds_is_a_warning():
    loose = Objective(metric="loss")
    (problem,) = found({"objective": loose})
    assert (problem.severity, problem.code) == ("warning", "no-bounds")
    assert codes({"objective": loose, **SCORED}) == []
    assert codes({"objective": Objective(metric="loc")}) == []


def test_a_pattern_without_files_is_an_error_because_nothing_could_be_sealed():
    keys = {"data": ("data/**", "seen/**"), **SCORED}
    (problem,) = found(keys, data_counts={"data/**": 0, "seen/**": 3})
    assert (problem.code, problem.severity) == ("empty-pattern", "error")
    assert codes(keys) == []


def test_each_open_hole_of_an_inferred_contract_is_named():
    inferred = parse("Lower val_bpb", file="p", sources={"train.py": "val_bpb", "prepare.py": ""})
    problems = lint(inferred, Facts(tracked=("train.py", "prepare.py")), matches=matches)
    assert [problem.code for problem in problems] == list(OPEN_HOLES)
    assert {problem.severity for problem in problems} == {"warning"}


SOURCES = {
    "train.py": "import time\nstart = time.time()\nfrom prepare import *\nprint('val_bpb:', evaluate_bpb(start))",
    "prepare.py": "def evaluate_bpb(model):\n    return 1\nSEED = 3\nBATCH_SIZE = 4",
}


def test_a_hole_is_stated_only_where_its_sign_is_in_the_files():
    inferred = parse("Lower val_bpb", file="p", sources=SOURCES)
    problems = lint(inferred, Facts(tracked=tuple(SOURCES), sources=SOURCES), matches=matches)
    seen = {problem.code for problem in problems if "in this layout" not in problem.message}
    assert seen == {"hole-clock", "hole-print", "hole-call"}
    assert [problem.code for problem in problems] == list(OPEN_HOLES)


@pytest.mark.parametrize("metric", ["wall_seconds", "cpu_seconds", "peak_memory_mb"])
def test_a_program_that_does_nothing_is_the_fastest_unless_something_checks_its_work(metric):
    cost = Objective(metric=metric)
    (problem,) = found({"objective": cost})
    assert (problem.severity, problem.code) == ("warning", "unchecked")
    assert "guard" in problem.fix
    assert "--template speed" in problem.fix
    assert codes({"objective": cost, "guards": (Guard(metric="peak_memory_mb", max=9),)}) == ["unchecked"]
    assert codes({"objective": cost, "guards": (Guard(run="pytest -q"),)}) == []
    assert codes({"objective": cost, "guards": (Guard(metric="correct", min=1),)}) == []
    assert codes({"objective": cost, **SCORED}) == []


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("judge.py", "print(open('train.py').read())"),
        ("judge.py", "import subprocess\nsubprocess.run(['python', './train.py'])"),
        ("judge.py", "import os\nos.system('python train.py --fast')"),
        ("judge.sh", "wc -c < train.py"),
    ],
)
def test_a_judge_that_names_an_editable_file_sees_an_old_one(script, text):
    keys = {**SCORED, "score": f"sh {script}"}
    (problem,) = found(keys, tracked=(*FILES, "judge.sh"), sources={script: text})
    assert (problem.severity, problem.code) == ("warning", "judge-reads-base")
    assert "artifacts" in problem.fix


@pytest.mark.parametrize(
    "text",
    [
        '"""Compares what train.py has written in its folder."""',
        "print('constrain.pyx')",
        "# train.py",
        "open('out/p.npy')",
    ],
)
def test_a_judge_that_only_speaks_of_the_file_is_no_finding(text):
    assert found(SCORED, sources={"judge.py": text}) == ()


def test_a_judge_that_compares_with_the_original_of_what_is_timed_is_no_finding():
    keys = {"objective": Objective(metric="cpu_seconds"), **SCORED}
    assert found(keys, sources={"judge.py": "open('train.py')"}) == ()


def test_a_judge_may_start_what_it_drives():
    drive = Drive(judge="python judge.py", serve="python train.py --serve")
    assert found({"drive": drive, "run": ""}, sources={"judge.py": "['train.py', '--serve']"}) == ()


def test_a_judge_that_imports_what_is_edited_is_told_of_artifacts():
    (problem,) = found({"edit": ("app.py",), **SCORED}, sources={"judge.py": "import app"})
    assert "`artifacts`" in problem.fix


@pytest.mark.parametrize(
    ("keys", "hide"),
    [
        ({"data": ("answers/**",)}, "answers/**"),
        ({"data": ("in/**",)}, "in/answers/**"),
        ({"data": ("in/labels/a.csv",)}, "in/labels"),
        ({"data": ("in/*.csv",)}, "in/labels.csv"),
        ({"data": ("in/labels.csv",)}, "in/*.csv"),
        ({"data": ("~/in/**",)}, "~/in/labels/*"),
        ({"data": ("/srv/in",)}, "/srv/in/labels/*"),
        ({"env_dirs": (".venv",)}, ".venv/answers/**"),
        ({"artifacts": ("out/**",)}, "out/answers.csv"),
        ({"isolation": Isolation(read=("/srv/in",))}, "/srv/in/**"),
        ({"agent": AgentSpec(read=("answers",))}, "answers/*.csv"),
    ],
)
def test_a_path_is_hidden_or_shown_and_not_both(keys, hide):
    problems = found({**SCORED, "hide": (hide,), **keys})
    assert [(problem.severity, problem.code) for problem in problems] == [("error", "hidden-shown")]
    assert f"`{hide}`" in problems[0].message


@pytest.mark.parametrize(
    ("data", "hide"),
    [("in/**", "answers/**"), ("in/*.csv", "in/labels.txt"), ("in", "inside/**"), ("/srv/**", "srv/x"), ("~/a", "a")],
)
def test_neighbours_are_no_contradiction(data, hide):
    assert codes({**SCORED, "data": (data,), "hide": (hide,)}) == []


def test_a_file_on_disk_that_two_patterns_name_is_a_contradiction():
    keys = {**SCORED, "data": ("**/*.csv",), "hide": ("in/labels*",)}
    assert codes(keys, shown_hidden={"**/*.csv": "in/labels*"}) == ["hidden-shown"]


def test_nothing_can_be_edited_through_a_link():
    (problem,) = found(SCORED, links={"train.py": "real.py"})
    assert (problem.severity, problem.code) == ("error", "edit-link")
    assert "`real.py`" in problem.fix
    (problem,) = found({"edit": ("train.py", "app.py"), **SCORED}, links={"train.py": "real.py"})
    assert (problem.severity, problem.code) == ("warning", "edit-link")


def test_what_the_box_shows_of_a_submodule_and_of_a_large_file_elsewhere_is_said():
    problems = found(SCORED, submodules=("vendor/x",), pointers=("model.bin",))
    assert [problem.code for problem in problems] == ["submodule", "lfs-pointer"]
    assert "empty folder" in problems[0].message
    assert "pointer" in problems[1].message


def test_errors_come_before_warnings():
    problems = found({"edit": ("judge.py", "none.py"), "objective": Objective(metric="a"), "score": "python judge.py"})
    assert [problem.severity for problem in problems] == ["error", "warning", "warning"]
