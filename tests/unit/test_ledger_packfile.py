import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_repo import git

from overnight.ledger.packfile import ForeignPackError, Spare, copy, count, packed, publish, write_pack

BLOB = 3


def blob(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).digest()


def store(folder, contents):
    """Write `contents` as one pack of repository `folder` and return its path."""
    target = folder / ".git/objects/pack"
    spare = Spare(target / "tmp_pack", target / "tmp_idx")
    name = write_pack((packed(blob(data), BLOB, data) for data in contents), spare)
    publish(spare, target, name)
    return target / f"{name}.pack"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=40))
def test_git_reads_what_we_pack(tmp_path_factory, contents):
    repo = tmp_path_factory.mktemp("repo")
    git(repo, "init", "-q")
    pack = store(repo, contents)
    git(repo, "verify-pack", pack)
    assert count(pack.with_suffix(".idx")) == len(set(contents))
    names = "".join(f"{blob(data).hex()}\n" for data in contents)
    sizes = git(repo, "cat-file", "--batch-check=%(objecttype) %(objectsize)", input=names.encode())
    assert sizes.split("\n") == [f"blob {len(data)}" for data in contents]


@pytest.mark.parametrize("size", [0, 15, 16, 2047, 2048, 300_000])
def test_sizes_at_the_edges_of_the_header(tmp_path, size):
    git(tmp_path, "init", "-q")
    data = b"x" * size
    store(tmp_path, [data])
    assert git(tmp_path, "cat-file", "-s", blob(data).hex()) == str(size)


def test_a_copy_holds_every_object_as_it_was(tmp_path):
    git(tmp_path, "init", "-q")
    contents = [b"%d" % number * number for number in range(50)]
    pack = store(tmp_path, contents)
    assert {one.id: one for one in copy(pack)} == {blob(data): packed(blob(data), BLOB, data) for data in contents}


def test_a_damaged_pack_is_not_copied(tmp_path):
    git(tmp_path, "init", "-q")
    pack = store(tmp_path, [b"some words", b"other words"])
    data = bytearray(pack.read_bytes())
    data[20] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(data)
    with pytest.raises(ForeignPackError):
        list(copy(pack))


def test_the_same_pack_twice_is_one(tmp_path):
    git(tmp_path, "init", "-q")
    assert store(tmp_path, [b"a", b"b"]) == store(tmp_path, [b"a", b"b"])
    git(tmp_path, "fsck", "--full")
