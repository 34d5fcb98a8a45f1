"""Kept changes taken out of a tree, on real objects."""

from pathlib import Path

import pytest
from gate_room import a_contract, git, make_repository
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overnight.errors import LedgerError
from overnight.workspace import Repository
from overnight.workspace.objects import empty_tree, write_tree
from overnight.workspace.replay import Replay, Stage, Step

TEN = "".join(f"line {number}\n" for number in range(10))


class Lineage:
    """A base tree of files and changes made one on top of the other; `trees[0]` is the base."""

    def __init__(self, repository: Repository, files: dict[str, str | bytes]) -> None:
        self.repository = repository
        self.replay = Replay(repository, a_contract("src/**"))
        self.trees: list[str] = [empty_tree(repository.pygit)]
        self.trees = [self.after(files)]

    def after(self, files: dict[str, str | bytes | None], mode: int = 0o100644) -> str:
        repo = self.repository.pygit
        changes: dict[str, tuple[int, str] | None] = {
            path: None
            if data is None
            else (mode, str(repo.create_blob(data.encode() if isinstance(data, str) else data)))
            for path, data in files.items()
        }
        return write_tree(repo, self.trees[-1], changes) or empty_tree(repo)

    def change(self, files: dict[str, str | bytes | None], mode: int = 0o100644) -> None:
        self.trees.append(self.after(files, mode))

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.repository.read(self.trees[-1], path) or b"").decode()
        assert old in text
        self.change({path: text.replace(old, new)})

    @property
    def steps(self) -> dict[int, Step]:
        return {
            number: Step(before, after)
            for number, (before, after) in enumerate(zip(self.trees, self.trees[1:], strict=False), start=1)
        }

    def without(self, *numbers: int) -> dict[str, bytes] | None:
        """Content by path of the final tree without some changes; None = entangled."""
        tree = self.replay.without(self.trees[-1], [self.steps[number] for number in numbers])
        return None if tree is None else self.content(tree)

    def content(self, tree: str) -> dict[str, bytes]:
        return {path: self.repository.blob(entry.id) for path, entry in self.repository.files(tree).items()}

    def told(self, keep: set[int], final: str) -> tuple[Stage, ...]:
        return self.replay.line(self.steps, keep, final)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "repo")


def test_a_change_of_its_own_lines_is_taken_out_and_the_rest_stays(repository):
    line = Lineage(repository, {"src/a.py": TEN, "src/b.py": "b\n"})
    line.replace("src/a.py", "line 2", "two")
    line.replace("src/a.py", "line 7", "seven")
    line.replace("src/b.py", "b", "B")
    assert line.without(1) == {"src/a.py": TEN.replace("line 7", "seven").encode(), "src/b.py": b"B\n"}
    assert line.without(3) == line.content(line.trees[2])
    assert line.without(1, 2, 3) == line.content(line.trees[0])


def test_taking_nothing_out_leaves_the_tree_as_it_is(repository):
    line = Lineage(repository, {"src/a.py": TEN})
    line.replace("src/a.py", "line 2", "two")
    assert line.replay.without(line.trees[-1], []) == line.trees[-1]


def test_settings_on_neighbouring_lines_are_taken_out_one_by_one(repository):
    line = Lineage(repository, {"src/a.py": "X = 5\nY = 3\nZ = 1\n"})
    line.replace("src/a.py", "X = 5", "X = 2")
    line.replace("src/a.py", "Y = 3", "Y = -1")
    line.replace("src/a.py", "Z = 1", "Z = 0")
    assert line.without(2) == {"src/a.py": b"X = 2\nY = 3\nZ = 0\n"}
    assert line.without(1, 3) == {"src/a.py": b"X = 5\nY = -1\nZ = 1\n"}


def test_a_later_change_of_the_same_line_entangles_the_earlier_one(repository):
    line = Lineage(repository, {"src/a.py": "X = 5\n"})
    line.replace("src/a.py", "5", "4")
    line.replace("src/a.py", "4", "3")
    assert line.without(1) is None
    assert line.without(2) == {"src/a.py": b"X = 4\n"}
    assert line.without(1, 2) == {"src/a.py": b"X = 5\n"}


def test_lines_inserted_in_the_same_place_are_entangled_and_what_follows_is_not(repository):
    line = Lineage(repository, {"src/a.py": "a\nz\n"})
    line.change({"src/a.py": "a\nfirst\nz\n"})
    line.change({"src/a.py": "a\nfirst\nsecond\nz\n"})
    assert line.without(1) == {"src/a.py": b"a\nsecond\nz\n"}
    line.change({"src/a.py": "a\nfirst, changed\nsecond\nz\n"})
    assert line.without(1) is None


def test_a_last_line_without_newline_never_runs_into_the_next(repository):
    line = Lineage(repository, {"src/a.py": "a\nb\n"})
    line.change({"src/a.py": "a\nb\nc\n"})
    line.change({"src/a.py": "a\nB\nc"})
    found = line.without(1)
    assert found is None or found == {"src/a.py": b"a\nB\n"}
    assert line.without(2) == {"src/a.py": b"a\nb\nc\n"}


def test_created_deleted_and_renamed_files_come_and_go(repository):
    line = Lineage(repository, {"src/old.py": TEN, "src/gone.py": "gone\n", "src/a.py": "a\n"})
    line.change({"src/new.py": "new\n"})
    line.change({"src/gone.py": None})
    line.change({"src/old.py": None, "src/renamed.py": TEN})
    line.change({"src/a.py": "A\n"})
    everything = line.content(line.trees[-1])
    assert line.without(1) == {path: data for path, data in everything.items() if path != "src/new.py"}
    assert line.without(2) == everything | {"src/gone.py": b"gone\n"}
    assert line.without(3) == {"src/old.py": TEN.encode(), "src/new.py": b"new\n", "src/a.py": b"A\n"}


def test_what_was_built_on_a_created_deleted_or_renamed_file_is_entangled_with_it(repository):
    line = Lineage(repository, {"src/old.py": TEN, "src/gone.py": "gone\n"})
    line.change({"src/new.py": "new\n"})
    line.replace("src/new.py", "new", "newer")
    line.change({"src/old.py": None, "src/renamed.py": TEN})
    line.replace("src/renamed.py", "line 4", "four")
    line.change({"src/gone.py": None})
    line.change({"src/gone.py": "another\n"})
    assert [line.without(number) for number in (1, 3, 5)] == [None, None, None]
    assert line.without(1, 2) is not None


def test_a_file_in_the_place_of_a_folder_that_stays_is_entangled(repository):
    line = Lineage(repository, {"src/x": "a file\n", "src/keep.py": "k\n"})
    line.change({"src/x": None})
    line.change({"src/x/inner.py": "inside\n"})
    assert line.without(1) is None
    assert line.without(1, 2) == {"src/x": b"a file\n", "src/keep.py": b"k\n"}


def test_names_that_some_disks_take_for_one_are_entangled(repository):
    line = Lineage(repository, {"src/Read.py": "r\n"})
    line.change({"src/Read.py": None})
    line.change({"src/read.py": "other\n"})
    assert line.without(1) is None


def test_binary_files_are_taken_whole_or_not_at_all(repository):
    line = Lineage(repository, {"src/w.bin": b"\0\1\n\2\n", "src/a.py": "a\n"})
    line.change({"src/w.bin": b"\0\1\n\3\n"})
    line.change({"src/a.py": "A\n"})
    assert line.without(1) == {"src/w.bin": b"\0\1\n\2\n", "src/a.py": b"A\n"}
    line.change({"src/w.bin": b"\0\4\n\3\n"})
    assert line.without(1) is None


def test_bytes_that_are_no_text_in_any_encoding_survive(repository):
    line = Lineage(repository, {"src/a.py": b"\xff\n2\n3\r\n4\rx\n"})
    line.change({"src/a.py": b"\xff\n2\n3\r\n4\ry\n"})
    line.change({"src/a.py": b"\xfe\n2\n3\r\n4\ry\n"})
    assert line.without(1) == {"src/a.py": b"\xfe\n2\n3\r\n4\rx\n"}


def test_an_execute_bit_is_a_change_of_its_own(repository):
    line = Lineage(repository, {"src/a.sh": TEN})
    line.change({"src/a.sh": TEN}, mode=0o100755)
    line.change({"src/a.sh": TEN.replace("line 1", "one")}, mode=0o100755)
    tree = line.replay.without(line.trees[-1], [line.steps[1]])
    assert tree is not None
    assert repository.files(tree)["src/a.sh"].mode == 0o100644
    assert line.content(tree) == line.content(line.trees[-1])
    tree = line.replay.without(line.trees[-1], [line.steps[2]])
    assert tree is not None
    assert repository.files(tree)["src/a.sh"].mode == 0o100755


def test_a_tree_may_end_up_without_any_file(repository):
    line = Lineage(repository, {})
    line.change({"src/a.py": "a\n"})
    tree = line.replay.without(line.trees[-1], [line.steps[1]])
    assert tree == empty_tree(repository.pygit)


def test_a_step_outside_the_editable_files_is_a_damaged_history(repository):
    line = Lineage(repository, {"judge.py": "honest\n", "src/a.py": "a\n"})
    line.change({"judge.py": "not honest\n"})
    with pytest.raises(LedgerError, match=r"judge\.py"):
        line.without(1)


def test_neither_attributes_nor_merge_drivers_of_the_person_have_a_say(repository, tmp_path):
    (repository.root / ".gitattributes").write_text("* merge=loud diff=loud\n*.py binary\n")
    git(repository.root, "config", "merge.loud.driver", f"touch {tmp_path}/canary")
    git(repository.root, "config", "diff.loud.command", f"touch {tmp_path}/canary")
    (repository.root / ".git/info/attributes").write_text("* merge=union\n")
    line = Lineage(repository, {"src/a.py": "X = 5\nY = 1\n"})
    line.replace("src/a.py", "5", "4")
    line.replace("src/a.py", "Y = 1", "Y = 2")
    assert line.without(1) == {"src/a.py": b"X = 5\nY = 2\n"}
    line.replace("src/a.py", "X = 4", "X = 3")
    assert line.without(1) is None
    assert not (tmp_path / "canary").exists()


def test_the_commit_of_a_reduced_tree_names_what_is_gone(repository):
    line = Lineage(repository, {"src/a.py": "X = 5\nY = 3\n"})
    line.replace("src/a.py", "5", "4")
    line.replace("src/a.py", "3", "2")
    final = repository.commit(line.trees[-1], (), "final")
    tree = line.replay.without(line.trees[-1], [line.steps[1]])
    assert tree is not None
    commit = line.replay.commit(tree, final, (1, 4))
    assert repository.tree_of(commit) == tree
    assert git(repository.root, "log", "-1", "--format=%s %P", commit) == f"Without #1, #4 {final}"


def test_a_line_of_kept_changes_is_one_stage_each(repository):
    line = Lineage(repository, {"src/a.py": TEN})
    for number in (1, 4, 7):
        line.replace("src/a.py", f"line {number}", f"changed {number}")
    final = line.trees[-1]
    assert line.told({1, 2, 3}, final) == tuple(Stage((number,), line.trees[number]) for number in (1, 2, 3))
    reduced = line.replay.without(final, [line.steps[2]])
    assert reduced is not None
    stages = line.told({1, 3}, reduced)
    assert stages == (Stage((1,), line.trees[1]), Stage((3,), reduced))


def test_a_change_that_cannot_stand_alone_is_joined_with_the_next_kept_one(repository):
    line = Lineage(repository, {"src/a.py": "X = 5\nY = 1\n"})
    line.replace("src/a.py", "X = 5", "X = 4")  # worthless, to go
    line.replace("src/a.py", "X = 4", "X = 4 + Y")  # on top of it: cannot be told without
    line.change({"src/a.py": "X = 5\nY = 9\n"})
    final = line.replay.without(line.trees[-1], [line.steps[1]])
    assert final == line.trees[-1]
    assert line.told({2, 3}, final) == (Stage((2, 3), final),)


def test_a_change_that_leaves_nothing_behind_is_joined(repository):
    line = Lineage(repository, {"src/a.py": "X = 5\nY = 1\n"})
    line.replace("src/a.py", "X = 5", "X = 4")
    line.replace("src/a.py", "X = 4", "X = 5")
    line.replace("src/a.py", "Y = 1", "Y = 2")
    final = line.trees[-1]
    assert line.told({1, 2, 3}, final) == tuple(Stage((number,), line.trees[number]) for number in (1, 2, 3))
    assert line.told({2, 3}, final) == (Stage((2, 3), final),)
    assert line.told({1}, line.trees[1])[-1].tree == line.trees[1]
    assert line.told(set(), line.trees[0]) == ()
    assert line.told({1, 3}, line.trees[1]) == (Stage((1, 3), line.trees[1]),)


SIZE = 8


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changed=st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, SIZE - 1)), min_size=1, max_size=8, unique=True
    ),
    data=st.data(),
)  # fmt: skip
def test_changes_of_different_lines_can_be_taken_out_in_any_choice(repository, changed, data):
    texts = {f"src/{file}.py": [f"{file} {place}\n" for place in range(SIZE)] for file in (0, 1)}
    line = Lineage(repository, {path: "".join(lines) for path, lines in texts.items()})
    for number, (file, place) in enumerate(changed, start=1):
        line.replace(f"src/{file}.py", f"{file} {place}\n", f"changed by {number}\n")
    gone = data.draw(st.sets(st.sampled_from(range(1, len(changed) + 1))))
    for number, (file, place) in enumerate(changed, start=1):
        if number not in gone:
            texts[f"src/{file}.py"][place] = f"changed by {number}\n"
    expected = {path: "".join(lines).encode() for path, lines in texts.items()}
    assert line.without(*sorted(gone)) == expected
    keep = {*range(1, len(changed) + 1)} - gone
    final = line.replay.without(line.trees[-1], [line.steps[number] for number in sorted(gone)])
    assert final is not None
    stages = line.told(keep, final)
    assert [stage.numbers for stage in stages] == [(number,) for number in sorted(keep)]
    assert not keep or stages[-1].tree == final
