"""The block that the report prints under "How to reproduce" is run as it stands, and gives the same night."""

import re
import subprocess
import sys

import pytest
from person import MODEL, PROGRAM, step

pytestmark = pytest.mark.e2e

PROPOSALS = ("outcome", "value", "parent", "summary")
JUDGE = """answers = [int(word) for word in open("answers/labels.txt").read().split()]
found = [int(word) for word in open("out.txt").read().split()]
print("error: %d" % sum(abs(a - b) for a, b in zip(answers, found, strict=True)))
"""
SCORED = """---
metric: error
edit: [predict.py]
hide: ["answers/**"]
data: ["more.txt"]
run: python3 predict.py
score: python3 judge.py
artifacts: [out.txt]
bounds: [0, 100000]
budget: {wall: 20s, memory: 512MiB}
---
# Predict
"""


def reproduced(project, *words):
    """Run the printed block in a shell; (the rows of the first night, those of its repetition)."""
    report = project.overnight("report", *words).stdout
    (block,) = re.findall(r"```sh\n(.*?)```", report.split("## How to reproduce")[1], re.DOTALL)
    program = project.root.parent / "bin" / "overnight"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m overnight "$@"\n')
    program.chmod(0o755)
    environment = {**project.environment, "PATH": f"{program.parent}:{project.environment['PATH']}"}
    done = subprocess.run(["sh", "-ec", block], cwd="/", env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    nights = project.log(*words), project.log("--study", "again")
    return [[[row[name] for name in PROPOSALS] for row in rows] for rows in nights]


def test_the_tuner_s_night(project):
    project.overnight("run", "--experiments", 3, "--seed", 5)
    first, second = reproduced(project)
    assert len(first) == 4
    assert second == first


def test_a_program_that_was_never_committed_in_a_folder_of_a_bigger_repository(project):
    folder = project.root / "some folder"
    project.git("rm", "-q", "program.md", "model.py")
    project.write({"some folder/model.py": MODEL})
    project.commit("a bigger repository")
    (folder / "program.md").write_text(PROGRAM)
    project.overnight("run", "--experiments", 2, "--seed", 5, cwd=folder)
    first, second = reproduced(project, "--repo", folder)
    assert second == first


def test_files_that_git_ignores(project):
    project.git("rm", "-q", "--cached", "model.py")
    project.write({
        "program.md": SCORED, "predict.py": "open('more.txt').read()\nopen('out.txt', 'w').write('1 2')\n",
        "judge.py": JUDGE, ".gitignore": "answers/\n*.txt\n", "answers/labels.txt": "5 1", "more.txt": "x",
    })  # fmt: skip
    project.commit("scored")
    better = step("better", files={"predict.py": "open('out.txt', 'w').write('4 1')\n"})
    project.overnight("run", "--experiments", 1, "--agent", project.script(better))
    first, second = reproduced(project)
    assert [row[:2] for row in first] == [["baseline", 5], ["keep", 1]]
    assert second == first


def test_two_agents_one_of_them_a_command_with_quotes_in_it(project):
    project.overnight("run", "--experiments", 2, "--seed", 5)
    project.overnight("run", "--more", 1, "--agent", """command echo "print('loss: 0.25')" > model.py""")
    first, second = reproduced(project)
    assert first[-1][1] == 0.25
    assert second == first


def test_an_old_segment_after_program_md_was_changed_and_committed(project):
    project.overnight("run", "--experiments", 1, "--seed", 5)
    project.write({"program.md": PROGRAM.replace("512MiB", "500MiB")})
    project.commit("less memory")
    project.overnight("run", "--experiments", 1, "--seed", 6)
    first, second = reproduced(project, "--segment", "1")
    assert second == first
