import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_repo import fill, fsck, ids, note, repository

from overnight.errors import MachineError, RepositoryError
from overnight.ledger import Journal
from overnight.ledger.disk import exclusive, explain, make_folders, replace_file, write_new

APPEND = """
import sys
from pathlib import Path
from overnight.errors import OvernightError
from overnight.ledger import Journal
from overnight.model.event import Noted
journal = Journal(Path(sys.argv[1]), "s")
head = journal.head()
try:
    for number in range(3000):
        head = journal.append((Noted(kind="person", text=str(number) + "x" * 200),), head=head, durable=True)
except OvernightError as error:
    print(type(error).__name__, str(error).replace(sys.argv[1], "REPO"))
assert journal.head() == head
assert len(list(journal.read())) >= 2
"""


def boxed(*words, program):
    system = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    done = subprocess.run([*system, *words, *program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_read_only_repository_is_read_and_not_written(tmp_path):
    repo = repository(tmp_path / "repo")
    fill(Journal(repo / ".git", "s"), 2, durable=True)
    said = boxed(program=[sys.executable, "-c", APPEND, repo / ".git"])
    assert said.startswith("RepositoryError cannot write the history in REPO: Read-only file system")
    assert "make it writable" in said


def test_a_full_disk_loses_nothing_and_says_so(tmp_path):
    repo = repository(tmp_path / "repo")
    fill(Journal(repo / ".git", "s"), 2, durable=True)
    small = ["--size", "1048576", "--tmpfs", "/mnt"]
    work = (
        f'cp -r {repo}/.git /mnt/git && "$0" -c "$1" /mnt/git && git --git-dir=/mnt/git fsck --full --no-dangling >&2'
    )
    said = boxed(*small, program=["sh", "-ec", work, sys.executable, APPEND])
    assert said.startswith("MachineError cannot write the history in REPO: the disk or its quota is full")


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (errno.ENOSPC, MachineError, "full"),
        (errno.EDQUOT, MachineError, "full"),
        (errno.EROFS, RepositoryError, "writable"),
        (errno.EACCES, RepositoryError, "writable"),
        (errno.EIO, MachineError, "Input/output error"),
    ],
)
def test_what_the_person_can_mend_is_told_from_a_broken_machine(code, kind, words):
    error = explain(OSError(code, os.strerror(code)), "write the history", Path("/x"))
    assert type(error) is kind
    assert words in str(error)
    assert "/x" in str(error)


def test_a_durable_append_is_one_sync_of_the_log_after_everything_has_its_name(tmp_path):
    """And what is not durable costs none."""
    repo = repository(tmp_path / "repo")
    fill(Journal(repo / ".git", "s"), 1, durable=True)
    program = """
import os, sys
from pathlib import Path
from overnight.ledger import Journal
from overnight.model.event import Noted
def seen(descriptor):
    print("sync", os.readlink(f"/proc/self/fd/{descriptor}"))
os.fsync = os.fdatasync = seen
sys.addaudithook(lambda event, args: print("name", args[1]) if event == "os.rename" else None)
journal = Journal(Path(sys.argv[1]), "s")
first = journal.append((Noted(kind="person", text="not durable"),), head=journal.head())
print("durable")
second = journal.append((Noted(kind="person", text="durable"),), head=first, durable=True)
print(first, second)
"""
    done = subprocess.run([sys.executable, "-c", program, repo / ".git"], capture_output=True, text=True, check=True)
    *lines, entries = done.stdout.replace(str(repo / ".git"), "").splitlines()
    first, second = (f"name /objects/{entry[:2]}/{entry[2:]}" for entry in entries.split())
    moved = "name /refs/overnight/s/ledger"
    assert lines == [first, moved, "durable", second, moved, "sync /overnight/s/log"]


def test_half_a_file_never_stays(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(TypeError):
        replace_file(path, "text is not bytes")
    with pytest.raises(TypeError):
        write_new(tmp_path / "b", "text is not bytes")
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"a": "old"}


def test_a_new_file_never_replaces_one(tmp_path):
    write_new(tmp_path / "a", b"one")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"


def test_a_lock_excludes_and_is_free_again(tmp_path):
    with exclusive(tmp_path / "lock", wait=False) as had:
        assert had
        with exclusive(tmp_path / "lock", wait=False) as also:
            assert not also
    with exclusive(tmp_path / "lock", wait=False) as again:
        assert again


def test_folders_may_exist(tmp_path):
    make_folders(tmp_path / "a/b/c")
    make_folders(tmp_path / "a/b/c")
    assert (tmp_path / "a/b/c").is_dir()


def test_an_append_that_fails_can_be_repeated(tmp_path):
    repo = repository(tmp_path / "repo")
    journal = Journal(repo / ".git", "s")
    head = journal.append(note(), head="")
    blocked = repo / ".git/overnight/s/ref.new"
    blocked.mkdir()
    with pytest.raises((MachineError, RepositoryError)):
        journal.append(note("no"), head=head)
    blocked.rmdir()
    following = journal.append(note("yes"), head=head)
    assert ids(journal) == [head, following]
    fsck(repo)
