"""Killed at any point, the history is whole, git finds everything in order, and the next process goes on."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from ledger_repo import candidate, fill, fsck, git, ids, loose, note, repository

from overnight.ledger import Journal

STEPS = """
import os, shutil, signal, stat, sys
from pathlib import Path
from overnight.ledger import Journal
from overnight.model.event import Noted

WATCHED = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.chmod"}
origin, folder, act = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

def work(git_dir):
    journal = Journal(git_dir, "s")
    if act == "append":
        last = journal.append((Noted(kind="person", text="last"),), head=journal.head(), durable=True)
        (git_dir.parent / "acknowledged").write_text(last)
    else:
        journal.compact()

number = 0
while True:
    copy = folder / str(number)
    shutil.copytree(origin, copy, symlinks=True)
    child = os.fork()
    if not child:
        left = number
        def watch(event, arguments):
            global left
            if event in WATCHED:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        def torn(descriptor, sync=os.fsync):
            global left
            left -= 1
            if left < 0:
                found = os.fstat(descriptor)
                if stat.S_ISREG(found.st_mode):
                    os.ftruncate(descriptor, found.st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)
            sync(descriptor)
        def half(write):
            def torn(descriptor, data, *place):
                global left
                left -= 1
                if left < 0:
                    write(descriptor, data[:len(data) // 2], *place)
                    os.kill(os.getpid(), signal.SIGKILL)
                return write(descriptor, data, *place)
            return torn
        os.fsync = torn
        os.write, os.pwrite = half(os.write), half(os.pwrite)
        sys.addaudithook(watch)
        work(copy / ".git")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
    number += 1
"""


def killed_at_every_step(origin, folder, act):
    """One copy of `origin` for each file-system step of `act`, killed just before it; the last one was not killed.

    A kill in a write leaves half of what was to be written; so does a kill before a sync, for files that Python writes.
    """
    folder.mkdir()
    subprocess.run([sys.executable, "-c", STEPS, origin, folder, act], check=True)
    copies = sorted(folder.iterdir(), key=lambda path: int(path.name))
    assert len(copies) > 10
    return copies


def test_an_append_killed_at_any_step_is_whole_or_absent(tmp_path):
    origin = repository(tmp_path / "origin")
    written = fill(Journal(origin / ".git", "s"), 3, durable=True)
    copies = killed_at_every_step(origin, tmp_path / "copies", "append")
    lengths = set()
    for copy in copies:
        journal = Journal(copy / ".git", "s")
        found = ids(journal)
        assert found[:3] == written
        acknowledged = copy / "acknowledged"
        if acknowledged.exists():
            assert found[3:] == [acknowledged.read_text()]
        lengths.add(len(found))
        after = journal.append(note("goes on"), head=journal.head(), durable=True)
        assert ids(journal) == [*found, after]
        assert not list((copy / ".git").rglob("*.lock")) or not (copy / ".git/refs/overnight/s/ledger.lock").exists()
        fsck(copy)
    assert lengths == {3, 4}


def test_a_first_append_killed_at_any_step_leaves_a_study_that_can_begin(tmp_path):
    origin = repository(tmp_path / "origin")
    for copy in killed_at_every_step(origin, tmp_path / "copies", "append"):
        journal = Journal(copy / ".git", "s")
        assert len(ids(journal)) in (0, 1)
        journal.append(note("goes on"), head=journal.head(), durable=True)
        fsck(copy)


def test_a_compaction_killed_at_any_step_loses_nothing(tmp_path):
    origin = repository(tmp_path / "origin")
    journal = Journal(origin / ".git", "s")
    theirs = loose(origin)
    commits = []
    for number in range(6):
        commits.append(candidate(origin, number))
        journal.append(note(), head=journal.head(), candidate=commits[-1])
        if number in (1, 3):
            journal.compact()
    written = ids(journal)
    for copy in killed_at_every_step(origin, tmp_path / "copies", "compact"):
        fsck(copy)
        mine = Journal(copy / ".git", "s")
        assert ids(mine) == written
        mine.compact()
        fsck(copy)
        assert ids(mine) == written
        assert {git(copy, "cat-file", "-t", commit) for commit in commits} == {"commit"}
        assert loose(copy) == theirs
        folder = copy / ".git/objects/pack"
        assert not list(folder.glob("tmp*"))
        assert {path.stem for path in folder.glob("*.pack")} == {path.stem for path in folder.glob("*.idx")}
        shutil.rmtree(copy)


LOOP = """
import sys
from pathlib import Path
from overnight.ledger import Journal
from overnight.model.event import Noted
journal = Journal(Path(sys.argv[1]), "s")
head = journal.head()
number = 0
while True:
    number += 1
    head = journal.append((Noted(kind="person", text=str(number)),), head=head, durable=number % 3 == 0)
    print(head, flush=True)
    if number % 7 == 0:
        journal.compact()
"""


@pytest.mark.parametrize("seed", range(6))
def test_what_was_acknowledged_survives_a_kill_at_any_time(tmp_path, seed):
    repo = repository(tmp_path / "repo")
    acknowledged = []
    wait = random.Random(seed)
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", LOOP, repo / ".git"], stdout=subprocess.PIPE, text=True)
        first = child.stdout.readline().strip()
        time.sleep(wait.uniform(0, 0.1))  # the moment of the kill is what is tested
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read()
        child.stdout.close()
        child.wait()
        acknowledged += [first, *(line for line in rest.split("\n") if len(line) == 40)]
        found = ids(Journal(repo / ".git", "s"))
        assert [entry for entry in found if entry in set(acknowledged)] == acknowledged
        fsck(repo)
