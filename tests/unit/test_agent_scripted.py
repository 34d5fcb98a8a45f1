"""Scripted edits: the right step, exactly, or not at all."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.agents import Scripted, Step
from overnight.agents.patch import apply_hunks, parse_patch
from overnight.errors import UsageError
from overnight.model.brief import AgentBudget
from overnight.testing.agents import brief_for_test, fingerprint


def play(folder, *steps, number=1):
    return Scripted(steps).propose(brief_for_test(number), folder, AgentBudget())


def test_the_step_is_the_one_of_the_experiments_number(tmp_path):
    steps = [Step(summary=f"step {n}", files=(("a.py", f"A = {n}\n"),)) for n in (1, 2, 3)]
    assert play(tmp_path, *steps, number=2).summary == "step 2"
    assert (tmp_path / "a.py").read_text() == "A = 2\n"


def test_behind_the_last_step_the_agent_is_unavailable(tmp_path):
    assert "the script has no step 2" in play(tmp_path, Step(), number=2).unavailable


def test_files_are_written_deleted_and_patched(tmp_path):
    (tmp_path / "old.py").write_text("OLD = 1\n")
    (tmp_path / "a.py").write_text("A = 1\nB = 2\n")
    patch = "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-A = 3\n+A = 4\n B = 2\n"
    patch += "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+N = 1\n"
    step = Step(files=(("old.py", None), ("deep/er.py", "E = 1\n")), replace=(("a.py", "A = 1", "A = 3"),), patch=patch)
    assert play(tmp_path, step).note == ""
    read = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*.py")}
    assert read == {"a.py": "A = 4\nB = 2\n", "deep/er.py": "E = 1\n", "new.py": "N = 1\n"}


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Step(files=(("b.py", "B"),), replace=(("a.py", "X", "Y"),)), "0 times"),
        (Step(replace=(("a.py", "A", "Y"),)), "2 times"),
        (Step(replace=(("none.py", "A", "Y"),)), "does not exist"),
        (
            Step(files=(("b.py", "B"),), patch="--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-B\n+C\n"),
            "hunk 1 of a.py does not fit",
        ),
        (Step(patch="--- a/a.py\n+++ b/a.py\n@@ -2 +2 @@\n-AA\n+C\n"), "does not fit at line 2"),
        (Step(patch="--- a/a.py\n+++ b/a.py\n@@ -1,9 +1 @@\n-AA\n+C\n"), "as many lines"),
        (Step(patch="nonsense"), "holds no file"),
        (Step(files=(("../b.py", "B"),)), "not a path below"),
        (Step(files=(("/tmp/b.py", "B"),)), "not a path below"),
        (Step(files=(("link/b.py", "B"),)), "through a link"),
    ],
)
def test_a_step_that_does_not_fit_changes_nothing_and_says_why(tmp_path, step, said):
    room = tmp_path / "room"
    room.mkdir()
    (room / "a.py").write_text("AA\n")
    (room / "link").symlink_to(tmp_path)
    before = fingerprint(tmp_path)
    proposal = play(room, step)
    assert said in proposal.note
    assert fingerprint(tmp_path) == before


text = st.text(alphabet="ab\n", max_size=30)


@given(text, text, st.integers(0, 3))
def test_a_diff_applied_to_the_old_text_gives_the_new_one(old, new, context):
    lines = [side.splitlines(keepends=True) for side in (old, new)]
    diff = [
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(*lines, "a/f", "b/f", n=context)
    ]
    if diff:
        (patch,) = parse_patch("".join(diff))
        assert apply_hunks(old, patch) == new


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "s.json",
            '{"steps": [{"summary": "s", "files": {"a.py": "A\\n", "b.py": null}, "replace": [["a.py", "A", "C"]]}]}',
        ),
        ("s.toml", '[[steps]]\nsummary = "s"\nreplace = [["a.py", "A", "C"]]\n[steps.files]\n"a.py" = "A\\n"\n'),
    ],
)
def test_a_script_is_read_from_a_file(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert Scripted.load(tmp_path / name).propose(brief_for_test(), tmp_path, AgentBudget()).summary == "s"
    assert (tmp_path / "a.py").read_text() == "C\n"


@pytest.mark.parametrize(
    "content", [None, "{", '{"steps": 3}', '{"steps": [{"sumary": ""}]}', '{"steps": [{"summary": 3}]}']
)
def test_a_script_that_cannot_be_read_is_said_with_its_file(tmp_path, content):
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    with pytest.raises(UsageError, match=r"s\.json"):
        Scripted.load(tmp_path / "s.json")
