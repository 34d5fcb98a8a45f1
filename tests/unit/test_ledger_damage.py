import re
import shutil
import subprocess

import pytest
from ledger_repo import fill, git, ids, note, repository

from overnight.errors import LedgerError
from overnight.ledger import Journal

REF = "refs/overnight/s/ledger"


@pytest.fixture
def repo(tmp_path):
    return repository(tmp_path / "a repo")


@pytest.fixture
def journal(repo):
    return Journal(repo / ".git", "s")


def complaint(journal):
    with pytest.raises(LedgerError) as caught:
        list(journal.read())
    return str(caught.value)


def mend(repo, words, which=0):
    """Run a command that the message names, exactly as it stands."""
    commands = re.findall("`([^`]*)`", words)
    subprocess.run(["sh", "-ec", commands[which]], cwd=repo, check=True, capture_output=True)


def test_a_deleted_ref_is_restored_by_the_command_in_the_message(repo, journal):
    written = fill(journal, 4, durable=True)
    git(repo, "update-ref", "-d", REF)
    words = complaint(journal)
    assert "was deleted" in words
    mend(repo, words)
    assert ids(journal) == written


def test_a_deleted_ref_is_no_empty_ledger(repo, journal):
    fill(journal, 2, durable=True)
    git(repo, "update-ref", "-d", REF)
    with pytest.raises(LedgerError):
        journal.head()
    with pytest.raises(LedgerError):
        journal.append(note(), head="")
    assert git(repo, "for-each-ref", "refs/overnight") == ""


def test_the_history_can_be_given_up(repo, journal):
    fill(journal, 2, durable=True)
    git(repo, "update-ref", "-d", REF)
    mend(repo, complaint(journal), 1)
    assert ids(journal) == []
    assert len(fill(journal, 1, durable=True)) == 1


def test_a_deleted_ref_whose_objects_are_gone_says_so(repo, journal):
    fill(journal, 2, durable=True)
    git(repo, "update-ref", "-d", REF)
    git(repo, "gc", "-q", "--prune=now")
    words = complaint(journal)
    assert "not in this repository" in words
    mend(repo, words)
    assert ids(journal) == []


@pytest.mark.parametrize("content", ["", "garbage", "ref: refs/heads/main\n", "a" * 39 + "\n"])
def test_a_ref_that_holds_nonsense_is_mended(repo, journal, content):
    written = fill(journal, 3, durable=True)
    (repo / ".git" / REF).write_text(content)
    words = complaint(journal)
    assert "instead of naming a commit" in words
    mend(repo, words)
    assert ids(journal) == written


def test_a_ref_that_holds_nonsense_can_be_given_up(repo, journal):
    fill(journal, 1, durable=True)
    (repo / ".git" / REF).write_text("garbage")
    mend(repo, complaint(journal), 1)
    assert ids(journal) == []


def test_a_ref_moved_back_is_noticed(repo, journal):
    written = fill(journal, 4, durable=True)
    git(repo, "update-ref", REF, written[1])
    words = complaint(journal)
    assert "does not contain the last entry" in words
    mend(repo, words)
    assert ids(journal) == written


def test_a_ref_moved_to_the_person_s_commit_is_noticed(repo, journal):
    written = fill(journal, 3, durable=True)
    git(repo, "update-ref", REF, "HEAD")
    words = complaint(journal)
    assert "not an entry of overnight" in words
    mend(repo, words)
    assert ids(journal) == written


def test_a_ref_to_an_object_that_is_missing_is_noticed(repo, journal):
    written = fill(journal, 3, durable=True)
    (repo / ".git" / REF).write_text("d" * 40 + "\n")
    words = complaint(journal)
    assert "missing" in words
    mend(repo, words)
    assert ids(journal) == written


def test_a_torn_entry_after_the_last_durable_one_is_cut_off_by_the_command(repo, journal):
    written = fill(journal, 3, durable=True)
    last = journal.append(note("not synced"), head=written[-1])
    path = repo / ".git/objects" / last[:2] / last[2:]
    path.chmod(0o644)
    path.write_bytes(b"")
    words = complaint(journal)
    assert last[:12] in words
    mend(repo, words)
    assert ids(journal) == written


def test_a_damaged_entry_in_the_middle_is_not_mended_by_moving_the_ref(repo, journal):
    written = fill(journal, 3, durable=True)
    path = repo / ".git/objects" / written[1][:2] / written[1][2:]
    path.unlink()
    words = complaint(journal)
    assert written[1][:12] in words
    assert "not in this repository" in words
    assert "--no-deref refs/overnight/s/ledger " + written[2] not in words


def test_events_of_a_newer_version_are_an_error_and_not_skipped(repo, journal):
    written = fill(journal, 2, durable=True)
    raw = subprocess.run(["git", "cat-file", "commit", written[1]], cwd=repo, check=True, capture_output=True).stdout
    raw = raw.replace(b'"event":"noted"', b'"event":"sung"').replace(b"\nparent", b"\nparent", 1)
    alien = git(repo, "hash-object", "-t", "commit", "-w", "--stdin", input=raw)
    git(repo, "update-ref", REF, alien)
    (repo / ".git/overnight/s/log").unlink()
    with pytest.raises(LedgerError, match=r"sung.*newer overnight"):
        list(journal.read())


def test_a_forked_history_is_noticed_by_an_incremental_reader(repo, journal):
    written = fill(journal, 3)
    git(repo, "update-ref", REF, written[0])
    fork = journal.append(note("elsewhere"), head=written[0])
    with pytest.raises(LedgerError, match="no longer contains"):
        list(journal.read(written[2]))
    assert list(journal.read(written[0])) == [(fork, note("elsewhere"))]


@pytest.mark.parametrize("content", [b"", b"overn", b"\0" * 50])
def test_a_log_that_was_never_finished_is_no_log(repo, journal, content):
    written = fill(journal, 3, durable=True)
    (repo / ".git/overnight/s/log").write_bytes(content)
    assert ids(journal) == written
    written += fill(journal, 1, head=written[-1], durable=True)
    git(repo, "update-ref", "-d", REF)
    assert "was deleted" in complaint(journal)


@pytest.mark.parametrize("content", [b"junk", b"overnight log 2 s\n", b"overnight log 1 another\n"])
def test_a_log_of_another_study_or_format_is_refused(repo, journal, content):
    written = fill(journal, 3, durable=True)
    log = repo / ".git/overnight/s/log"
    log.write_bytes(content + log.read_bytes())
    words = complaint(journal)
    assert "not a log that this overnight can read" in words
    with pytest.raises(LedgerError):
        journal.append(note(), head=written[-1])
    assert log.read_bytes().startswith(content)
    mend(repo, words)
    assert ids(journal) == written


def test_overnight_s_own_folder_may_be_deleted(repo, journal):
    written = fill(journal, 3, durable=True)
    shutil.rmtree(repo / ".git/overnight")
    assert ids(journal) == written
    written += fill(journal, 1, head=written[-1], durable=True)
    assert ids(journal) == written


def test_a_clone_has_the_history_without_the_hint(repo, journal, tmp_path):
    written = fill(journal, 3, durable=True)
    git(tmp_path, "init", "-q", "clone")
    git(tmp_path / "clone", "fetch", "-q", repo, "refs/overnight/*:refs/overnight/*")
    assert ids(Journal(tmp_path / "clone/.git", "s")) == written
