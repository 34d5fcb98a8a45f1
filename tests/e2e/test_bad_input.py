"""Everything that a person gets wrong costs one clear message, exit code 2, and nothing else."""

import os
import subprocess

import pytest
from person import PROGRAM, Project, step

pytestmark = pytest.mark.e2e


def refused(project, *arguments, says, code=2):
    before = project.fingerprint()
    done = project.overnight(*arguments, code=code)
    for words in says:
        assert words in done.stderr, done.stderr
    assert project.fingerprint() == before
    return done.stderr


def test_no_git_repository(tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    project = Project(folder, tmp_path / "cache")
    for command in ("run", "check", "status", "log", "init"):
        message = refused(project, command, says=["git init"])
        assert len(message.splitlines()) <= 3


def test_no_commits_yet(tmp_path):
    folder = tmp_path / "fresh"
    folder.mkdir()
    project = Project(folder, tmp_path / "cache")
    project.git("init", "-q")
    project.write({"program.md": PROGRAM})
    refused(project, "run", says=["no commits yet", "git commit"])


def test_no_program(project):
    project.git("rm", "-q", "program.md")
    project.commit()
    refused(project, "run", says=["program.md", "overnight init"])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("metric: loss", "metrik: loss", ["program.md:2:1", "metrik", "metric"]),
        ("edit: [model.py]", "", ["edit"]),
        ("budget: {wall: 20s, memory: 512MiB}", "budget: {wal: 20s}", ["program.md:7", "wal", "wall"]),
        ("budget: {wall: 20s, memory: 512MiB}", "budget: {wall: soon}", ["program.md:7", "soon", "5m"]),
        ("direction: minimize", "direction: down", ["program.md:3", "down", "minimize"]),
        ("edit: [model.py]", "edit: [*.py]", ["program.md:4", '"*.py"']),
        ("edit: [model.py]", "edit: [nothing.py]", ["nothing.py"]),
        ("edit: [model.py]", 'edit: ["**"]', ["program.md"]),
        ("bounds: [-1000, 1000]", "bounds: [5, 1]", ["program.md:6"]),
        ("bounds: [-1000, 1000]", "holdout: {gate: ./gate.sh}", ["holdout.gate", "no such file"]),
        ("bounds: [-1000, 1000]", "isolation: {network: shared}", ["network", "not offered"]),
        ("bounds: [-1000, 1000]", "isolation: {require: strongest}", ["strongest", "capped"]),
        ("bounds: [-1000, 1000]", "isolation: {env: {API_KEY: x}}", ["API_KEY"]),
    ],
)
def test_a_contract_that_cannot_be_enforced(project, old, new, says):
    project.write({"program.md": PROGRAM.replace(old, new)})
    refused(project, "run", says=says)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("print('hello')\n", ["loss", "no-metric"]),
        ("print('loss: nan')\n", ["nan", "non-finite"]),
        ("print('loss: 1')\nprint('loss: 2')\n", ["loss", "twice"]),
        ("import time\ntime.sleep(60)\n", ["timeout"]),
        ("while True: print('x' * 1000)\n", ["output"]),
        ("print('loss: 1_000')\n", ["1_000", "malformed"]),
        ("print('loss: 99999')\n", ["99999", "bounds"]),
        ("raise SystemExit(7)\n", ["7"]),
    ],
)
def test_a_judge_that_gives_no_number_on_the_unchanged_code(project, model, says):
    project.write({"model.py": model, "program.md": PROGRAM.replace("wall: 20s", "wall: 2s, grace: 0s")})
    project.commit()
    refused(project, "run", says=[*says, "unchanged code"])


def test_a_command_that_does_not_exist(project):
    project.write({"program.md": PROGRAM.replace("python3 model.py", "pyhton3 model.py")})
    refused(project, "run", says=["pyhton3"])


def test_a_file_that_program_md_names_is_not_committed(project):
    project.write({"model.py": "print('loss: 3')\n"})
    refused(project, "run", says=["model.py", "--with-changes"])
    project.overnight("run", "--with-changes", "--experiments", 0)
    assert project.status()["baseline"] == 3.0


@pytest.mark.parametrize("name", ["My Study", "../evil", "a/b", "x" * 41, "", "ä", "-x\n"])
def test_a_study_name_with_odd_characters(project, name):
    refused(project, "run", f"--study={name}", says=["a-z, 0-9 and -", "for example"])


def test_an_agent_that_does_not_exist(project):
    refused(project, "run", "--agent", "claud", says=["claud", "command"])
    refused(project, "run", "--agent", "command", says=["command"])
    refused(project, "run", "--agent", "command no-such-agent --now", says=["no-such-agent"])


def test_an_agent_script_that_its_checkout_will_not_hold(project):
    project.write({"improve.py": "print('hello')\n", "../outside.py": "print('hello')\n"})
    for name in ("improve.py", "../outside.py"):
        path = str((project.root / name).resolve())
        refused(project, "run", "--agent", f"command python3 {name}", says=[name, "absolute path", path])


def test_options_that_make_no_sense(project):
    refused(project, "run", "--wall", "soon", says=["soon", "5m"])
    refused(project, "run", "--policy", "rachet", says=["rachet", "ratchet"])
    refused(project, "run", "--experiments", 3, "--more", 2, says=["--more"])
    refused(project, "run", "--isolation", "strong", says=["strong"])
    refused(project, "run", "--experiments", "many", says=["--experiments"])


def test_an_experiment_that_does_not_exist(project):
    project.overnight("run", "--experiments", 0)
    for command in ("show", "diff"):
        refused(project, command, 5, says=["5"])


def test_looking_before_anything_was_run(project):
    for command in (["status"], ["log"], ["show", "0"], ["report"], ["stop"]):
        refused(project, *command, says=["overnight run"])


def test_a_deleted_ledger_is_noticed_and_can_be_mended(project):
    project.overnight(
        "run", "--experiments", 1, "--agent", project.script(step(replace=[["model.py", "X = 5", "X = 3"]]))
    )
    ref = "refs/overnight/project/ledger"
    head = project.git("rev-parse", ref)
    project.git("update-ref", "-d", ref)
    refused(project, "run", says=["git update-ref", head])
    project.git("update-ref", ref, head)
    assert project.status()["experiments"] == 1


def test_a_tampered_ledger_is_refused(project):
    project.overnight("run", "--experiments", 0)
    forged = project.git("commit-tree", "HEAD^{tree}", "-m", "keep #1: loss 0\n\n[]")
    project.git("update-ref", "refs/overnight/project/ledger", forged)
    refused(project, "status", says=["refs/overnight/project/ledger"])
    refused(project, "run", says=["refs/overnight/project/ledger"])


def test_files_that_are_not_text_or_large_or_links(project):
    project.write(
        {"blob.bin": b"\xff\xfe\x00" * 1000, "name \u00e9.txt": "x", "latin.txt": "caf\u00e9".encode("latin-1")}
    )
    os.symlink("README.md", project.root / "link")
    (project.root / "big.bin").write_bytes(os.urandom(1024) * 50_000)
    project.commit()
    steps = (
        step("not text", files={"model.py": "print('loss: 3') # \u00e9\n"}),
        step("too large", files={"model.py": "# " + "x" * (50 * 1024 * 1024) + "\nprint('loss: 1')\n"}),
    )
    project.overnight("run", "--experiments", 2, "--agent", project.script(*steps))
    assert [row["outcome"] for row in project.log()] == ["baseline", "keep", "violation"]


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("true", "duplicate"),
        ("rm -rf ./*", "violation"),
        ("rm model.py", "crash"),
        ("ln -sf /etc/passwd model.py", "violation"),
        ("mkfifo pipe", "violation"),
        ("git init -q sub && touch sub/x", "violation"),
        ("echo x > 'a\nb'", "violation"),
        ("for f in *; do echo junk >> $f; done", "violation"),
        ("echo 'loss: 0' >> program.md", "violation"),
        ("exit 9", "duplicate"),
    ],
)
def test_agents_that_change_nothing_everything_or_the_wrong_thing(project, line, outcome):
    project.overnight("run", "--experiments", 1, "--agent", f"command {line}")
    assert [row["outcome"] for row in project.log()] == ["baseline", outcome]


def test_a_program_that_is_not_utf8(project):
    project.write({"program.md": PROGRAM.encode() + b"\xff\xfe"})
    refused(project, "run", says=["UTF-8"])


def test_an_unknown_command_is_named(project):
    message = refused(project, "runn", says=["runn"])
    assert "run" in message


def test_a_read_only_repository_says_so(project, tmp_path):
    refs = project.root / ".git"
    subprocess.run(["mount", "--bind", str(refs), str(refs)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(refs)], check=True)
        done = project.overnight("run", code=2)
        assert "read-only" in done.stderr or "cannot be written" in done.stderr
    finally:
        subprocess.run(["umount", str(refs)], check=True)


def fill(path):
    """Write until the disk is full."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, b"x" * 4096)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def test_a_full_disk_loses_nothing(project, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(small)], check=True)
    try:
        subprocess.run(["cp", "-a", str(project.root), str(small / "project")], check=True)
        inside = Project(small / "project", tmp_path / "cache")
        inside.overnight(
            "run", "--experiments", 1, "--agent", project.script(step(replace=[["model.py", "X = 5", "X = 3"]]))
        )
        room = small / "room"
        fill(room)
        done = inside.overnight("run", "--experiments", 40, code=None)
        assert done.returncode == 2, done.stderr + done.stdout
        assert "full" in done.stderr or "space" in done.stderr
        room.unlink()
        inside.git("fsck", "--full")
        inside.overnight("run", "--experiments", 3)
        assert inside.status()["experiments"] == 3
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
