import os
from pathlib import Path

import pytest

from overnight.errors import MachineError
from overnight.model.box import Box, Limits
from overnight.model.contract import Tier
from overnight.sandbox import Unboxed
from overnight.testing.isolation import is_free


def run(folder: Path, command: str, **limits):
    limits.setdefault("wall", 20.0)
    made = Box(
        command=("/bin/sh", "-c", command),
        cwd=str(folder),
        env=(("PATH", os.environ["PATH"]),),
        limits=Limits(**limits),
    )
    return Unboxed().start(made).wait()


def test_none_says_that_it_isolates_nothing():
    coverage = Unboxed().covers()
    assert (coverage.tier, coverage.mounts) == (Tier.none, False)
    assert any("files" in phrase for phrase in coverage.lacks)
    assert any("network" in phrase for phrase in coverage.lacks)


def test_a_background_process_is_dead_after_the_end(tmp_path):
    completed = run(tmp_path, "exec 9>lock; flock 9; sleep 300 & exit 3")
    assert completed.code == 3
    assert is_free(tmp_path / "lock")


def test_a_daemon_in_a_session_of_its_own_is_found_by_its_marker(tmp_path):
    run(tmp_path, "exec 9>lock; flock 9; setsid setsid sleep 300 & sleep 0.05")
    assert is_free(tmp_path / "lock")


def test_a_daemon_that_wiped_its_marker_is_found_when_it_was_seen_before(tmp_path):
    run(tmp_path, "exec 9>lock; flock 9; env -i /usr/bin/setsid /bin/sleep 300 & sleep 0.3")
    assert is_free(tmp_path / "lock")


def test_children_of_others_are_left_alone(tmp_path):
    import subprocess

    with subprocess.Popen(["sleep", "300"], start_new_session=True) as bystander:
        run(tmp_path, "setsid sleep 300 &")
        alive = bystander.poll() is None
        bystander.kill()
    assert alive


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(MachineError, match="no-such-folder"):
        run(tmp_path / "no-such-folder", "true")
