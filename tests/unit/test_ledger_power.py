"""After a power cut everything durable is there, the rest is whole or gone, and the study goes on by itself.

A cut is played honestly: whatever was written and not synced since the log began (loose objects, the ref) is lost,
emptied, halved, zeroed or kept, each file by itself; what was synced (the log) stays, with any part of a record that
was not finished behind it; and the machine has another boot.
"""

import os
import random
import shutil
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_repo import candidate, fsck, git, ids, loose, note, repository

from overnight.errors import ConflictError, LedgerError
from overnight.ledger import Journal
from overnight.model.event import Noted

REF = "refs/overnight/s/ledger"
FATES = ["kept", "lost", "empty", "half", "zeros"]


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return Night(tmp_path_factory.mktemp("night"))


class Night:
    """Three experiments that were judged, and one whose proposal was not measured yet: its entries are not durable."""

    def __init__(self, folder):
        self.repo = repository(folder / "repo")
        journal = Journal(self.repo / ".git", "s")
        base = git(self.repo, "rev-parse", "HEAD")
        head = journal.append(note("opened"), head="", candidate=base, durable=True)
        before = loose(self.repo)
        self.heads, self.candidates, self.durable = [head], [], [head]
        for number in range(4):
            self.heads.append(journal.append(note(f"asked {number}"), head=self.heads[-1]))
            commit = candidate(self.repo, number, text="x" * 300)
            self.heads.append(journal.append(note(f"proposed {number}"), head=self.heads[-1], candidate=commit))
            if number < 3:
                self.candidates.append(commit)
                self.heads.append(journal.append(note(f"judged {number}"), head=self.heads[-1], durable=True))
                self.durable = list(self.heads)
        self.unsynced = sorted(loose(self.repo) - before)
        self.commit = commit

    def copy(self, folder):
        shutil.copytree(self.repo, folder, symlinks=True, dirs_exist_ok=True)
        return folder


def strike(repo, oid, fate):
    """What the cut leaves of a loose object."""
    path = repo / ".git/objects" / oid[:2] / oid[2:]
    data = path.read_bytes()
    path.chmod(0o644)
    if fate == "lost":
        path.unlink()
    else:
        path.write_bytes({"kept": data, "empty": b"", "half": data[: len(data) // 2], "zeros": bytes(len(data))}[fate])


def restarted(patch, name="another boot"):
    for module in ("log", "recovery"):
        patch.setattr(f"overnight.ledger.{module}.boot", lambda: name)


def everything(repo):
    return {path: path.read_bytes() for path in (repo / ".git").rglob("*") if path.is_file()}


def go_on(journal, text="goes on"):
    """Append as whoever writes does: read again after a conflict."""
    for _ in range(3):
        try:
            return journal.append(note(text), head=journal.head(), durable=True)
        except ConflictError:
            continue
    raise AssertionError("an append must succeed after the history was put right")


def told(journal):
    """What the history says of the cut."""
    notes = [event for _, events in journal.read() for event in events]
    return [event.text for event in notes if isinstance(event, Noted) and "the machine went down" in event.text]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_everything_durable_survives_any_cut(night, tmp_path_factory, data):
    repo = night.copy(tmp_path_factory.mktemp("cut"))
    fates = {oid: data.draw(st.sampled_from(FATES), label=oid[:7]) for oid in night.unsynced}
    for oid, fate in fates.items():
        strike(repo, oid, fate)
    ref = data.draw(st.sampled_from(["", "\0" * 41, *night.heads]), label="ref")
    (repo / ".git" / REF).write_text(ref if not ref or ref[0] == "\0" else ref + "\n")
    log = repo / ".git/overnight/s/log"
    whole = log.read_bytes()
    cut = data.draw(st.integers(0, 400), label="bytes of an unfinished record")
    log.write_bytes(whole + whole[-400:][:cut])
    with pytest.MonkeyPatch.context() as patch:
        restarted(patch)
        before = everything(repo)
        seen = ids(Journal(repo / ".git", "s"))
        assert everything(repo) == before, "looking writes nothing"
        assert seen[: len(night.durable)] == night.durable
        assert seen == night.heads[: len(seen)]
        after = go_on(Journal(repo / ".git", "s"))
        journal = Journal(repo / ".git", "s")
        found = ids(journal)
        assert found[: len(seen)] == seen
        assert found[-1] == after
        assert all(git(repo, "show", f"{commit}:lib/a.py") for commit in night.candidates)
        fsck(repo)
        untouched = ref == night.heads[-1] and set(fates.values()) == {"kept"}
        assert bool(told(journal)) == (not untouched)
        journal.compact()
        assert ids(Journal(repo / ".git", "s")) == found
        fsck(repo)


def test_a_restart_that_lost_nothing_keeps_what_was_not_durable_and_says_nothing(night, tmp_path, monkeypatch):
    repo = night.copy(tmp_path)
    restarted(monkeypatch)
    journal = Journal(repo / ".git", "s")
    assert ids(journal) == night.heads
    after = journal.append(note("at once"), head=night.heads[-1])
    assert ids(journal) == [*night.heads, after]


def test_a_proposal_whose_files_were_lost_is_given_up_in_words(night, tmp_path, monkeypatch):
    """Entries may be whole while what they name is not: the candidate could never be measured."""
    repo = night.copy(tmp_path)
    strike(repo, git(repo, "rev-parse", f"{night.commit}:lib/a.py"), "empty")
    restarted(monkeypatch)
    assert ids(Journal(repo / ".git", "s")) == night.durable
    go_on(Journal(repo / ".git", "s"))
    (words,) = told(Journal(repo / ".git", "s"))
    assert "1 damaged object of unfinished writes removed" in words
    assert "the ref set to the last durable entry" in words
    assert "a proposal that came after the last of them may be lost" in words


def test_a_second_cut_while_it_is_being_put_right_is_put_right(night, tmp_path, monkeypatch):
    repo = night.copy(tmp_path)
    for oid in night.unsynced:
        strike(repo, oid, "lost")
    restarted(monkeypatch)
    go_on(Journal(repo / ".git", "s"), "after the first")
    found = ids(Journal(repo / ".git", "s"))
    for oid in night.unsynced:
        if oid in loose(repo):
            strike(repo, oid, "empty")
    (repo / ".git" / REF).write_text(night.heads[1] + "\n")
    restarted(monkeypatch, "a third boot")
    assert ids(Journal(repo / ".git", "s")) == found
    go_on(Journal(repo / ".git", "s"), "after the second")
    assert ids(Journal(repo / ".git", "s"))[: len(found)] == found
    fsck(repo)


def test_an_object_that_was_being_written_does_not_poison_the_next_try(night, tmp_path, monkeypatch):
    """git takes a file that is there for whole: the same candidate proposed again would otherwise stay empty."""
    repo = night.copy(tmp_path)
    commit = candidate(repo, 99)
    blob = git(repo, "rev-parse", f"{commit}:lib/a.py")
    strike(repo, blob, "empty")
    restarted(monkeypatch)
    go_on(Journal(repo / ".git", "s"))
    assert candidate(repo, 99) == commit
    assert git(repo, "show", f"{commit}:lib/a.py") == "a = 99"


def test_what_is_in_a_pack_is_not_looked_for_in_the_log(night, tmp_path, monkeypatch):
    repo = night.copy(tmp_path)
    journal = Journal(repo / ".git", "s")
    size = (repo / ".git/overnight/s/log").stat().st_size
    journal.compact()
    assert (repo / ".git/overnight/s/log").stat().st_size < size / 4
    (repo / ".git" / REF).write_text("")
    restarted(monkeypatch)
    assert ids(Journal(repo / ".git", "s")) == night.heads


@pytest.mark.parametrize("size", [100_000, 400_000, 3_000_000])
def test_what_is_large_is_synced_where_it_lies(night, tmp_path, monkeypatch, size):
    """The log holds what is small and what is large is as durable."""
    repo = night.copy(tmp_path)
    journal = Journal(repo / ".git", "s")
    synced = set()

    def seen(descriptor, sync=os.fsync):
        synced.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    commit = candidate(repo, 7, text=random.Random(0).randbytes(size).hex())
    journal.append(note("large"), head=night.heads[-1], candidate=commit, durable=True)
    blob = git(repo, "rev-parse", f"{commit}:lib/a.py")
    log = (repo / ".git/overnight/s/log").read_bytes()
    alone = str(repo / ".git/objects" / blob[:2] / blob[2:])
    assert (blob.encode() in log) != (alone in synced)
    assert len(log) < 256 * 1024


@pytest.mark.parametrize(
    ("content", "words"),
    [("garbage\n", "instead of naming a commit"), ("HEAD", "not an entry of overnight"), (None, "was deleted")],
)
def test_what_no_power_cut_does_is_an_error_also_after_a_restart(night, tmp_path, monkeypatch, content, words):
    repo = night.copy(tmp_path)
    ref = repo / ".git" / REF
    if content is None:
        ref.unlink()
    else:
        ref.write_text(git(repo, "rev-parse", "HEAD") + "\n" if content == "HEAD" else content)
    restarted(monkeypatch)
    journal = Journal(repo / ".git", "s")
    for act in (journal.read, lambda: [journal.append(note(), head=night.heads[-1])]):
        with pytest.raises(LedgerError, match=words):
            list(act())


def test_while_the_machine_runs_a_rewound_ref_is_somebody_s_doing(night, tmp_path):
    repo = night.copy(tmp_path)
    git(repo, "update-ref", REF, night.heads[2])
    with pytest.raises(LedgerError, match="does not contain the last entry"):
        ids(Journal(repo / ".git", "s"))


def test_where_the_system_does_not_tell_its_boots_apart_it_heals_as_after_a_restart(night, tmp_path, monkeypatch):
    repo = night.copy(tmp_path)
    restarted(monkeypatch, "")
    go_on(Journal(repo / ".git", "s"), "written in an unknown boot")
    found = ids(Journal(repo / ".git", "s"))
    (repo / ".git" / REF).write_text("")
    assert ids(Journal(repo / ".git", "s")) == found
    go_on(Journal(repo / ".git", "s"))
    assert len(told(Journal(repo / ".git", "s"))) == 1


def test_half_written_objects_are_counted_until_the_next_append_has_removed_them(night, tmp_path, monkeypatch):
    """So that nobody reads them through libgit2, which would never come back."""
    repo = night.copy(tmp_path)
    assert Journal(repo / ".git", "s").unfinished() == 0
    stray = repo / ".git/objects/ab" / ("c" * 38)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(zlib.compress(b"blob 1000\0" + bytes(1000))[:-9])
    assert Journal(repo / ".git", "s").unfinished() == 0, "while the machine runs it is somebody's own write"
    restarted(monkeypatch)
    journal = Journal(repo / ".git", "s")
    assert journal.unfinished() == 1
    go_on(journal)
    assert journal.unfinished() == 0
    assert not stray.exists()
