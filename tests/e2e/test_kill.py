import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from person import OVERNIGHT

pytestmark = pytest.mark.e2e

EXPERIMENTS = 8
KILLS = 12


def processes_of(mark: str):
    """Pids of processes whose environment or command line names `mark`."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in text:
                found.append(int(folder.name))
    return found


def test_killed_anywhere_the_night_ends_as_if_it_had_never_been_killed(project, tmp_path):
    arguments = ["run", "--experiments", str(EXPERIMENTS), "--seed", "5"]
    project.overnight(*arguments, "--study", "calm")
    calm = story_of(project, "calm")
    chance = random.Random(1)
    for _ in range(KILLS):
        process = subprocess.Popen(
            [*OVERNIGHT, *arguments, "--study", "stormy"],
            cwd=project.root,
            env=project.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.2, 2.5))  # the moment of the kill is what is being varied
        process.send_signal(signal.SIGKILL)
        process.wait()
        project.git("fsck", "--full")
    project.overnight(*arguments, "--study", "stormy")
    assert story_of(project, "stormy") == calm
    deadline = time.monotonic() + 5
    while processes_of(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)  # the kernel takes a moment to bury the last box
    assert processes_of(str(tmp_path)) == []


def story_of(project, study):
    rows = project.log("--study", study)
    status = project.status("--study", study)
    told = [
        (row["number"], row["outcome"], row["value"], project.git("rev-parse", row["commit"] + "^{tree}"))
        for row in rows
    ]
    return told, status["best"], status["evaluations"]


def test_interrupted_once_it_finishes_the_experiment_and_goes_on_later(project):
    process = subprocess.Popen(
        [*OVERNIGHT, "run", "--experiments", "500", "--seed", "5"],
        cwd=project.root,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("#2") or " #2" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "stopping after this experiment" in out
    status = project.status()
    assert 1 <= status["experiments"] < 500
    assert status["pending"] == []
    project.overnight("run", "--more", "1")
    assert project.status()["experiments"] == status["experiments"] + 1


def test_ctrl_c_at_a_terminal_reaches_overnight_and_not_the_box(project):
    project.write({"model.py": "import time\nX = 5  # range: -10..10\ntime.sleep(0.5)\nprint(f'loss: {X * X}')\n"})
    project.commit()
    process = subprocess.Popen(
        [*OVERNIGHT, "run", "--foreground", "--experiments", "500"],
        cwd=project.root,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if line.startswith("#1 tuner"):
            break
    time.sleep(0.3)  # now the candidate sleeps in its box
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: the whole foreground group is told
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert [row["outcome"] for row in project.log()][1:] in (["keep"], ["discard"])


def test_stop_ends_a_running_night_from_outside(project):
    process = subprocess.Popen(
        [*OVERNIGHT, "run", "--experiments", "500"],
        cwd=project.root,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    for line in process.stdout:
        if "#1" in line:
            break
    assert project.status()["running"]
    project.overnight("stop")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not project.status()["running"]
    assert project.status()["closed"] == "stopped on request"


def test_a_second_run_on_the_same_study_is_refused(project):
    process = subprocess.Popen(
        [*OVERNIGHT, "run", "--experiments", "500"],
        cwd=project.root,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    for line in process.stdout:
        if "#1" in line:
            break
    try:
        done = project.overnight("run", "--experiments", "1", code=2)
        assert str(process.pid) in done.stderr
        assert "overnight stop" in done.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
