"""`overnight init`: from somebody's repository, whatever its shape, to a measured baseline."""

import json
import os
import subprocess

import pytest
from person import PROGRAM, Project, step

pytestmark = pytest.mark.e2e

BENCH = """from sorting import ordered

values = [7, 3, 9, 1] * 50
assert ordered(values) == sorted(values)
print("swaps: %d" % ordered.swaps)
"""
SORTING = """GAP = 1  # range: 1..9


def ordered(values):
    values = list(values)
    ordered.swaps = GAP
    values.sort()
    return values
"""
LIBRARY = {"bench.py": BENCH, "sorting.py": SORTING, "README.md": "Sorting.\n"}


def repository(folder, files, name="sorter"):
    made = Project(folder / name, folder / "cache")
    made.root.mkdir(parents=True)
    made.git("init", "-q", "-b", "main")
    made.write(files)
    made.commit("first")
    return made


def began(project, *arguments, **more):
    return json.loads(project.overnight("init", "--json", *arguments, **more).stdout)


def contract(project, **more):
    return json.loads(project.overnight("check", "--json", **more).stdout)["contract"]


def test_a_python_repository_with_a_benchmark_of_one_number(tmp_path):
    project = repository(tmp_path, LIBRARY)
    text = project.overnight("init").stdout
    for words in (
        "python bench.py",
        "sorting.py",
        "metric: swaps",
        "minimize",
        "baseline ",
        "swaps = 1",
        "noise of a reading  none",
        "smallest gain seen",
        "experiments in 8 hours",
        "git add program.md",
        "then: overnight run",
    ):
        assert words in text, words
    found = contract(project)
    assert found["objective"]["metric"] == "swaps"
    assert (found["edit"], found["run"]) == (["sorting.py"], "python bench.py")
    assert project.git("status", "--porcelain") == "?? program.md"


def test_its_readings_are_the_nights_baseline(tmp_path):
    project = repository(tmp_path, LIBRARY)
    first = began(project)
    assert first["readings"] == 2
    better = step("no swaps", replace=[["sorting.py", "GAP = 1", "GAP = 0"]])
    project.overnight("run", "--experiments", 1, "--agent", project.script(better))
    status = project.status()
    assert (status["baseline_readings"], status["evaluations"], status["segments"]) == (2, 4, 1)
    assert [row["outcome"] for row in project.log()] == ["baseline", "keep"]


def test_committing_program_md_as_it_says_does_not_cost_the_readings(tmp_path):
    project = repository(tmp_path, LIBRARY)
    began(project)
    project.commit("Add program.md")
    project.overnight("run", "--experiments", 0)
    status = project.status()
    assert (status["baseline_readings"], status["evaluations"], status["segments"]) == (2, 3, 1)


def test_a_second_init_overwrites_nothing_and_measures_nothing_twice(tmp_path):
    project = repository(tmp_path, LIBRARY)
    began(project)
    mine = (project.root / "program.md").read_text() + "\nMine.\n"
    project.write({"program.md": mine})
    again = began(project)
    assert (again["wrote"], again["readings"]) == (False, 2)
    assert project.status()["evaluations"] == 2
    done = project.overnight("init", "--metric", "other", code=2)
    assert "never overwritten" in done.stderr
    assert (project.root / "program.md").read_text() == mine


def test_json_says_everything_that_the_words_say(tmp_path):
    project = repository(tmp_path, LIBRARY)
    found = began(project)
    assert set(found) == {
        "study",
        "program",
        "wrote",
        "metric",
        "direction",
        "baseline",
        "readings",
        "noise",
        "smallest_gain",
        "forecast",
        "concerns",
    }
    assert (found["study"], found["wrote"], found["metric"]) == ("sorter", True, "swaps")
    assert (found["baseline"], found["noise"], found["smallest_gain"]) == (1.0, 0.0, 0.0)
    assert found["program"] == str(project.root / "program.md")
    forecast = found["forecast"]
    assert forecast["night_seconds"] == 8 * 3600
    assert forecast["experiments"] == pytest.approx(8 * 3600 / max(forecast["seconds"], 0.01), abs=1)


def test_without_measuring_nothing_is_begun(tmp_path):
    project = repository(tmp_path, LIBRARY)
    found = began(project, "--no-measure")
    assert (found["baseline"], found["readings"], found["forecast"]) == (None, 0, None)
    assert project.git("for-each-ref", "refs/overnight") == ""


def test_several_numbers_are_a_question_and_an_option_is_the_answer(tmp_path):
    project = repository(tmp_path, LIBRARY | {"bench.py": BENCH + 'print("hits: 3")\nprint("depth: 2")\n'})
    done = project.overnight("init", code=2)
    for words in ("swaps", "hits", "depth", "--metric"):
        assert words in done.stderr
    assert not (project.root / "program.md").exists()
    found = began(project, "--metric", "hits")
    assert (found["metric"], found["direction"], found["baseline"]) == ("hits", "maximize", 3.0)


def test_a_benchmark_without_numbers_is_measured_by_the_clock(tmp_path):
    project = repository(tmp_path, LIBRARY | {"bench.py": BENCH.replace("print", "str")})
    found = began(project)
    assert (found["metric"], found["direction"]) == ("wall_seconds", "minimize")
    assert found["noise"] is None or found["noise"] > 0


def test_run_edit_metric_and_direction_are_taken_as_they_are(tmp_path):
    files = {"lib/core.py": "SIZE = 4\n", "tool.py": "from lib.core import SIZE\nprint('METRIC size=%d' % SIZE)\n"}
    project = repository(tmp_path, files)
    found = began(project, "--run", "python tool.py", "--edit", "lib/**", "--metric", "size", "--direction", "maximize")
    assert (found["metric"], found["direction"], found["baseline"]) == ("size", "maximize", 4.0)
    assert contract(project)["edit"] == ["lib/**"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], ["--run", "--edit", "--template"]),
        (["--run", "python tool.py", "--metric", "speed"], ["speed", "size", "METRIC speed="]),
        (["--run", "python tool.py", "--direction", "up"], ["up", "minimize", "maximize"]),
        (["--run", "python absent.py"], ["absent.py", "--run"]),
        (["--run", "python tool.py", "--edit", "nothing/**"], ["nothing/**"]),
        (["--template", "sped"], ["sped", "speed"]),
    ],
)
def test_what_cannot_be_proposed_is_said_and_nothing_is_written(tmp_path, options, says):
    files = {"lib/core.py": "SIZE = 4\n", "tool.py": "from lib.core import SIZE\nprint('METRIC size=%d' % SIZE)\n"}
    project = repository(tmp_path, files)
    done = project.overnight("init", *options, code=2)
    for words in says:
        assert words in done.stderr, done.stderr
    assert project.git("status", "--porcelain") == ""


def test_tests_that_pass_become_a_guard_that_counts_them(tmp_path):
    tests = "from sorting import ordered\n\n\ndef test_one():\n    assert ordered([2, 1]) == [1, 2]\n"
    project = repository(tmp_path, LIBRARY | {"tests/test_sorting.py": tests})
    began(project)
    guard = contract(project)["guards"][0]
    assert "pytest" in guard["run"]
    assert guard["min_tests"] == 1
    wrong = step("wrong", replace=[["sorting.py", "values.sort()", "pass"], ["sorting.py", "GAP = 1", "GAP = 0"]])
    wrong["replace"].append(["sorting.py", "return values", "return values if len(values) < 9 else sorted(values)"])
    project.overnight("run", "--experiments", 1, "--agent", project.script(wrong))
    row = project.log()[1]
    assert (row["outcome"], row["failure"]["code"]) == ("discard", "guard")


def test_tests_that_fail_are_no_guard(tmp_path):
    project = repository(tmp_path, LIBRARY | {"tests/test_sorting.py": "def test_one():\n    assert False\n"})
    text = project.overnight("init").stdout
    assert "no guard" in text
    assert contract(project)["guards"] == []


def test_a_script_of_package_json(tmp_path):
    package = json.dumps({"name": "page", "scripts": {"bench": "node bench.mjs", "test": "node --test"}})
    bench = "import { size } from './page.mjs';\nconsole.log('page_bytes: ' + size());\n"
    files = {"package.json": package, "bench.mjs": bench, "page.mjs": "export const size = () => 1100;\n"}
    project = repository(tmp_path, files)
    project.environment["PATH"] = f"{npm_that_runs_scripts(tmp_path)}{os.pathsep}{project.environment['PATH']}"
    found = began(project, "--no-measure")
    assert found["metric"] == "page_bytes"
    assert contract(project)["run"] == "npm run --silent bench"
    assert contract(project)["edit"] == ["page.mjs"]


def npm_that_runs_scripts(folder):
    """A folder with an npm and a node of a few lines, for machines that have neither."""
    tools = folder / "tools"
    tools.mkdir()
    programs = {"npm": "#!/bin/sh\necho 'page_bytes: 1100'\n", "node": "#!/bin/sh\nexit 1\n"}
    for name, text in programs.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return tools


def test_a_target_of_a_makefile(tmp_path):
    files = {"Makefile": "bench:\n\tpython3 count.py\n", "count.py": "print('steps: 12')\n", "core.py": "X = 1\n"}
    project = repository(tmp_path, files)
    found = began(project, "--edit", "core.py")
    assert (found["metric"], found["baseline"]) == ("steps", 12.0)
    assert contract(project)["run"] == "make -s bench"


def test_one_folder_of_a_larger_repository(tmp_path):
    files = {f"packages/Fast Sort/{name}": text for name, text in LIBRARY.items()}
    project = repository(tmp_path, files | {"packages/other/main.py": "print('other: 1')\n", "README.md": "Many.\n"})
    inner = project.root / "packages" / "Fast Sort"
    found = began(project, cwd=inner)
    assert (found["study"], found["program"]) == ("fast-sort", str(inner / "program.md"))
    assert contract(project, cwd=inner)["edit"] == ["sorting.py"]
    better = step("no swaps", replace=[["sorting.py", "GAP = 1", "GAP = 0"]])
    project.overnight("run", "--experiments", 1, "--agent", project.script(better), cwd=inner)
    neighbour = "command echo 'print(2)' > ../other/main.py"
    project.overnight("run", "--experiments", 2, "--agent", neighbour, cwd=inner)
    rows = [json.loads(line) for line in project.overnight("log", "--json", cwd=inner).stdout.splitlines()]
    assert [row["outcome"] for row in rows] == ["baseline", "keep", "violation"]
    assert "packages/other/main.py" in rows[2]["reason"]
    assert "GAP = 0" in project.git("show", f"{rows[1]['commit']}:packages/Fast Sort/sorting.py")
    assert project.git("for-each-ref", "--format=%(refname)").count("refs/overnight/fast-sort/ledger") == 1


def test_a_linked_worktree_shares_the_ledger_and_stays_as_it_is(tmp_path):
    project = repository(tmp_path, LIBRARY)
    project.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Project(tmp_path / "side", tmp_path / "cache")
    began(side)
    before = side.fingerprint()
    better = step("no swaps", replace=[["sorting.py", "GAP = 1", "GAP = 0"]])
    side.overnight("run", "--experiments", 1, "--agent", side.script(better))
    assert side.fingerprint() == before
    assert [row["outcome"] for row in side.log()] == ["baseline", "keep"]
    assert "refs/overnight/side/ledger" in project.git("for-each-ref", "--format=%(refname)")
    assert project.git("status", "--porcelain") == ""


def test_a_path_with_spaces_quotes_and_letters_of_the_world(tmp_path):
    project = repository(tmp_path, LIBRARY, name="Größe's näch$te  $HOME 夜")
    found = began(project)
    assert found["baseline"] == 1.0
    better = step("no swaps", replace=[["sorting.py", "GAP = 1", "GAP = 0"]])
    project.overnight("run", "--experiments", 1, "--agent", project.script(better))
    assert [row["outcome"] for row in project.log()] == ["baseline", "keep"]
    assert project.overnight("diff", 1).stdout.count("+GAP = 0") == 1


@pytest.mark.parametrize(("name", "metric"), [("speed", "cpu_seconds"), ("lm", "val_bpb")])
def test_a_template_in_a_new_folder_is_ready_to_run(tmp_path, name, metric):
    project = Project(tmp_path / "new" / "night", tmp_path / "cache")
    found = began(project, "--template", name, project.root, "--no-measure", cwd=tmp_path)
    assert (found["metric"], found["study"]) == (metric, "night")
    assert project.git("log", "--format=%s").count("\n") == 0
    assert project.git("status", "--porcelain") == ""
    assert json.loads(project.overnight("check", "--json").stdout)["ok"]


def test_a_template_never_goes_into_a_folder_with_something_in_it(project):
    before = project.fingerprint()
    done = project.overnight("init", "--template", "speed", ".", code=2)
    assert "not an empty folder" in done.stderr
    assert project.fingerprint() == before


def test_a_program_that_is_there_is_measured_as_it_is(project):
    found = began(project)
    assert (found["wrote"], found["baseline"], found["readings"]) == (False, 25.5, 2)
    assert (project.root / "program.md").read_text() == PROGRAM


def test_what_init_wrote_reads_back_as_the_same_contract_in_another_clone(tmp_path):
    project = repository(tmp_path, LIBRARY)
    began(project)
    project.commit("Add program.md")
    clone = Project(tmp_path / "elsewhere" / "sorter", tmp_path / "cache-2")
    subprocess.run(["git", "clone", "-q", project.root, clone.root], check=True)
    clone.overnight("run", "--experiments", 0)
    assert clone.status()["baseline"] == project.status()["baseline"]
    assert contract(clone) == contract(project)
