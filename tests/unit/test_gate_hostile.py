"""What a hostile agent leaves is a breach with a name, never a candidate and never an exception."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from gate_room import Room, git

from overnight.model.event import Proposed, decode, encode
from overnight.rules.scope import LARGEST_FILE


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_change_outside_edit_is_a_breach(room: Room) -> None:
    (room.work / "prepare.py").write_text("print('mine')\n")
    assert room.refusal() == ("prepare.py", "outside-edit")


def test_a_change_of_the_same_size_outside_edit_is_a_breach(room: Room) -> None:
    same = (room.work / "prepare.py").stat()
    (room.work / "prepare.py").write_text("print('judgE')\n")
    os.utime(room.work / "prepare.py", ns=(same.st_atime_ns, same.st_mtime_ns))
    assert room.refusal() == ("prepare.py", "outside-edit")


def test_a_new_file_outside_edit_is_a_breach(room: Room) -> None:
    (room.work / "sitecustomize.py").write_text("x\n")
    assert room.refusal() == ("sitecustomize.py", "outside-edit")


def test_a_deletion_outside_edit_is_a_breach(room: Room) -> None:
    (room.work / "prepare.py").unlink()
    assert room.refusal() == ("prepare.py", "outside-edit")


def test_an_execute_bit_outside_edit_is_a_breach(room: Room) -> None:
    (room.work / "prepare.py").chmod(0o755)
    assert room.refusal() == ("prepare.py", "mode")


def test_program_md_is_locked_even_when_edit_covers_it(tmp_path: Path) -> None:
    room = Room(tmp_path, "**")
    (room.work / "program.md").write_text("budget: {wall: 9h}\n")
    assert room.refusal() == ("program.md", "program")


def test_one_breach_keeps_every_other_change_out(room: Room) -> None:
    (room.work / "train.py").write_text("better\n")
    (room.work / "prepare.py").unlink()
    change = room.gate()
    assert (change.tree, change.commit, change.added) == (room.tree, room.commit, 0)
    assert change.paths == ("prepare.py", "train.py")


@pytest.mark.parametrize("target", ["/etc/passwd", "../prepare.py", "model.py", "nowhere", "."])
def test_a_symlink_is_a_breach(room: Room, target: str) -> None:
    (room.work / "src/link.py").symlink_to(target)
    assert room.refusal() == ("src/link.py", "link")


def test_a_file_replaced_by_a_link_is_a_breach(room: Room) -> None:
    (room.work / "train.py").unlink()
    (room.work / "train.py").symlink_to("/etc/hostname")
    assert room.refusal() == ("train.py", "link")


def test_a_folder_replaced_by_a_link_is_not_followed(room: Room, tmp_path: Path) -> None:
    shutil.move(room.work / "src", tmp_path / "elsewhere")
    (room.work / "src").symlink_to(tmp_path / "elsewhere")
    change = room.gate()
    assert [(item.path, item.rule) for item in change.breaches] == [("src", "link")]
    assert change.paths == ("src", "src/deep/layer.py", "src/model.py")


def test_a_tracked_link_may_stay_and_may_not_change(tmp_path: Path) -> None:
    base = tmp_path / "repo"
    room = Room(tmp_path / "one", "**")
    (room.repository.root / "same.py").symlink_to("train.py")
    git(room.repository.root, "add", "-A")
    git(room.repository.root, "commit", "-m", "link")
    room.commit, room.tree = room.repository.head()
    room.trees.checkout(room.tree, base)
    room.work = base
    assert (base / "same.py").readlink() == Path("train.py")
    assert room.gate().tree == room.tree
    (base / "same.py").unlink()
    (base / "same.py").symlink_to("prepare.py")
    assert room.refusal() == ("same.py", "link")


def test_a_hard_link_is_a_breach(room: Room, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("answers\n")
    os.link(secret, room.work / "src/answers.py")
    assert room.refusal() == ("src/answers.py", "link")


def test_a_fifo_is_a_breach_and_nobody_waits_for_it(room: Room) -> None:
    os.mkfifo(room.work / "src/pipe")
    assert room.refusal() == ("src/pipe", "device")


def test_a_file_replaced_by_a_fifo_is_a_breach(room: Room) -> None:
    (room.work / "train.py").unlink()
    os.mkfifo(room.work / "train.py")
    assert room.refusal() == ("train.py", "device")


def test_a_socket_is_a_breach(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(room.work)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("src/door")
    assert room.refusal() == ("src/door", "device")


def test_a_device_is_a_breach(room: Room) -> None:
    try:
        os.mknod(room.work / "src/zero", 0o020666, os.makedev(1, 5))
    except PermissionError:
        # Only root can make a device; whoever cannot, sees the other kind of node that is not a file.
        os.mkfifo(room.work / "src/zero")
    assert room.refusal() == ("src/zero", "device")


def test_a_repository_inside_is_a_breach(room: Room) -> None:
    subprocess.run(["git", "init", "-q", room.work / "src/inner"], check=True, capture_output=True)
    assert room.refusal() == ("src/inner/.git", "submodule")


def test_a_repository_at_the_top_is_a_breach(room: Room) -> None:
    (room.work / ".git").mkdir()
    assert room.refusal() == (".git", "submodule")


@pytest.mark.parametrize("name", [".git", ".GIT", ".Git ", ".git.", "git~1", ".g\u200cit", ".git:x"])
def test_a_file_that_git_reads_as_its_folder_is_a_breach(room: Room, name: str) -> None:
    (room.work / "src" / name).write_text("gitdir: /tmp/evil\n")
    assert room.refusal()[1] == "submodule"


def test_a_filled_submodule_is_a_breach_and_an_empty_one_is_not(tmp_path: Path) -> None:
    room = Room(tmp_path, "**")
    root = room.repository.root
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{room.commit},lib")
    git(root, "commit", "-m", "submodule")
    room.commit, room.tree = room.repository.head()
    room.work = tmp_path / "second"
    room.trees.checkout(room.tree, room.work)
    assert list((room.work / "lib").iterdir()) == []
    assert room.gate().tree == room.tree
    (room.work / "lib/x.py").write_text("x\n")
    assert room.refusal() == ("lib", "submodule")
    shutil.rmtree(room.work / "lib")
    assert room.gate().tree == room.tree
    (room.work / "lib").write_text("x\n")
    assert room.refusal() == ("lib", "submodule")


@pytest.mark.parametrize(
    "name",
    [b"a\nb", b"a\rb", b"a\x1b[2J", b"a\\b", b"trail.", b"trail ", b"\xff\xfe", b"nul", b"a\xe2\x80\xaeb", b"x" * 255],
)
def test_an_odd_name_is_a_breach(room: Room, name: bytes) -> None:
    with open(os.fsencode(room.work) + b"/src/" + name, "wb") as file:
        file.write(b"x\n")
    change = room.gate()
    if name == b"x" * 255:
        assert change.breaches == ()
        return
    assert [item.rule for item in change.breaches] == ["odd-name"]
    assert change.breaches[0].path.isprintable()


def test_a_breach_with_any_name_can_be_written_to_the_ledger(room: Room) -> None:
    with open(os.fsencode(room.work) + b"/src/\xff\n\x1b[31m", "wb"):
        pass
    change = room.gate()
    event = Proposed(
        number=1, tree=change.tree, commit=change.commit, parent_commit=change.parent, paths=change.paths,
        breaches=change.breaches,
    )  # fmt: skip
    assert decode(encode((event,))) == (event,)


@pytest.mark.parametrize(("old", "new"), [("model.py", "Model.py"), ("caf\u00e9.py", "cafe\u0301.py")])
def test_names_that_other_file_systems_confuse_are_a_breach(tmp_path: Path, old: str, new: str) -> None:
    room = Room(tmp_path, "src/**", files={f"src/{old}": "1\n"})
    (room.work / "src" / new).write_text("2\n")
    assert room.refusal()[1] == "case-collision"


def test_a_change_of_case_alone_is_allowed(room: Room) -> None:
    (room.work / "src/model.py").rename(room.work / "src/Model.py")
    assert room.gate().breaches == ()


def test_a_file_of_fifty_megabytes_is_a_breach(room: Room) -> None:
    (room.work / "train.py").write_bytes(b"x" * (50 * 1024**2))
    assert room.refusal() == ("train.py", "too-large")


def test_a_file_at_the_limit_is_taken_and_one_byte_more_is_not(room: Room) -> None:
    (room.work / "train.py").write_bytes(b"x" * LARGEST_FILE)
    assert room.gate().breaches == ()
    (room.work / "train.py").write_bytes(b"x" * (LARGEST_FILE + 1))
    assert room.refusal() == ("train.py", "too-large")


def test_a_sparse_terabyte_is_a_breach_and_is_not_read(room: Room) -> None:
    with (room.work / "src/huge.bin").open("wb") as file:
        file.truncate(1024**4)
    before = time.process_time()
    assert room.refusal() == ("src/huge.bin", "too-large")
    assert time.process_time() - before < 1


def test_too_many_bytes_together_are_a_breach(room: Room) -> None:
    for index in range(11):
        (room.work / f"src/{index}.bin").write_bytes(bytes([index]) * (10 * 1024**2))
    change = room.gate()
    assert change.tree == room.tree
    assert {item.rule for item in change.breaches} == {"too-large"}


def test_too_many_files_are_a_breach(room: Room) -> None:
    for index in range(20_001):
        os.mkdir(room.work / f"src/{index}")
    change = room.gate()
    assert change.tree == room.tree
    assert [item.rule for item in change.breaches] == ["too-large"]


def test_folders_without_end_are_a_breach(room: Room) -> None:
    deep = room.work / "src"
    for _ in range(140):
        deep /= "d"
        deep.mkdir()
    (deep / "x.py").write_text("x\n")
    assert room.refusal()[1] == "too-large"


def test_a_large_tracked_file_may_stay(tmp_path: Path) -> None:
    room = Room(tmp_path, "train.py", files={"train.py": "1\n", "weights.bin": os.urandom(11 * 1024**2)})
    assert room.gate().tree == room.tree
    with (room.work / "weights.bin").open("r+b") as file:
        file.write(b"changed")
    assert room.refusal() == ("weights.bin", "outside-edit")


def test_many_breaches_are_counted(room: Room) -> None:
    for index in range(80):
        (room.work / f"{index:02}.txt").write_text("x")
    found = room.gate().breaches
    assert (len(found), found[0].path, found[-1].detail) == (50, "00.txt", "31 more such changes")


def test_a_workspace_that_is_gone_is_a_deletion_of_everything(room: Room) -> None:
    shutil.rmtree(room.work)
    change = room.gate()
    assert len(change.paths) == 7
    assert {item.rule for item in change.breaches} == {"outside-edit", "program"}


def test_a_workspace_that_became_a_link_is_a_breach(room: Room, tmp_path: Path) -> None:
    shutil.move(room.work, tmp_path / "moved")
    room.work.symlink_to(tmp_path / "moved")
    assert room.refusal() == (".", "mode")


def test_files_that_cannot_be_read_are_a_breach(room: Room) -> None:
    (room.work / "train.py").chmod(0)
    (room.work / "src/deep").chmod(0)
    script = (
        "import sys; from pathlib import Path; from gate_room import a_contract\n"
        "from overnight.workspace.gate import Parent, compare; from overnight.workspace.walk import Walk\n"
        "from overnight.workspace import Entry\n"
        "files = {p: Entry(0o100644, 'x', 1) for p in ('train.py', 'src/deep/layer.py')}\n"
        "walk = Walk(Parent(files, frozenset({'src', 'src/deep'}), {}), a_contract('**'))\n"
        "import os; os.chdir(sys.argv[1])\n"
        "os.getuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534))\n"
        "walk.read(Path('.'))\n"
        "print(sorted((b.path, b.rule) for b in walk.breaches))\n"
        "print([t.path for t in compare(files, walk) if t.kind == 'deleted'])\n"
    )
    room.work.chmod(0o755)
    done = subprocess.run(
        [os.sys.executable, "-c", script, room.work], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["[('src/deep', 'mode'), ('train.py', 'mode')]", "[]"]


def test_nothing_of_git_runs_in_the_agents_folder(room: Room, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    payload = tmp_path / "payload.sh"
    payload.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    payload.chmod(0o755)
    git(room.work, "init")
    for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.external"):
        git(room.work, "config", key, str(payload))
    for hook in ("pre-commit", "post-checkout", "post-index-change"):
        shutil.copy(payload, room.work / ".git/hooks" / hook)
    (room.work / "src/.gitattributes").write_text("* filter=evil diff=evil\n")
    (room.work / "train.py").write_text("changed\n")
    assert room.refusal() == (".git", "submodule")
    shutil.rmtree(room.work / ".git")
    room.contract = type(room.contract)(
        title="", prose="", objective=room.contract.objective, edit=("train.py", "src/**"), run="x"
    )
    change = room.gate()
    assert change.breaches == ()
    room.trees.checkout(change.tree, tmp_path / "measured")
    assert room.content(change, "src/.gitattributes") == b"* filter=evil diff=evil\n"
    assert not canary.exists()
    git(room.repository.root, "-c", f"core.fsmonitor={payload}", "status")
    assert canary.exists(), "the canary itself must be able to sing"
