"""What a person is told before bed about machine, repository, contract and judge."""

import json
import sys

import pytest
from person import begun

pytestmark = pytest.mark.e2e


def examined(project, *options, code=0, **more):
    found = json.loads(project.overnight("doctor", "--json", *options, code=code, **more).stdout)
    return found, {one["name"]: one for one in found["findings"]}


def test_a_machine_is_looked_at_without_a_repository(project):
    elsewhere = project.root.parent / "elsewhere"
    elsewhere.mkdir()
    found, by_name = examined(project, cwd=elsewhere)
    assert found["ok"]
    assert {"box", "git", "scratch", "clock", "sleep", "cores", "memory", "overnight's python", "agents"} <= set(
        by_name
    )
    assert by_name["repository"]["health"] == "warning"
    assert sys.version.split()[0] in by_name["overnight's python"]["text"]


def test_a_repository_without_program_md_is_told_who_writes_one(project):
    (project.root / "program.md").unlink()
    found, by_name = examined(project)
    assert found["ok"]
    assert "overnight init" in by_name["program.md"]["next"]
    assert by_name["repository"]["health"] == "ok"


def test_the_judge_is_read_against_itself_and_the_night_foretold(project):
    begun(project, stop={"experiments": 7})
    before = project.fingerprint()
    found, by_name = examined(project)
    assert found["ok"]
    assert by_name["judge"]["text"].startswith("loss of the unchanged code: 25.5, 25.5")
    assert by_name["noise"]["text"] == "none: identical readings"
    assert "it stops after 7" in by_name["forecast"]["text"]
    assert by_name["program python3"]["health"] == "ok"
    assert "not attacked yet" in by_name["redteam"]["text"]
    assert project.git("for-each-ref", "refs/overnight") == ""
    assert project.fingerprint() == before


def test_noise_above_min_effect_is_a_warning_with_the_line_to_write(project):
    noisy = "import os\nprint('loss:', 5 + int(os.environ['OVERNIGHT_SEED']) ** 2 % 7 / 10)\n"
    found, by_name = examined(begun(project, model=noisy))
    assert found["ok"]
    assert by_name["noise"]["health"] == "warning"
    assert by_name["noise"]["next"].startswith("Write `min_effect: ")


def test_what_makes_a_night_impossible_is_a_problem_and_exit_code_1(project):
    begun(project, model="raise SystemExit('the data is gone')\n")
    found, by_name = examined(project, code=1)
    assert found["problems"] == ["judge"]
    assert "the data is gone" in by_name["judge"]["next"]
    said = project.overnight("doctor", code=1).stdout
    assert "1 problem to mend before a night can run" in said


def test_a_contract_that_cannot_be_enforced_is_a_problem_with_its_line(project):
    project.write({"program.md": "---\nmetric: loss\nedti: [model.py]\nrun: python3 model.py\n---\n"})
    project.commit()
    found, by_name = examined(project, code=1)
    assert set(found["problems"]) == {"program.md"}
    assert any("Did you mean `edit`?" in one["next"] for one in found["findings"])
    assert "judge" not in by_name


def test_agents_on_the_path_are_named_with_their_version(project, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "claude").write_text("#!/bin/sh\necho 9.9.9 '(Claude Code)'\n")
    (programs / "aider").write_text("#!/bin/sh\nexit 1\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    project.environment["PATH"] = f"{programs}:{project.environment['PATH']}"
    text = examined(project)[1]["agents"]["text"]
    assert "claude (9.9.9 (Claude Code))" in text
    assert "aider (no version given)" in text


def test_an_attacked_judge_is_called_so(project):
    begun(project)
    project.overnight("redteam", "--quick", code=1)
    _, by_name = examined(project)
    assert by_name["redteam"]["health"] == "warning"
    assert "forged-instead" in by_name["redteam"]["text"]


def test_a_place_that_does_not_exist_is_bad_input(project):
    assert "is not a folder" in project.overnight("doctor", project.root / "nowhere", code=2).stderr


def test_a_box_of_no_kind_and_a_file_that_is_no_program_md_are_bad_input(project):
    begun(project)
    assert "no box called 'foo'" in project.overnight("doctor", "--isolation", "foo", code=2).stderr
    for command in ("doctor", "redteam"):
        assert "is no program.md" in project.overnight(command, project.root / "model.py", code=2).stderr
