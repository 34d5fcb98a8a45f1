import hashlib
import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from ledger_repo import candidate, fill, fsck, git, ids, note, repository

from overnight.errors import ConflictError, RepositoryError, UsageError
from overnight.ledger import Journal


@pytest.fixture
def repo(tmp_path):
    return repository(tmp_path / "repo")


@pytest.fixture
def journal(repo):
    return Journal(repo / ".git", "s")


def fingerprint(folder):
    """Every file outside overnight's places, with content and mode."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith((".git/objects/", ".git/refs/overnight", ".git/overnight")) or path.is_dir():
            continue
        found[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode, path.stat().st_mtime_ns)
    return found


def test_the_person_s_repository_is_untouched(repo, journal):
    git(repo, "config", "core.logAllRefUpdates", "always")
    before = fingerprint(repo)
    head = ""
    for number in range(5):
        head = journal.append(note(), head=head, candidate=candidate(repo, number), durable=True)
    journal.compact()
    list(journal.read())
    assert fingerprint(repo) == before


def test_looking_at_a_study_that_never_ran_writes_nothing(repo, journal):
    before = {path: path.stat().st_mtime_ns for path in repo.rglob("*")}
    assert (journal.head(), list(journal.read())) == ("", [])
    assert {path: path.stat().st_mtime_ns for path in repo.rglob("*")} == before


def test_git_log_reads_as_a_story(repo, journal):
    commit = candidate(repo, 1)
    first = journal.append(note("begin"), head="")
    second = journal.append(note("try\x1b[31m\n\nit"), head=first, candidate=commit)
    lines = git(repo, "log", "--first-parent", "--format=%H|%P|%an|%ae|%s", "refs/overnight/s/ledger").split("\n")
    assert lines[0] == f"{second}|{first} {commit}|overnight|overnight@localhost|note (person): try [31m it"
    assert lines[1].endswith("|overnight|overnight@localhost|note (person): begin")
    assert git(repo, "ls-tree", "-r", second) == ""
    fsck(repo)


def test_no_reflog_is_written(repo, journal):
    git(repo, "config", "core.logAllRefUpdates", "always")
    fill(journal, 3, durable=True)
    assert not (repo / ".git/logs/refs/overnight").exists()


def test_reading_goes_on_after_the_person_s_git_packed_everything(repo, journal):
    written = fill(journal, 5)
    git(repo, "pack-refs", "--all", "--prune")
    assert not (repo / ".git/refs/overnight/s/ledger").exists()
    git(repo, "gc", "-q", "--prune=now")
    assert ids(journal) == written
    written += fill(journal, 2, head=written[-1], durable=True)
    assert ids(Journal(repo / ".git", "s")) == written
    assert git(repo, "rev-parse", "refs/overnight/s/ledger") == written[-1]


def test_studies_do_not_see_each_other(repo):
    one, two = Journal(repo / ".git", "one"), Journal(repo / ".git", "two")
    fill(one, 2)
    assert two.head() == ""
    fill(two, 1)
    assert (len(ids(one)), len(ids(two))) == (2, 1)


def test_a_linked_worktree_shares_the_history(repo, journal):
    git(repo, "worktree", "add", "-q", "--detach", repo.parent / "linked")
    written = fill(journal, 2)
    linked = Journal(repo / ".git/worktrees/linked", "s")
    assert ids(linked) == written
    written.append(linked.append(note(), head=written[-1], durable=True))
    assert ids(journal) == written


def test_a_candidate_must_be_a_commit_of_this_repository(repo, journal):
    blob = git(repo, "rev-parse", "HEAD:train.py")
    for wrong in (blob, "f" * 40, "not an id"):
        with pytest.raises(ValueError, match="candidate"):
            journal.append(note(), head="", candidate=wrong)
    assert journal.head() == ""


def test_each_round_of_a_race_has_one_winner(repo):
    rounds, writers = 30, 4
    results = []
    barrier = threading.Barrier(writers)

    def write(name):
        mine = Journal(repo / ".git", "s")
        for number in range(rounds):
            head = mine.head()
            barrier.wait()
            with suppress(ConflictError):
                results.append((number, mine.append(note(f"{name} {number}"), head=head, durable=number % 2 == 0)))
            barrier.wait()

    threads = [threading.Thread(target=write, args=(name,)) for name in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [number for number, _ in sorted(results)] == list(range(rounds))
    assert ids(Journal(repo / ".git", "s")) == [entry for _, entry in sorted(results, key=lambda pair: pair[0])]


def test_an_append_between_two_looks_of_a_reader_does_not_mislead_it(repo, journal, monkeypatch):
    written = fill(journal, 2, durable=True)
    reader = Journal(repo / ".git", "s")
    look = reader._ref.read

    def look_and_be_overtaken():
        monkeypatch.undo()
        tip = look()
        journal.append(note("meanwhile"), head=tip, durable=True)
        return tip

    monkeypatch.setattr(reader._ref, "read", look_and_be_overtaken)
    assert ids(reader) == written
    assert len(ids(reader)) == 3


def test_two_processes_that_retry_lose_nothing(repo):
    program = """
import sys
from pathlib import Path
from overnight.errors import ConflictError
from overnight.ledger import Journal
from overnight.model.event import Noted
journal = Journal(Path(sys.argv[1]), "s")
done = 0
while done < 40:
    try:
        journal.append((Noted(kind="person", text=f"{sys.argv[2]} {done}"),), head=journal.head())
        done += 1
    except ConflictError:
        pass
"""
    children = [subprocess.Popen([sys.executable, "-c", program, repo / ".git", name]) for name in ("a", "b")]
    assert [child.wait() for child in children] == [0, 0]
    texts = [events[0].text for _, events in Journal(repo / ".git", "s").read()]
    assert len(texts) == 80
    for name in ("a", "b"):
        assert [text for text in texts if text[0] == name] == [f"{name} {number}" for number in range(40)]


def test_a_lock_that_a_killed_overnight_left_is_removed(repo, journal):
    head = journal.append(note(), head="")
    spare, lock = repo / ".git/overnight/s/ref.new", repo / ".git/refs/overnight/s/ledger.lock"
    spare.write_text("f" * 40 + "\n")
    os.link(spare, lock)
    following = journal.append(note("next"), head=head)
    assert ids(journal) == [head, following]
    assert not lock.exists()
    assert not spare.exists()


def test_the_lock_of_another_git_is_respected(repo, journal, monkeypatch):
    monkeypatch.setattr("overnight.ledger.refs._PATIENCE", 0.05)
    head = journal.append(note(), head="")
    lock = repo / ".git/refs/overnight/s/ledger.lock"
    lock.write_text("")
    with pytest.raises(RepositoryError, match=r"another git process holds .*ledger\.lock"):
        journal.append(note("next"), head=head)
    assert lock.exists()
    assert ids(journal) == [head]


def test_any_configuration_and_owner_will_do(repo, tmp_path):
    """A broken global configuration, a foreign owner and odd settings: none of them is ours to mind."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[broken\n")
    for setting in (
        "includeIf.gitdir:/x.path=/nowhere",
        "include.path=/nowhere",
        "core.fsync=all",
        "core.compression=9",
        "gc.auto=1",
        "commit.gpgSign=true",
        "i18n.commitEncoding=latin1",
    ):
        git(repo, "config", *setting.split("="))
    program = """
import sys
from pathlib import Path
from overnight.ledger import Journal
from overnight.model.event import Noted
journal = Journal(Path(sys.argv[1]), "s")
journal.append((Noted(kind="person", text="x"),), head="", durable=True)
journal.compact()
print(len(list(journal.read())))
"""
    env = os.environ | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    if os.geteuid() == 0:
        for path in [repo, *repo.rglob("*")]:
            os.chown(path, 12345, 12345)
    done = subprocess.run(
        [sys.executable, "-c", program, repo / ".git"], env=env, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_path_that_is_not_utf8_will_do(tmp_path):
    repo = repository(tmp_path / os.fsdecode(b"caf\xe9 \xff"))
    journal = Journal(repo / ".git", "s")
    written = fill(journal, 3, durable=True)
    journal.compact()
    assert ids(journal) == written


@pytest.mark.parametrize("name", ["", "Ä", "a b", "../x", "A", "a/b", "a" * 41, ".packs", "a\n"])
def test_an_odd_study_name_is_refused(repo, name):
    with pytest.raises(UsageError, match="cannot name a study"):
        Journal(repo / ".git", name)


def test_a_folder_that_is_no_repository_is_refused(tmp_path):
    with pytest.raises(RepositoryError, match="not the folder of a git repository"):
        Journal(tmp_path, "s")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ("[extensions]\n\tobjectFormat = sha256\n", "sha256"),
        ("[extensions]\n\trefStorage = reftable\n", "reftable"),
        ("[core\n", "cannot be read"),
    ],
)
def test_a_repository_of_an_unknown_format_is_refused(repo, settings, word):
    with (repo / ".git/config").open("a") as file:
        file.write(settings)
    with pytest.raises(RepositoryError, match=word):
        Journal(repo / ".git", "s")
