"""The person's repository, read as values."""

import os
import subprocess
from pathlib import Path

import pygit2
import pytest
from gate_room import git, make_repository, write

from overnight.errors import RepositoryError
from overnight.workspace import Repository
from overnight.workspace.objects import blob_id, write_tree


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "repo")


def test_it_is_found_from_any_folder_inside(repository: Repository) -> None:
    found = Repository.discover(repository.root / "src/deep")
    assert (found.root, found.common_dir) == (repository.root, repository.root / ".git")


def test_a_linked_worktree_shares_the_common_folder(repository: Repository, tmp_path: Path) -> None:
    git(repository.root, "worktree", "add", "-b", "side", str(tmp_path / "side"))
    linked = Repository.discover(tmp_path / "side")
    assert (linked.root, linked.branch()) == (tmp_path / "side", "side")
    assert linked.common_dir == repository.root / ".git"
    assert linked.git_dir != linked.common_dir


def test_no_repository_says_git_init(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"not in a git repository: run `git init`.*`overnight init --template"):
        Repository.discover(tmp_path)


def test_a_folder_that_does_not_exist_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError):
        Repository.discover(tmp_path / "nowhere")


def test_a_bare_repository_says_clone(tmp_path: Path) -> None:
    git(tmp_path, "init", "--bare", "bare")
    with pytest.raises(RepositoryError, match=r"is a bare repository.*in a clone"):
        Repository.discover(tmp_path / "bare")


def test_sha256_objects_are_refused_by_name(tmp_path: Path) -> None:
    git(tmp_path, "init", "--object-format=sha256", "wide")
    with pytest.raises(RepositoryError, match="SHA-256 objects"):
        Repository.discover(tmp_path / "wide")


def test_reftables_are_refused_by_name(repository: Repository) -> None:
    git(repository.root, "config", "core.repositoryformatversion", "1")
    git(repository.root, "config", "extensions.refStorage", "reftable")
    with pytest.raises(RepositoryError, match=r"reftable.*git refs migrate"):
        Repository.discover(repository.root)


def test_a_broken_configuration_is_said(repository: Repository) -> None:
    (repository.root / ".git/config").write_text("[core\n")
    with pytest.raises(RepositoryError, match="cannot be opened"):
        Repository.discover(repository.root)


def test_another_owner_says_safe_directory() -> None:
    from overnight.workspace.discover import _explain

    message = "/x: repository path '/x/' is not owned by current user"
    assert "git config --global --add safe.directory /x" in _explain(Path("/x"), message)


def test_no_commits_says_commit(tmp_path: Path) -> None:
    git(tmp_path, "init")
    empty = Repository.discover(tmp_path)
    assert empty.branch() == ""
    with pytest.raises(RepositoryError, match=r"no commits yet.*git add -A && git commit"):
        empty.head()


def test_head_and_branch_are_gits(repository: Repository) -> None:
    commit, tree = repository.head()
    assert commit == git(repository.root, "rev-parse", "HEAD")
    assert (
        tree
        == git(repository.root, "rev-parse", "HEAD^{tree}")
        == repository.tree_of(commit)
        == repository.tree_of(tree)
    )
    assert repository.branch() == "main"
    git(repository.root, "checkout", "--detach")
    assert repository.branch() == ""
    assert repository.head() == (commit, tree)


def test_files_are_what_git_lists(repository: Repository) -> None:
    tree = repository.head()[1]
    listed = {}
    for line in git(repository.root, "ls-tree", "-r", "-l", tree).splitlines():
        words, path = line.split("\t")
        mode, _, oid, size = words.split()
        listed[path] = (int(mode, 8), oid, int(size))
    assert {path: tuple(entry) for path, entry in repository.files(tree).items()} == listed
    assert repository.files(tree) is repository.files(tree)


def test_read_gives_bytes_or_none(repository: Repository) -> None:
    tree = repository.head()[1]
    assert repository.read(tree, "src/deep/layer.py") == b"width = 2\n"
    assert [repository.read(tree, path) for path in ("src", "nowhere", "src/deep/x", "train.py/x")] == [None] * 4


def test_a_missing_object_says_fsck(repository: Repository) -> None:
    with pytest.raises(RepositoryError, match=r"0123456789ab is missing or damaged.*git fsck"):
        repository.files("0123456789abcdef0123456789abcdef01234567")
    with pytest.raises(RepositoryError, match="'no id' is missing"):
        repository.tree_of("no id")


def test_a_clean_tree_is_not_dirty(repository: Repository) -> None:
    assert repository.dirty() == ()


def test_dirty_is_what_differs_from_head(repository: Repository) -> None:
    root = repository.root
    write(root, {"train.py": "new\n", "src/model.py": "staged\n", "new.py": "n\n", "x.log": "ignored", "deep/a/b": "n"})
    git(root, "add", "src/model.py")
    (root / "prepare.py").unlink()
    (root / "tool.sh").chmod(0o644)
    (root / "src/deep/layer.py").write_text("width = 2\n")
    assert repository.dirty() == ("deep/a/b", "new.py", "prepare.py", "src/model.py", "tool.sh", "train.py")


def test_what_is_staged_but_on_disk_as_in_head_is_not_dirty(repository: Repository) -> None:
    write(repository.root, {"train.py": "staged\n"})
    git(repository.root, "add", "train.py")
    write(repository.root, {"train.py": "rate = 0.1\ndepth = 4\n"})
    assert repository.dirty() == ()


def test_diff_and_numbers_are_gits(repository: Repository) -> None:
    old = repository.head()[0]
    write(repository.root, {"train.py": "rate = 0.3\ndepth = 4\n", "b.bin": b"\0\1", "caf\u00e9": b"\xe9\n"})
    git(repository.root, "add", "-A")
    git(repository.root, "commit", "-m", "next")
    new = repository.head()[0]
    text = repository.diff(old, new)
    assert "-rate = 0.1\n+rate = 0.3\n" in text
    assert "Binary files" in text
    assert "+\ufffd\n" in text
    assert repository.numbers(old, new) == (2, 1)
    assert repository.numbers(new, old) == (1, 2)
    assert repository.diff(new, new) == ""


def test_a_long_diff_is_cut_and_says_so(repository: Repository) -> None:
    old = repository.head()[1]
    blob = str(repository.pygit.create_blob(b"0123456789\n" * 100_000))
    new = write_tree(repository.pygit, old, {"long.txt": (0o100644, blob)})
    assert new is not None
    text = repository.diff(old, new)
    assert text.endswith("left out)\n")
    assert len(text) < 401_000


def test_a_snapshot_is_the_working_tree_as_it_is(repository: Repository) -> None:
    root = repository.root
    write(root, {"train.py": "new\n", "src/model.py": "staged\n", "new/a.py": "n\n", "x.log": "ignored"})
    git(root, "add", "src/model.py")
    (root / "prepare.py").unlink()
    (root / "tool.sh").chmod(0o644)
    (root / "shortcut").symlink_to("./train.py")
    commit, tree = repository.snapshot(lambda _: True, "as it is")
    git(root, "add", "-A")
    assert tree == git(root, "write-tree")
    written = repository.pygit[commit]
    assert isinstance(written, pygit2.Commit)
    assert [str(parent) for parent in written.parent_ids] == [git(root, "rev-parse", "HEAD")]


def test_a_snapshot_takes_only_what_is_asked_for(repository: Repository) -> None:
    write(repository.root, {"train.py": "new\n", "prepare.py": "new\n"})
    _, tree = repository.snapshot(lambda path: path == "train.py", "part")
    assert repository.read(tree, "train.py") == b"new\n"
    assert repository.read(tree, "prepare.py") == b"print('judge')\n"


def test_a_snapshot_of_a_clean_tree_is_head(repository: Repository) -> None:
    assert repository.snapshot(lambda _: True, "nothing") == repository.head()


def test_a_snapshot_names_the_file_it_cannot_take(repository: Repository) -> None:
    write(repository.root, {"odd\nname": "x"})
    with pytest.raises(RepositoryError, match=r"odd\\x0aname cannot be taken along.*rename or ignore"):
        repository.snapshot(lambda _: True, "odd")
    (repository.root / "odd\nname").unlink()
    with (repository.root / "huge").open("wb") as file:
        file.truncate(200 * 1024**2)
    with pytest.raises(RepositoryError, match="too large to be kept in git"):
        repository.snapshot(lambda _: True, "huge")


def test_a_hidden_file_is_found_anywhere_in_history(repository: Repository) -> None:
    root = repository.root
    write(root, {"answers/key.txt": "42\n", "lab/answers/a": "1\n"})
    git(root, "add", "-A")
    git(root, "commit", "-m", "oops")
    oops = git(root, "rev-parse", "HEAD").strip()
    git(root, "rm", "-r", "-q", "answers")
    git(root, "commit", "-m", "hidden now")
    now = git(root, "rev-parse", "HEAD").strip()
    assert repository.ever_tracked(["answers/**"]) == {"answers/key.txt": oops}
    assert repository.ever_tracked(["answers"], "lab") == {"lab/answers/a": now}
    assert repository.ever_tracked(["**/key.txt", "!answers"]) == {}
    assert repository.ever_tracked(["secrets/**"]) == {}
    assert repository.ever_tracked([]) == {}


@pytest.mark.parametrize("kept", [["branch", "other"], ["tag", "v1"], ["tag", "-a", "v1", "-m", "v1"]])
def test_a_hidden_file_is_found_where_only_another_ref_leads(repository: Repository, kept: list[str]) -> None:
    root = repository.root
    write(root, {"answers/key.txt": "42\n"})
    git(root, "add", "-A")
    git(root, "commit", "-m", "oops")
    oops = git(root, "rev-parse", "HEAD").strip()
    git(root, *kept)
    git(root, "reset", "-q", "--hard", "HEAD~1")
    assert repository.ever_tracked(["answers/**"]) == {"answers/key.txt": oops}


def test_a_hidden_file_is_found_in_the_stash(repository: Repository) -> None:
    root = repository.root
    write(root, {"answers/key.txt": "42\n"})
    git(root, "add", "-A")
    git(root, "stash")
    assert list(repository.ever_tracked(["answers/**"])) == ["answers/key.txt"]


def test_a_commit_names_its_tree_and_parents(repository: Repository) -> None:
    head, tree = repository.head()
    one = repository.commit(tree, (head,), "words", 1_700_000_000)
    assert one == repository.commit(tree, (head,), "words", 1_700_000_000)
    shown = git(repository.root, "show", "-s", "--format=%T %P %an %ae %at %s", one)
    assert shown == f"{tree} {head} overnight overnight@localhost 1700000000 words"


def test_a_writable_repository_is_writable(repository: Repository) -> None:
    before = sorted(repository.common_dir.rglob("*"))
    repository.writable()
    assert sorted(repository.common_dir.rglob("*")) == before


def test_a_read_only_repository_is_refused(repository: Repository) -> None:
    for folder in ("objects", "refs"):
        (repository.common_dir / folder).chmod(0o555)
    script = (
        "import os, sys; from pathlib import Path; from overnight.workspace.discover import require_writable\n"
        "os.chdir(sys.argv[1])\n"
        "os.getuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534))\n"
        "require_writable(Path())"
    )
    command = [os.sys.executable, "-c", script, repository.common_dir]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "RepositoryError" in done.stderr
    assert "objects cannot be written (permission denied" in done.stderr


def test_odd_modes_of_old_repositories_are_read_as_todays() -> None:
    from overnight.workspace.objects import parse_tree

    raw = bytes.fromhex(blob_id(b""))
    assert [item.mode for item in parse_tree(b"100664 a\0" + raw + b"100775 b\0" + raw + b"40000 c\0" + raw)] == [
        0o100644, 0o100755, 0o040000,
    ]  # fmt: skip
