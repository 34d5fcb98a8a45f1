"""Nothing of the person's is touched: byte for byte, on a repository in the middle of work."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from gate_room import a_contract, git, make_repository, write

from overnight.workspace import Repository, Trees


@pytest.fixture
def busy(tmp_path: Path) -> Repository:
    """Staged, unstaged and untracked files, a stash, a hook, settings, and a file-system monitor that tells."""
    repository = make_repository(tmp_path / "repo")
    root = repository.root
    write(root, {"train.py": "stashed\n"})
    git(root, "stash")
    write(root, {"train.py": "staged\n", "prepare.py": "both, staged\n", "added.py": "new\n"})
    git(root, "add", "train.py", "prepare.py", "added.py")
    write(
        root, {"prepare.py": "both, unstaged\n", "src/model.py": "unstaged\n", "loose.py": "untracked\n", "x.log": "i"}
    )
    git(root, "rm", "--cached", "-q", "tool.sh")
    git(root, "branch", "other")
    git(root, "config", "user.nickname", "Person")
    for hook in ("pre-commit", "post-commit", "post-checkout", "post-index-change", "reference-transaction"):
        path = root / ".git/hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
        path.chmod(0o755)
    payload = tmp_path / "payload.sh"
    payload.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\ncat\n")
    payload.chmod(0o755)
    git(root, "config", "filter.loud.clean", str(payload))
    (root / ".git/info/attributes").write_text("*.py filter=loud\n")
    git(root, "config", "core.fsmonitor", str(payload))
    # A timestamp that is not in the index: whoever refreshes the index would now rewrite it.
    os.utime(root / "src/deep/layer.py", (1, 1))
    return Repository.discover(root)


def _everything(root: Path) -> dict[str, tuple[object, ...]]:
    """All of the repository but its objects: kind, mode, times, content."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name == ".git/objects" or name.startswith(".git/objects/"):
            continue
        info = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        seen[name] = (info.st_mode, info.st_ino, info.st_mtime_ns, content)
    return seen


def _night(repository: Repository, scratch: Path) -> None:
    trees = Trees(repository)
    commit, tree = repository.head()
    for number in range(3):
        work = scratch / f"work{number}"
        trees.checkout(tree, work)
        (work / "train.py").write_text(f"rate = {number}\n")
        change = trees.gate(work, commit, a_contract("train.py"), "a try")
        commit, tree = change.commit, change.tree


ACTIONS: dict[str, Callable[[Repository, Path], object]] = {
    "dirty": lambda repository, _: repository.dirty(),
    "snapshot": lambda repository, _: repository.snapshot(lambda _: True, "as it is"),
    "a night": _night,
    "history": lambda repository, _: repository.ever_tracked(["answers/**"]),
    "reading": lambda repository, _: (
        repository.branch(),
        repository.files(repository.head()[1]),
        repository.writable(),
    ),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_outside_the_object_store_changes(busy: Repository, tmp_path: Path, action: str) -> None:
    before = _everything(busy.root)
    assert ".git/refs/stash" in before
    ACTIONS[action](busy, tmp_path / "scratch")
    assert _everything(busy.root) == before
    assert not (tmp_path / "canary").exists()


def test_objects_are_only_ever_added(busy: Repository, tmp_path: Path) -> None:
    objects = busy.common_dir / "objects"
    before = {path: path.read_bytes() for path in objects.rglob("*") if path.is_file()}
    busy.snapshot(lambda _: True, "as it is")
    _night(busy, tmp_path / "scratch")
    after = {path: path.read_bytes() for path in objects.rglob("*") if path.is_file()}
    assert before.items() < after.items()
    assert [path for path in after if "tmp" in path.name] == []


def test_the_person_sees_the_same_status_afterwards(busy: Repository, tmp_path: Path) -> None:
    git(busy.root, "config", "--unset", "core.fsmonitor")
    git(busy.root, "config", "--unset", "filter.loud.clean")
    before = git(busy.root, "status", "--porcelain=v2", "--branch", "--show-stash", "--ignored")
    busy.dirty()
    _night(busy, tmp_path / "scratch")
    assert git(busy.root, "status", "--porcelain=v2", "--branch", "--show-stash", "--ignored") == before
    assert git(busy.root, "stash", "list").startswith("stash@{0}")
