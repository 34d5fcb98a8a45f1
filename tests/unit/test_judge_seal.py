import os
import shutil
from pathlib import Path

import pytest

from overnight.errors import UsageError
from overnight.judge.environments import EnvironmentSeal
from overnight.judge.seal import Seal
from overnight.model.contract import Contract, Objective


class Disk:
    """A repository's folder and a home folder, and the seal on them."""

    def __init__(self, top: Path) -> None:
        self.root = top / "home" / "work" / "repository"
        self.home = top / "home"
        self.root.mkdir(parents=True)

    def write(self, path: str, text: str = "x") -> Path:
        file = (self.home / path[2:]) if path.startswith("~/") else self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def seal(self, data=(), hide=(), edit=("train.py",), folder="", env_dirs=()) -> Seal:
        objective = Objective(metric="loss")
        contract = Contract(
            title="", prose="", folder=folder, objective=objective, edit=edit, data=data, hide=hide, run="true",
            env_dirs=env_dirs,
        )  # fmt: skip
        return Seal.of(contract, self.root, self.home)


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def targets(seal: Seal, *, hidden: bool = False) -> list[str]:
    return [mount.target for mount in seal.mounts(hidden=hidden)]


def broken(seal: Seal) -> str:
    failure = seal.verify()
    assert failure is not None
    assert failure.code == "sealed"
    return failure.detail


def test_nothing_to_seal_is_intact_and_shows_nothing(disk):
    seal = disk.seal()
    assert seal.verify() is None
    assert seal.words() == ()
    assert seal.mounts(hidden=True) == ()


def test_untouched_files_are_intact(disk):
    disk.write("data/a")
    disk.write("answers/b")
    assert disk.seal(data=("data/**",), hide=("answers/**",)).verify() is None


def test_changed_bytes_break_the_seal_and_name_the_file(disk):
    file = disk.write("data/deep/a", "one")
    seal = disk.seal(data=("data/**",))
    file.write_text("two")
    assert "data/deep/a has other bytes" in broken(seal)


def test_a_hidden_file_is_read_again_though_its_times_say_that_nothing_happened(disk):
    file = disk.write("answers", "one")
    seal = disk.seal(hide=("answers",))
    found, digest = seal._files[str(file)]
    file.write_text("two")
    status = file.stat()
    forged = found._replace(mtime=status.st_mtime_ns, ctime=status.st_ctime_ns, inode=status.st_ino)
    seal._files[str(file)] = (forged, digest)
    assert "answers has other bytes" in broken(seal)


def test_a_touched_file_with_the_same_bytes_is_intact(disk):
    file = disk.write("data/a")
    seal = disk.seal(data=("data/**",))
    os.utime(file, (1, 1))
    assert seal.verify() is None


def test_a_file_that_went_breaks_the_seal(disk):
    file = disk.write("data/a")
    disk.write("data/b")
    seal = disk.seal(data=("data/**",))
    file.unlink()
    assert "data/a is gone" in broken(seal)


def test_a_file_that_came_breaks_the_seal(disk):
    disk.write("data/a")
    seal = disk.seal(data=("data/**",))
    disk.write("data/b")
    assert "data/b is new" in broken(seal)


def test_a_link_that_points_elsewhere_breaks_the_seal(disk):
    disk.write("data/a")
    link = disk.root / "data" / "link"
    link.symlink_to("/nowhere")
    seal = disk.seal(data=("data/**",))
    link.unlink()
    link.symlink_to("/elsewhere")
    assert "data/link has other bytes" in broken(seal)


def test_a_folder_without_a_match_is_the_persons_error(disk):
    with pytest.raises(UsageError, match=r"'dat/\*\*' matches no file"):
        disk.seal(data=("dat/**",))


def test_words_name_every_glob_and_follow_the_bytes(disk):
    file = disk.write("data/a", "one")
    disk.write("~/corpus/b")
    before = dict(disk.seal(data=("data/**", "~/corpus/**")).words())
    assert list(before) == ["data data/**", "data ~/corpus/**"]
    file.write_text("two")
    after = dict(disk.seal(data=("data/**", "~/corpus/**")).words())
    assert after["data data/**"] != before["data data/**"]
    assert after["data ~/corpus/**"] == before["data ~/corpus/**"]


def test_words_are_the_same_in_another_home(tmp_path):
    seals = []
    for name in ("one", "two"):
        disk = Disk(tmp_path / name)
        disk.write("~/corpus/b", "same")
        seals.append(disk.seal(data=("~/corpus/**",)).words())
    assert seals[0] == seals[1]


def test_a_folder_that_is_sealed_as_a_whole_is_shown_as_a_whole(disk):
    disk.write("data/a")
    disk.write("data/deep/b")
    assert targets(disk.seal(data=("data/**",))) == [str(disk.root / "data")]


def test_a_folder_with_other_files_is_shown_file_by_file(disk):
    disk.write("data/a.csv")
    disk.write("data/secret.txt")
    disk.write("data/deep/b.csv")
    assert targets(disk.seal(data=("data/**/*.csv",))) == [
        str(disk.root / "data" / "a.csv"),
        str(disk.root / "data" / "deep"),
    ]


def test_a_folder_with_a_socket_or_pipe_is_never_shown_as_a_whole(disk):
    disk.write("data/a")
    os.mkfifo(disk.root / "data" / "pipe")
    assert targets(disk.seal(data=("data/**",))) == [str(disk.root / "data" / "a")]


def test_hidden_files_are_shown_to_the_judge_alone(disk):
    disk.write("data/a")
    disk.write("data/answers/b")
    seal = disk.seal(data=("data/**",), hide=("data/answers/**",))
    assert targets(seal) == [str(disk.root / "data" / "a")]
    assert targets(seal, hidden=True) == [str(disk.root / "data")]


def test_files_that_the_candidate_may_edit_are_not_data(disk):
    disk.write("data/a")
    disk.write("data/model.py")
    seal = disk.seal(data=("data/**",), edit=("data/model.py",))
    assert targets(seal) == [str(disk.root / "data" / "a")]


def test_the_repository_and_the_home_are_never_shown_as_a_whole(disk):
    disk.write("a")
    assert targets(disk.seal(data=("**",))) == [str(disk.root / "a")]
    assert targets(disk.seal(data=("~/**",))) == [str(disk.root / "a")]


def test_single_files_below_home_and_at_absolute_places(disk, tmp_path):
    disk.write("~/one/a")
    disk.write("~/one/b")
    (tmp_path / "c").touch()
    seal = disk.seal(data=("~/one/a", str(tmp_path / "c")))
    assert targets(seal) == sorted([str(disk.home / "one" / "a"), str(tmp_path / "c")])


def test_globs_count_from_the_folder_of_the_program(disk):
    disk.write("sub/data/a")
    disk.write("data/b")
    assert targets(disk.seal(data=("data/**",), folder="sub")) == [str(disk.root / "sub" / "data")]
    assert targets(disk.seal(data=("../data/**",), folder="sub")) == [str(disk.root / "data")]


def test_a_linked_anchor_is_shown_at_its_own_place_from_the_real_one(disk, tmp_path):
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "a").touch()
    (disk.root / "data").symlink_to(tmp_path / "big")
    (mount,) = disk.seal(data=("data/**",)).mounts(hidden=False)
    assert (mount.target, mount.source) == (str(disk.root / "data"), str(tmp_path / "big"))


def test_a_link_out_of_the_data_is_not_followed(disk, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("one")
    disk.write("data/a")
    disk.write("data/other")
    (disk.root / "data" / "link").symlink_to(outside)
    seal = disk.seal(data=("data/a", "data/l*"))
    assert targets(seal) == [str(disk.root / "data" / "a")]
    outside.write_text("two")
    assert seal.verify() is None


def test_a_link_within_the_data_is_followed(disk):
    disk.write("~/hub/blobs/1", "one")
    (disk.home / "hub" / "snapshot").mkdir()
    (disk.home / "hub" / "snapshot" / "model").symlink_to("../blobs/1")
    seal = disk.seal(data=("~/hub/**",))
    assert targets(seal) == [str(disk.home / "hub")]
    disk.write("~/hub/blobs/1", "two")
    assert "has other bytes" in broken(seal)


def test_wildcards_in_the_repositorys_own_path_are_taken_literally(tmp_path):
    disk = Disk(tmp_path / "odd [a]*")
    disk.write("data/a")
    assert targets(disk.seal(data=("data/*",))) == [str(disk.root / "data")]


def test_a_glob_with_an_exclamation_mark_takes_files_out(disk):
    disk.write("data/a")
    disk.write("data/b")
    assert targets(disk.seal(data=("data/**", "!data/b"))) == [str(disk.root / "data" / "a")]


def test_the_repositorys_own_git_folder_is_not_data(disk):
    disk.write(".git/config")
    disk.write("a.csv")
    assert targets(disk.seal(data=("**",))) == [str(disk.root / "a.csv")]


@pytest.fixture
def installed(tmp_path):
    """An environment with one package, and how to seal it."""
    package = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages" / "package"
    package.mkdir(parents=True)
    (package / "code.py").write_text("x = 1\n")
    return package


def test_an_environment_that_is_as_it_was_is_intact(tmp_path, installed):
    seal = EnvironmentSeal(tmp_path, (".venv", "venv"))
    assert seal.changed() == seal.changed(everything=True) == ""
    assert [name for name, _ in seal.words()] == ["env .venv"]
    assert seal.words() == EnvironmentSeal(tmp_path, (".venv",)).words()


@pytest.mark.parametrize("what", ["installed", "removed", "another file", "renamed"])
def test_what_an_installer_does_to_an_environment_is_seen_around_the_next_reading(tmp_path, installed, what):
    seal = EnvironmentSeal(tmp_path, (".venv",))
    if what == "installed":
        (installed.parent / "other").mkdir()
        (installed.parent / "other" / "__init__.py").touch()
    elif what == "removed":
        shutil.rmtree(installed)
    elif what == "another file":
        (installed / "more.py").touch()
    else:
        (installed / "code.py").rename(installed / "encode.py")
    assert seal.changed() == ".venv"


def test_a_compiled_cache_is_no_change_of_an_environment(tmp_path, installed):
    seal = EnvironmentSeal(tmp_path, (".venv",))
    (installed / "__pycache__").mkdir()
    (installed / "__pycache__" / "code.cpython-311.pyc").write_bytes(b"1")
    assert seal.changed() == seal.changed(everything=True) == ""


def test_an_edit_in_place_in_an_environment_is_seen_when_everything_is_compared(tmp_path, installed):
    seal = EnvironmentSeal(tmp_path, (".venv",))
    (installed / "code.py").write_text("x = 1000\n")
    assert seal.changed(everything=True) == ".venv"


def test_a_seal_covers_the_environments_of_the_contract_and_names_the_broken_one(disk, tmp_path):
    package = disk.root / ".venv" / "lib"
    package.mkdir(parents=True)
    seal = disk.seal(env_dirs=(".venv",))
    assert [name for name, _ in seal.words()] == ["env .venv"]
    assert seal.verify() is None
    (package / "new.py").touch()
    failure = seal.verify()
    assert failure is not None
    assert failure.code == "sealed"
    assert failure.detail.startswith(".venv has other files")


def test_data_is_read_again_where_everything_is_looked_at_though_its_times_say_that_nothing_happened(disk):
    file = disk.write("data/x", "one")
    seal = disk.seal(data=("data/**",))
    found, digest = seal._files[str(file)]
    file.write_text("two")
    status = file.stat()
    forged = found._replace(mtime=status.st_mtime_ns, ctime=status.st_ctime_ns, inode=status.st_ino)
    seal._files[str(file)] = (forged, digest)
    assert seal.verify() is None
    failure = seal.verify(everything=True)
    assert failure is not None
    assert failure.detail.startswith("data/x has other bytes")
