import os
import socket

import pytest

from overnight.judge.artifacts import freeze, settle
from overnight.judge.scratch import discard, private_folder
from overnight.model.experiment import Failure

MEBIBYTE = 1024**2


@pytest.fixture
def left(tmp_path):
    """What the candidate left behind."""
    folder = tmp_path / "left"
    (folder / "out").mkdir(parents=True)
    return folder


@pytest.fixture
def judge(tmp_path):
    """The judge's own tree."""
    folder = tmp_path / "judge"
    folder.mkdir()
    (folder / "judge.py").write_text("print('val: 1')")
    return folder


def refused(left, judge, *globs, largest=MEBIBYTE) -> str:
    failure = freeze(left, judge, globs or ("out/**",), largest=largest)
    assert isinstance(failure, Failure)
    assert failure.code == "artifact"
    return failure.detail


def test_matching_files_are_copied_and_nothing_else(left, judge):
    (left / "out" / "pred.bin").write_bytes(b"\x00\x01")
    (left / "out" / "notes.txt").write_text("secret plans")
    assert freeze(left, judge, ("out/*.bin",), largest=MEBIBYTE) == ("out/pred.bin",)
    assert (judge / "out" / "pred.bin").read_bytes() == b"\x00\x01"
    assert [path.name for path in (judge / "out").iterdir()] == ["pred.bin"]


def test_globs_count_from_the_folder_of_the_program(left, judge):
    (left / "sub").mkdir()
    (left / "sub" / "pred").write_text("inner")
    (left / "pred").write_text("outer")
    (judge / "sub").mkdir()
    assert freeze(left, judge, ("pred",), largest=MEBIBYTE, folder="sub") == ("pred",)
    assert (judge / "sub" / "pred").read_text() == "inner"
    assert not (judge / "pred").exists()


def test_a_program_folder_that_became_a_link_is_not_followed(left, judge, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "pred").write_text("stolen")
    (left / "sub").symlink_to(tmp_path / "outside")
    failure = freeze(left, judge, ("pred",), largest=MEBIBYTE, folder="sub")
    assert isinstance(failure, Failure)
    assert "No file matches" in failure.detail


def test_a_missing_artefact_fails_though_others_are_there(left, judge):
    (left / "out" / "a").touch()
    assert "'out/b'" in refused(left, judge, "out/a", "out/b")


def test_an_empty_file_is_an_artefact(left, judge):
    (left / "out" / "a").touch()
    assert freeze(left, judge, ("out/a",), largest=0) == ("out/a",)


def test_a_symlink_is_refused(left, judge):
    (left / "out" / "pred").symlink_to("/etc/passwd")
    assert "is a link" in refused(left, judge)


def test_a_linked_folder_is_not_entered(left, judge):
    (left / "deep").symlink_to("/etc")
    assert "No file matches" in refused(left, judge, "deep/passwd")


def test_a_hard_link_is_refused(left, judge):
    (left / "out" / "pred").write_text("x")
    (left / "other").hardlink_to(left / "out" / "pred")
    assert "hard links" in refused(left, judge)


def test_a_pipe_is_refused_without_waiting_for_a_writer(left, judge):
    os.mkfifo(left / "out" / "pred")
    assert "is a pipe" in refused(left, judge)


def test_a_socket_is_refused(left, judge, monkeypatch):
    monkeypatch.chdir(left / "out")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("pred")
    assert "is a socket" in refused(left, judge)


def test_a_sparse_terabyte_is_refused(left, judge):
    with (left / "out" / "pred").open("wb") as file:
        file.truncate(1024**4)
    assert "1099511627776 bytes" in refused(left, judge)


def test_all_together_are_held_to_the_limit(left, judge):
    for name in "ab":
        (left / "out" / name).write_bytes(bytes(600))
    assert "more than budget.disk" in refused(left, judge, largest=1000)


def test_so_many_that_copying_them_would_take_the_night_are_refused(left, judge, monkeypatch):
    monkeypatch.setattr("overnight.judge.artifacts.MOST_FILES", 3)
    for name in "abc":
        (left / "out" / name).write_text("1")
    assert sorted(freeze(left, judge, ("out/**",), largest=MEBIBYTE)) == ["out/a", "out/b", "out/c"]
    (left / "out" / "d").write_text("1")
    (judge / "out").rename(judge / "before")
    assert "More than 3 files match" in refused(left, judge)


def test_a_file_of_the_judge_is_never_replaced(left, judge):
    (judge / "answers.txt").write_text("42")
    (left / "answers.txt").write_text("whatever I said")
    assert "in the way" in refused(left, judge, "*.txt")
    assert (judge / "answers.txt").read_text() == "42"


def test_a_file_of_the_judge_is_no_folder_for_artefacts(left, judge):
    (judge / "out").write_text("a file")
    (left / "out" / "pred").touch()
    assert "in the way" in refused(left, judge)


def test_nothing_is_written_through_a_link_of_the_judge(left, judge, tmp_path):
    (tmp_path / "outside").mkdir()
    (judge / "out").symlink_to(tmp_path / "outside")
    (left / "out" / "pred").touch()
    assert "in the way" in refused(left, judge)
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize(
    "path", ["conftest.py", "out/json.PY", "out/x.pth", "out/x.so", "out/x.pyc", "out/__pycache__/judge.dat"]
)
def test_what_the_judge_could_import_is_refused(left, judge, path):
    (left / path).parent.mkdir(exist_ok=True)
    (left / path).touch()
    assert "could import" in refused(left, judge, "**")


def test_places_of_our_own_mounts_are_not_the_candidates(left, judge):
    (left / "out" / "corpus").touch()
    (left / "out" / "pred").touch()
    assert freeze(left, judge, ("out/**",), largest=9, ignore=("out/corpus",)) == ("out/pred",)


def test_settling_keeps_files_folders_and_links_that_stay_inside(tmp_path):
    (tmp_path / "tree" / "a").mkdir(parents=True)
    tree = tmp_path / "tree"
    (tree / "a" / "model").write_text("weights")
    (tree / "a" / "good").symlink_to("../a/model")
    (tree / "a" / "up").symlink_to("../../outside")
    (tree / "absolute").symlink_to("/etc/passwd")
    (tree / "round").symlink_to("a/../../tree/a")
    os.mkfifo(tree / "pipe")
    settle(tree)
    assert sorted(str(path.relative_to(tree)) for path in tree.rglob("*")) == ["a", "a/good", "a/model"]


def test_settling_opens_folders_that_were_closed_on_purpose(tmp_path):
    (tmp_path / "closed").mkdir()
    os.mkfifo(tmp_path / "closed" / "pipe")
    (tmp_path / "closed").chmod(0)
    settle(tmp_path)
    assert not list((tmp_path / "closed").iterdir())


def test_a_private_folder_is_ours_alone_and_gone_afterwards(tmp_path):
    with private_folder(tmp_path / "new") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
    assert not list((tmp_path / "new").iterdir())


def test_discarding_follows_no_link(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "link").symlink_to(tmp_path / "precious")
    discard(tmp_path / "scratch")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert (tmp_path / "precious" / "file").exists()


def test_discarding_is_not_stopped_by_modes_names_or_files_in_its_way(tmp_path):
    scratch = tmp_path / "scratch"
    (scratch / "a" / "b" / "c").mkdir(parents=True)
    (scratch / "a" / "b" / "c" / "file").touch()
    (scratch / "overnight-1").touch()
    (scratch / "overnight-2" / "x").mkdir(parents=True)
    os.mkfifo(scratch / "a" / "line\nbreak \xff")
    for folder in ("a/b/c", "a/b", "a"):
        (scratch / folder).chmod(0)
    scratch.chmod(0)
    discard(scratch)
    assert not scratch.exists()


def test_discarding_is_not_stopped_by_depth(tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    handle = os.open(scratch, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deeper-and-deeper", dir_fd=handle)
        inner = os.open("deeper-and-deeper", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(handle)
    discard(scratch)
    assert not scratch.exists()
