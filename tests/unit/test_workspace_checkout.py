"""A tree on disk: the blobs' bytes, the right modes, and nothing outside."""

import os
import stat
from pathlib import Path

import pytest
from gate_room import FILES, git, make_repository

from overnight.errors import MachineError, RepositoryError
from overnight.workspace import Repository, Trees
from overnight.workspace.objects import write_tree


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "repo")


def planted(repository: Repository, path: str, mode: int, data: bytes) -> str:
    """HEAD's tree with one more entry."""
    blob = str(repository.pygit.create_blob(data))
    tree = write_tree(repository.pygit, repository.head()[1], {path: (mode, blob)})
    assert tree is not None
    return tree


def forged(repository: Repository, name: str) -> str:
    """A tree object with an entry that git itself would never write."""
    blob = str(repository.pygit.create_blob(b"evil\n"))
    raw = b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob)
    return str(repository.pygit.odb.write(2, raw))


def test_every_file_is_there_with_its_bytes(repository: Repository, tmp_path: Path) -> None:
    out = tmp_path / "new/out"
    Trees(repository).checkout(repository.head()[1], out)
    assert {str(path.relative_to(out)): path.read_text() for path in out.rglob("*") if path.is_file()} == FILES


def test_modes_are_right_whatever_the_umask(repository: Repository, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        Trees(repository).checkout(repository.head()[1], tmp_path / "out")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out/train.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "out/tool.sh").stat().st_mode) == 0o755


def test_an_empty_folder_may_be_there_already(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    Trees(repository).checkout(repository.head()[1], tmp_path / "out")
    assert (tmp_path / "out/train.py").exists()


def test_nothing_that_exists_is_overwritten_or_followed(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/train.py").symlink_to(tmp_path / "victim")
    with pytest.raises(MachineError, match="could not be written"):
        Trees(repository).checkout(repository.head()[1], tmp_path / "out")
    assert not (tmp_path / "victim").exists()


def test_a_link_in_place_of_the_folder_is_not_followed(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MachineError):
        Trees(repository).checkout(repository.head()[1], tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("target", [b"train.py", b"src/../train.py", b"./src", b"nowhere", b"self"])
def test_a_link_that_stays_inside_is_made(repository: Repository, tmp_path: Path, target: bytes) -> None:
    tree = planted(repository, "self", 0o120000, target)
    Trees(repository).checkout(tree, tmp_path / "out")
    made = os.readlink(os.fsencode(tmp_path / "out/self"))
    assert made == target


@pytest.mark.parametrize("target", [b"/etc/passwd", b"..", b"../x", b"src/../../x", b"a/../../../x"])
def test_a_link_that_leaves_the_tree_is_refused_by_name(repository: Repository, tmp_path: Path, target: bytes) -> None:
    tree = planted(repository, "src/out", 0o120000, b"../" + target if target != b"/etc/passwd" else target)
    with pytest.raises(RepositoryError, match="src/out -> "):
        Trees(repository).checkout(tree, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_that_leaves_through_another_link_is_refused(repository: Repository, tmp_path: Path) -> None:
    here = str(repository.pygit.create_blob(b"."))
    away = str(repository.pygit.create_blob(b"a/a/a/../../../x"))
    changes = {"a": (0o120000, here), "b": (0o120000, away)}
    tree = write_tree(repository.pygit, repository.head()[1], changes)
    assert tree is not None
    with pytest.raises(RepositoryError, match="out of the repository: b -> "):
        Trees(repository).checkout(tree, tmp_path / "out")


def test_a_submodule_is_an_empty_folder(repository: Repository, tmp_path: Path) -> None:
    git(repository.root, "update-index", "--add", "--cacheinfo", f"160000,{repository.head()[0]},lib")
    git(repository.root, "commit", "-m", "submodule")
    Trees(repository).checkout(repository.head()[1], tmp_path / "out")
    assert list((tmp_path / "out/lib").iterdir()) == []


@pytest.mark.parametrize("name", ["..", ".", ".git", "GIT~1", "../up", "a/b"])
def test_a_forged_tree_reaches_nothing(repository: Repository, tmp_path: Path, name: str) -> None:
    with pytest.raises(RepositoryError, match="which no checkout may have"):
        Trees(repository).checkout(forged(repository, name), tmp_path / "in/out")
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"evil\n"] == []


def test_names_that_are_not_utf8_are_written_as_they_are(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo", {os.fsdecode(b"\xff\xfe.py"): "x\n"})
    Trees(repository).checkout(repository.head()[1], tmp_path / "out")
    assert [os.fsencode(path.name) for path in (tmp_path / "out").iterdir()] == [b"\xff\xfe.py"]


def test_the_tree_without_files_is_an_empty_folder(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repo", {})
    Trees(repository).checkout(repository.head()[1], tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_no_filter_of_the_person_runs(repository: Repository, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    git(repository.root, "config", "filter.loud.smudge", f"touch {canary}; cat")
    (repository.root / ".gitattributes").write_text("*.py filter=loud\n")
    git(repository.root, "add", ".gitattributes")
    git(repository.root, "commit", "-m", "filter")
    Trees(repository).checkout(repository.head()[1], tmp_path / "out")
    assert (tmp_path / "out/train.py").read_text() == FILES["train.py"]
    assert not canary.exists()
