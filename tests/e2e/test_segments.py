"""What begins a new segment, what does not, and what the person is told."""

import os
import shutil
import subprocess
import sys

import pytest
from person import DESPITE, PROGRAM, step

pytestmark = pytest.mark.e2e

NEARER = step("X nearer", replace=[["model.py", "X = 5", "X = 3"]])
LOCKED = {"program.md": PROGRAM.replace("run: python3 model.py", "run: python3 bench.py"), "bench.py": "import model\n"}


def test_a_base_that_never_gave_a_number_is_not_stayed_with(project):
    project.write({**LOCKED, "bench.py": "raise SystemExit('broken judge')\n"})
    project.commit()
    project.overnight("run", "--experiments", 0, code=2)
    project.write({"bench.py": "import model\n"})
    project.commit()
    project.overnight("run", "--experiments", 0)
    assert project.status()["baseline"] == 25.5


def test_a_later_commit_does_not_move_the_base_and_says_what_stays_old(project):
    project.write(LOCKED)
    project.commit()
    project.overnight("run", "--experiments", 0)
    project.write({"bench.py": "print('loss: 1')\n"})
    project.commit()
    done = project.overnight("run", "--experiments", 1, "--agent", project.script(NEARER))
    assert "the old bench.py" in done.stdout
    assert "--rebase" in done.stdout
    assert project.status()["best"] == 17.5
    project.overnight("run", "--experiments", 0, "--rebase", *DESPITE)
    assert (project.status()["baseline"], project.status()["segments"]) == (1.0, 2)


def test_with_changes_measures_what_it_says_it_measures(project):
    project.write(LOCKED)
    project.commit()
    project.overnight("run", "--experiments", 0)
    project.write({"bench.py": "print('loss: 7')\n"})
    project.overnight("run", "--experiments", 0, "--with-changes", *DESPITE)
    assert (project.status()["baseline"], project.status()["segments"]) == (7.0, 2)
    project.overnight("run", "--experiments", 0, "--with-changes", *DESPITE)
    assert project.status()["segments"] == 2


def test_a_changed_environment_begins_a_new_segment(project):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project.root / ".venv"], check=True)
    library = next((project.root / ".venv" / "lib").glob("python3*")) / "site-packages" / "levels.py"
    library.write_text("LEVEL = 3\n")
    text = "import levels\nX = 5  # range: -10..10\nprint(f'loss: {X + levels.LEVEL}')\n"
    python = PROGRAM.replace("python3 model.py", ".venv/bin/python model.py")
    project.write({"model.py": text, ".gitignore": ".venv\n", "program.md": python})
    project.commit()
    project.overnight("run", "--experiments", 0)
    project.overnight("run", "--experiments", 0)
    assert (project.status()["baseline"], project.status()["segments"]) == (8.0, 1)
    library.write_text("LEVEL = 50\n")
    os.utime(library, (1, 1))
    done = project.overnight("run", "--experiments", 0)
    assert (project.status()["baseline"], project.status()["segments"]) == (55.0, 2), done.stdout


def test_a_run_without_any_limit_says_so(project):
    script = project.script(NEARER)
    done = project.overnight("run", "--agent", script)
    assert "no limit was given" in done.stdout
    assert "no limit" not in project.overnight("run", "--experiments", 1, "--agent", script).stdout


def test_a_speed_contract_from_init_has_a_min_effect_above_the_noise(project):
    shutil.rmtree(project.root / ".git" / "overnight", ignore_errors=True)
    project.git("rm", "-q", "program.md")
    project.write({"bench.py": "import time\ntime.sleep(0.05)\n"})
    project.commit()
    project.overnight("init", "--run", "python3 bench.py", "--edit", "model.py", "--metric", "wall_seconds")
    assert "min_effect:" in (project.root / "program.md").read_text()
