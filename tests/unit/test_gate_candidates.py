"""What an honest agent does passes the gate and becomes a tree."""

import shutil
from pathlib import Path

import pygit2
import pytest
from gate_room import Room, a_contract, git, picture

from overnight.errors import MachineError
from overnight.workspace.objects import blob_id


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_an_untouched_checkout_is_its_parent(room: Room) -> None:
    change = room.gate()
    assert (change.tree, change.commit, change.parent) == (room.tree, room.commit, room.commit)
    assert (change.paths, change.breaches, change.dropped) == ((), (), ())
    assert change.loc == 4


def test_an_edit_becomes_a_commit_on_its_parent(room: Room) -> None:
    (room.work / "train.py").write_text("rate = 0.2\ndepth = 4\n\nwidth = 3\n")
    change = room.gate("Raise the rate\nand more words")
    commit = room.repository.pygit[change.commit]
    assert isinstance(commit, pygit2.Commit)
    assert [str(parent) for parent in commit.parent_ids] == [room.commit]
    assert (str(commit.tree_id), commit.message) == (change.tree, "Raise the rate")
    assert (commit.author.name, commit.author.email) == ("overnight", "overnight@localhost")
    assert room.content(change, "train.py") == b"rate = 0.2\ndepth = 4\n\nwidth = 3\n"
    assert (change.paths, change.added, change.deleted) == (("train.py",), 3, 1)
    assert change.loc == 5


def test_the_same_edit_gives_the_same_tree_and_commit(room: Room, tmp_path: Path) -> None:
    (room.work / "train.py").write_text("rate = 0.2\n")
    first = room.gate()
    again = tmp_path / "again"
    room.trees.checkout(first.tree, again)
    assert room.trees.gate(again, room.commit, room.contract, "a try") == first


def test_everything_else_in_the_tree_is_the_parents(room: Room, tmp_path: Path) -> None:
    (room.work / "src/deep/layer.py").write_text("width = 9\n")
    change = room.gate()
    room.trees.checkout(change.tree, tmp_path / "out")
    assert picture(tmp_path / "out") == picture(room.work)
    assert git(room.repository.root, "diff", "--name-only", room.commit, change.commit) == "src/deep/layer.py"
    assert git(room.repository.root, "fsck", "--strict", "--no-dangling") == ""


def test_new_files_and_folders_inside_edit_are_taken(room: Room) -> None:
    (room.work / "src/new/far").mkdir(parents=True)
    (room.work / "src/new/far/x.py").write_text("x\n")
    assert room.content(room.gate(), "src/new/far/x.py") == b"x\n"


def test_deleted_files_inside_edit_are_gone(room: Room) -> None:
    shutil.rmtree(room.work / "src/deep")
    change = room.gate()
    assert change.breaches == ()
    assert sorted(room.repository.files(change.tree)) == [
        ".gitignore", "prepare.py", "program.md", "src/model.py", "tool.sh", "train.py",
    ]  # fmt: skip


def test_everything_may_be_deleted_when_everything_is_editable(tmp_path: Path) -> None:
    room = Room(tmp_path, "**", files={"a.py": "1\n", "b/c.py": "2\n"})
    shutil.rmtree(room.work)
    room.work.mkdir()
    change = room.gate()
    assert (change.breaches, change.paths, change.loc, change.deleted) == ((), ("a.py", "b/c.py"), 0, 2)
    assert dict(room.repository.files(change.tree)) == {}


def test_a_file_may_become_a_folder_and_a_folder_a_file(room: Room) -> None:
    (room.work / "src/model.py").unlink()
    (room.work / "src/model.py").mkdir()
    (room.work / "src/model.py/inner.py").write_text("a\n")
    shutil.rmtree(room.work / "src/deep")
    (room.work / "src/deep").write_text("b\n")
    change = room.gate()
    assert change.breaches == ()
    assert room.content(change, "src/model.py/inner.py") == b"a\n"
    assert room.content(change, "src/deep") == b"b\n"
    assert room.content(change, "src/deep/layer.py") is None


def test_the_execute_bit_inside_edit_is_kept(room: Room) -> None:
    (room.work / "train.py").chmod(0o755)
    change = room.gate()
    assert (change.paths, change.added, change.deleted) == (("train.py",), 0, 0)
    assert room.repository.files(change.tree)["train.py"].mode == 0o100755


def test_other_permission_bits_do_not_count(room: Room) -> None:
    (room.work / "train.py").chmod(0o600)
    (room.work / "prepare.py").chmod(0o666)
    assert room.gate().tree == room.tree


def test_bytes_that_are_no_text_are_taken_as_they_are(room: Room) -> None:
    raw = bytes(range(256)) * 3
    (room.work / "src/table.bin").write_bytes(raw)
    change = room.gate()
    assert room.content(change, "src/table.bin") == raw
    assert (change.added, change.deleted) == (0, 0)


def test_line_endings_stay_what_they_are(tmp_path: Path) -> None:
    room = Room(tmp_path, "train.py", files={"train.py": b"a\r\nb\n", ".gitattributes": "* text=auto eol=crlf\n"})
    assert room.gate().tree == room.tree
    (room.work / "train.py").write_bytes(b"a\r\nc\n")
    assert room.content(room.gate(), "train.py") == b"a\r\nc\n"


def test_globs_count_from_the_folder_of_program_md(tmp_path: Path) -> None:
    files = {"lab/program.md": "#\n", "lab/train.py": "1\n", "train.py": "2\n"}
    room = Room(tmp_path, "train.py", files=files, folder="lab")
    (room.work / "lab/train.py").write_text("3\n")
    assert room.content(room.gate(), "lab/train.py") == b"3\n"
    (room.work / "train.py").write_text("4\n")
    assert room.refusal() == ("train.py", "outside-edit")


def test_litter_is_dropped_and_named(room: Room) -> None:
    for name in ("src/__pycache__/model.pyc", "run.log", "build/deep/out.o", ".claude/settings.json", ".aider.chat"):
        (room.work / name).parent.mkdir(parents=True, exist_ok=True)
        (room.work / name).write_text("x")
    change = room.gate()
    assert (change.tree, change.breaches) == (room.tree, ())
    assert change.dropped == (".aider.chat", ".claude/", "build/", "run.log", "src/__pycache__/")


def test_links_and_pipes_in_ignored_folders_are_only_litter(room: Room) -> None:
    (room.work / "build").mkdir()
    (room.work / "build/passwords").symlink_to("/etc/passwd")
    (room.work / "build/.git").mkdir()
    change = room.gate()
    assert (change.breaches, change.dropped) == ((), ("build/",))


def test_a_tracked_file_that_is_ignored_is_no_litter(tmp_path: Path) -> None:
    room = Room(tmp_path, "train.py", files={"train.py": "1\n", "keep.log": "x\n", ".gitignore": "*.log\n"})
    (room.work / "keep.log").write_text("y\n")
    assert room.refusal() == ("keep.log", "outside-edit")


def test_the_agents_own_gitignore_hides_nothing(tmp_path: Path) -> None:
    room = Room(tmp_path, "train.py", ".gitignore")
    (room.work / ".gitignore").write_text("*\n")
    (room.work / "judge.cfg").write_text("x\n")
    assert room.refusal() == ("judge.cfg", "outside-edit")


def test_an_ignored_file_that_edit_covers_is_taken(room: Room) -> None:
    (room.work / "src/notes.log").write_text("x\n")
    assert room.content(room.gate(), "src/notes.log") == b"x\n"


def test_an_ignored_folder_is_entered_only_when_edit_names_it(tmp_path: Path) -> None:
    room = Room(tmp_path, "**/*.cu")
    (room.work / "build").mkdir()
    (room.work / "build/k.cu").write_text("x\n")
    assert room.gate().dropped == ("build/",)
    room.contract = a_contract("build/*.cu")
    assert room.content(room.gate(), "build/k.cu") == b"x\n"


def test_many_dropped_names_are_counted(room: Room) -> None:
    for index in range(80):
        (room.work / f"{index:02}.log").write_text("x")
    dropped = room.gate().dropped
    assert (len(dropped), dropped[0], dropped[-1]) == (50, "00.log", "and 31 more")


def test_environment_folders_are_not_looked_at(tmp_path: Path) -> None:
    room = Room(tmp_path, "train.py", env_dirs=(".venv", "tracked"), files={"train.py": "1\n", "tracked/x": "1\n"})
    (room.work / ".venv").mkdir()
    (room.work / ".venv/python").symlink_to("/usr/bin/python3")
    shutil.rmtree(room.work / "tracked")
    (room.work / "tracked").mkdir()
    assert room.gate().tree == room.tree


def test_an_empty_file_left_by_a_mount_is_dropped(tmp_path: Path) -> None:
    room = Room(tmp_path, "train.py", data=("corpus.bin",), hide=("answers/**",))
    (room.work / "corpus.bin").touch()
    assert room.gate().dropped == ("corpus.bin",)
    (room.work / "corpus.bin").write_text("mine")
    assert room.refusal() == ("corpus.bin", "outside-edit")


def test_empty_folders_are_no_change(room: Room) -> None:
    (room.work / "scratch/deep").mkdir(parents=True)
    assert room.gate().tree == room.tree


@pytest.mark.parametrize(
    ("summary", "subject"),
    [
        ("", "An experiment without a summary"),
        ("\n\n", "An experiment without a summary"),
        ("a\x1b[31mb\tc", "a [31mb c"),
        ("  Try  this ", "Try this"),
        ("\ud800bad", "bad"),
        ("x" * 999, "x" * 199 + "…"),
    ],
)
def test_only_plain_words_reach_the_commit(room: Room, summary: str, subject: str) -> None:
    (room.work / "train.py").write_text("1\n")
    commit = room.repository.pygit[room.gate(summary).commit]
    assert isinstance(commit, pygit2.Commit)
    assert commit.message == subject


def test_a_large_text_is_counted_too(tmp_path: Path) -> None:
    old = "".join(f"line {index}\n" for index in range(60_000))
    room = Room(tmp_path, "train.py", files={"train.py": old})
    (room.work / "train.py").write_text(old.replace("line 7\n", "line seven\n") + "more\n")
    change = room.gate()
    assert (change.added, change.deleted, change.loc) == (2, 1, 60_001)


def test_an_object_that_cannot_be_written_is_our_problem(room: Room) -> None:
    objects = room.repository.common_dir / "objects"
    text = next(text for text in map(str, range(999)) if not (objects / blob_id(text.encode())[:2]).exists())
    (room.work / "train.py").write_text(text)
    (objects / blob_id(text.encode())[:2]).write_text("a file where git wants a folder")
    with pytest.raises(MachineError, match="could not be written"):
        room.gate()
