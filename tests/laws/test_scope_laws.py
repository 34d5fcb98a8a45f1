"""Laws of globs, and of the gate on random edits."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from overnight.model.contract import Contract, Objective
from overnight.rules.scope import ignored, matches
from overnight.workspace import Repository, Trees

NAMES = st.text("ab.c", min_size=1, max_size=3).filter(lambda name: not name.endswith("."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.one_of(NAMES, st.sampled_from(["*", "**", "?", "*a", "a*", "[ab]", "[!a]", "*.*"]))
GLOBS = st.lists(PIECES, min_size=1, max_size=4).map("/".join)
SIGNED = st.builds("{}{}".format, st.sampled_from(["", "!"]), GLOBS)


@given(PATHS)
def test_a_plain_path_matches_itself_and_all_below_but_not_elsewhere(path: str) -> None:
    assert matches([path], path)
    assert matches([path], f"{path}/x")
    assert matches(["/" + path], path)
    assert not matches([path], f"q/{path}")
    assert not matches([path], f"{path}q")


@given(GLOBS, PATHS)
def test_what_is_matched_has_all_below_it_matched(glob: str, path: str) -> None:
    if matches([glob], path):
        assert matches([glob], f"{path}/deeper")


@given(st.lists(GLOBS, max_size=4), GLOBS, PATHS)
def test_another_glob_never_takes_a_match_away(globs: list[str], more: str, path: str) -> None:
    assert matches([*globs, more], path) >= matches(globs, path)


@given(st.lists(SIGNED, max_size=4), GLOBS, PATHS)
def test_the_last_glob_that_matches_decides(globs: list[str], last: str, path: str) -> None:
    if matches([last], path):
        assert matches([*globs, last], path)
        assert not matches([*globs, "!" + last], path)
    else:
        assert matches([*globs, last], path) == matches([*globs, "!" + last], path) == matches(globs, path)


@given(GLOBS, PATHS)
def test_a_glob_without_double_stars_never_reaches_into_more_folders_than_it_names(glob: str, path: str) -> None:
    if "**" not in glob and matches([glob], path):
        head = "/".join(path.split("/")[: len(glob.split("/"))])
        assert matches([glob], head)
        assert len(path.split("/")) >= len(glob.split("/"))


@given(SIGNED, PATHS)
def test_no_glob_reaches_out_of_its_folder(glob: str, path: str) -> None:
    assert not matches([glob], "") or glob == ""
    assert matches([f"lab/{glob}" if not glob.startswith("!") else f"!lab/{glob[1:]}"], f"q/{path}") is False


@settings(max_examples=100, deadline=None)
@given(st.lists(SIGNED.map(lambda glob: glob.replace("!/", "!")), min_size=1, max_size=4), st.lists(PATHS, min_size=1))
def test_ignored_says_what_git_says(lines: list[str], paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True, capture_output=True)
        Path(folder, ".gitignore").write_text("\n".join(lines) + "\n")
        asked = "\0".join(paths).encode()
        done = subprocess.run(
            ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "--no-index", "-z", "--stdin"],
            cwd=folder, input=asked, capture_output=True, check=False,
        )  # fmt: skip
        said = set(done.stdout.decode().split("\0")) - {""}
    assert {path for path in paths if ignored({"": "\n".join(lines) + "\n"}, path)} == said


EDITS = st.dictionaries(
    st.sampled_from(["src/a.py", "src/b.py", "src/x/c.py", "src/x/y/d", "src/new/e", "src/f"]),
    st.one_of(st.none(), st.tuples(st.binary(max_size=40), st.booleans())),
    min_size=1,
)


def _picture(folder: Path) -> dict[str, tuple[bool, bytes]]:
    return {
        str(path.relative_to(folder)): (bool(path.stat().st_mode & 0o100), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def _repository(folder: Path) -> Repository:
    for name in ("program.md", "locked.py", "src/a.py", "src/b.py", "src/x/c.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "start"]):
        identity = ["-c", "user.name=P", "-c", "user.email=p@example.org"]
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
    return Repository.discover(folder)


@settings(max_examples=25, deadline=None)
@given(st.lists(EDITS, min_size=1, max_size=3))
def test_what_was_edited_is_what_is_measured(rounds: list[dict[str, tuple[bytes, bool] | None]]) -> None:
    contract = Contract(title="", prose="", objective=Objective(metric="x"), edit=("src/**",), run="x")
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        repository = _repository(base / "repo")
        trees = Trees(repository)
        commit, tree = repository.head()
        for number, edits in enumerate(rounds):
            work, measured = base / f"work{number}", base / f"measured{number}"
            trees.checkout(tree, work)
            before = _picture(work)
            for path, edit in edits.items():
                (work / path).unlink(missing_ok=True)
                if edit is not None:
                    (work / path).parent.mkdir(parents=True, exist_ok=True)
                    (work / path).write_bytes(edit[0])
                    (work / path).chmod(0o755 if edit[1] else 0o644)
            change = trees.gate(work, commit, contract, "")
            after = _picture(work)
            differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
            assert (change.breaches, set(change.paths)) == ((), differing)
            assert (change.tree == tree) == (not differing)
            assert set(differing) <= set(edits)
            trees.checkout(change.tree, measured)
            assert _picture(measured) == after
            commit, tree = change.commit, change.tree
            shutil.rmtree(work)
