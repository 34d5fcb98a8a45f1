import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_repo import candidate, fill, fsck, git, ids, loose, note, opened, packs, repository

from overnight.ledger import Journal
from overnight.ledger.compact import _smallest
from overnight.model.contract import Contract, Objective

CONTRACT = Contract(title="t", prose="p", objective=Objective(metric="m"), edit=("a",), run="x")


@pytest.fixture
def repo(tmp_path):
    return repository(tmp_path / "repo")


@pytest.fixture
def journal(repo):
    return Journal(repo / ".git", "s")


def experiments(repo, journal, numbers):
    commits = []
    for number in numbers:
        commits.append(candidate(repo, number))
        journal.append(note(str(number)), head=journal.head(), candidate=commits[-1], durable=True)
    return commits


def test_everything_that_the_study_brought_moves_into_one_pack(repo, journal):
    theirs = loose(repo)
    commits = experiments(repo, journal, range(5))
    written = ids(journal)
    journal.compact()
    assert loose(repo) == theirs
    assert len(packs(repo)) == 1
    assert ids(journal) == ids(Journal(repo / ".git", "s")) == written
    assert [git(repo, "show", f"{commit}:lib/a.py") for commit in commits] == [f"a = {number}" for number in range(5)]
    fsck(repo)


def test_the_person_s_own_objects_stay_where_they_are(repo, journal):
    base = git(repo, "rev-parse", "HEAD")
    commit = candidate(repo, 7, who="Ann <ann@x>")
    theirs = loose(repo)
    head = journal.append(opened(CONTRACT, base), head="", candidate=base)
    head = journal.append(note("the same commit once more"), head=head, candidate=base)
    journal.append(note("a commit of the person"), head=head, candidate=commit)
    journal.compact()
    assert loose(repo) == theirs
    assert len(packs(repo)) == 1
    fsck(repo)


def test_nothing_to_pack_makes_no_pack(repo, journal):
    journal.compact()
    assert packs(repo) == []
    fill(journal, 2)
    journal.compact()
    before = packs(repo)
    journal.compact()
    assert packs(repo) == before


def test_it_is_due_every_hundred_entries_also_across_restarts(repo):
    head = ""
    done = []
    for _ in range(3):
        journal = Journal(repo / ".git", "s")
        for _ in range(60):
            head = journal.append(note(), head=head)
            done.append(journal.compact_if_due())
    assert [number + 1 for number, was in enumerate(done) if was] == [100]
    assert len(ids(journal)) == 180


def test_packs_stay_few_and_hold_everything(repo, journal):
    theirs = loose(repo)
    for start in range(0, 240, 6):
        experiments(repo, journal, range(start, start + 3))
        fill(journal, 3, head=journal.head())
        journal.compact()
    assert len(packs(repo)) <= 8
    assert loose(repo) == theirs
    assert len(ids(journal)) == 240
    fsck(repo)


def test_packs_of_the_person_are_never_touched(repo, journal):
    git(repo, "repack", "-q", "-a", "-d")
    (theirs,) = packs(repo)
    for _ in range(8):
        fill(journal, 2, head=journal.head())
        journal.compact()
    assert theirs in packs(repo)
    fsck(repo)


def test_a_pack_marked_keep_stays(repo, journal):
    fill(journal, 2)
    journal.compact()
    (kept,) = packs(repo)
    (repo / ".git/objects/pack" / f"{kept}.keep").write_text("")
    for _ in range(4):
        fill(journal, 2, head=journal.head())
        journal.compact()
    assert kept in packs(repo)
    fsck(repo)


def test_a_pack_in_an_index_over_many_packs_stays(repo, journal):
    fill(journal, 2)
    journal.compact()
    (indexed,) = packs(repo)
    git(repo, "multi-pack-index", "write")
    for _ in range(4):
        fill(journal, 2, head=journal.head())
        journal.compact()
    assert indexed in packs(repo)
    git(repo, "multi-pack-index", "verify")
    fsck(repo)


def test_the_person_s_own_repacking_in_between_loses_nothing(repo, journal):
    commits = []
    for number in range(6):
        commits += experiments(repo, journal, [number])
        journal.compact()
        if number % 2:
            git(repo, "gc", "-q", "--prune=now")
    assert len(ids(journal)) == 6
    assert {git(repo, "cat-file", "-t", commit) for commit in commits} == {"commit"}
    fsck(repo)


def test_a_pack_of_ours_that_was_changed_is_left_alone(repo, journal):
    """Two packs would be merged; one holds deltas now, so neither its bytes nor its name are trusted again."""
    fill(journal, 40)
    journal.compact()
    (name,) = packs(repo)
    git(repo, "repack", "-q", "-a", "-d", "-f", "--depth=50", "--window=50")
    (theirs,) = packs(repo)
    (repo / ".git/overnight/.packs" / name).unlink()
    (repo / ".git/overnight/.packs" / theirs).touch()
    fill(journal, 40, head=journal.head())
    journal.compact()
    assert theirs in packs(repo)
    assert len(ids(journal)) == 80
    fsck(repo)


def test_two_compactions_at_once_are_one(repo, journal):
    fill(journal, 30)
    program = (
        "import sys; from pathlib import Path; from overnight.ledger import Journal;"
        "Journal(Path(sys.argv[1]), 's').compact()"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, repo / ".git"]) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert len(ids(journal)) == 30
    assert len(packs(repo)) == 1
    fsck(repo)


def test_a_reader_that_began_before_goes_on(repo, journal):
    fill(journal, 3)
    reading = journal.read()
    next(reading)
    journal.compact()
    assert len(list(reading)) == 2


@given(st.lists(st.integers(1, 10**6), max_size=40).map(sorted))
def test_after_a_merge_every_pack_is_twice_as_large_as_all_below(sizes):
    chosen = _smallest(sizes)
    left = [sum(sizes[:chosen]), *sizes[chosen:]] if chosen else sizes
    for at in range(1, len(left)):
        assert left[at] >= 2 * sum(left[:at])
