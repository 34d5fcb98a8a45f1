"""What a contract lets a candidate change."""

import time

import pytest

from overnight.model.contract import Contract, Objective
from overnight.rules.paths import collisions, odd, printable
from overnight.rules.scope import Touched, breaches, droppable, editable, ignored, litter, matches


def a_contract(*edit: str, folder: str = "") -> Contract:
    return Contract(title="", prose="", folder=folder, objective=Objective(metric="x"), edit=edit, run="x")


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("train.py", "train.py"),
        ("/train.py", "train.py"),
        ("./train.py", "train.py"),
        ("*.py", "train.py"),
        ("*", "a/b"),
        ("**", "a/b/c"),
        ("src", "src/a/b.py"),
        ("src/", "src/a/b.py"),
        ("src/*.py", "src/a.py"),
        ("src/**", "src/a/b.py"),
        ("**/*.py", "a.py"),
        ("**/*.py", "a/b/c.py"),
        ("a/**/z", "a/z"),
        ("a/**/z", "a/b/c/z"),
        ("a/**/b/**/c", "a/b/x/b/y/c"),
        ("a?c", "abc"),
        ("[a-c]x", "bx"),
        ("[!a-c]x", "dx"),
        ("[^a-c]x", "dx"),
        ("[]x]y", "]y"),
        ("[[:digit:]]*", "5a"),
        ("a*b*c", "abbcbc"),
        ("\\*", "*"),
        ("\\!a", "!a"),
        ("file[1].py", "file1.py"),
    ],
)
def test_a_glob_matches(glob: str, path: str) -> None:
    assert matches([glob], path)


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("train.py", "src/train.py"),
        ("train.py", "Train.py"),
        ("train.py", "train.pyc"),
        ("train.py", "xtrain.py"),
        ("trainxpy", "train.py"),
        ("*.py", "src/train.py"),
        ("src/", "src"),
        ("src/**", "src"),
        ("src", "srcs/a"),
        ("a/*/c", "a/b/b/c"),
        ("a?c", "a/c"),
        ("a[/]c", "a/c"),
        ("a[!b]c", "a/c"),
        ("[a-c]x", "dx"),
        ("a/**/b/**/c", "a/c"),
        ("\\*", "x"),
        ("open[", "open["),
        ("", "x"),
        ("/", "x"),
        ("../x", "x"),
        ("~/x", "x"),
        ("!x", "x"),
    ],
)
def test_a_glob_does_not_match(glob: str, path: str) -> None:
    assert not matches([glob], path)


def test_the_last_match_wins() -> None:
    globs = ["src", "!src/judge", "src/judge/prompt.txt"]
    assert [matches(globs, f"src/{name}") for name in ("a", "judge/x", "judge/prompt.txt")] == [True, False, True]


def test_a_hostile_pattern_costs_no_time() -> None:
    before = time.process_time()
    assert not matches(["*a" * 40 + "b", "**/a/" * 40 + "b"], "/".join(["a" * 250] + ["a"] * 200))
    assert not ignored({"": "*a" * 40 + "b"}, "a" * 255)
    assert time.process_time() - before < 1


def test_program_md_is_never_editable() -> None:
    assert not editable(a_contract("**"), "program.md")
    assert not editable(a_contract("**", folder="lab"), "lab/program.md")
    assert editable(a_contract("**", folder="lab"), "lab/other.md")
    assert not editable(a_contract("**", folder="lab"), "laboratory/x")


IGNORES = {
    "": "*.log\n# words\n!keep.log\nbuild/\n/top\ndocs/*.html\n\\#x\n  \ntrail   \n",
    "sub": "!debug.log\nown\n",
}


@pytest.mark.parametrize(
    "path",
    ["a.log", "x/a.log", "build/", "build/x", "x/build/y", "top", "docs/a.html", "#x", "trail", "sub/own", "sub/x/own"],
)
def test_git_would_ignore(path: str) -> None:
    assert ignored(IGNORES, path)


@pytest.mark.parametrize(
    "path",
    ["keep.log", "x/keep.log", "build", "x/top", "x/docs/a.html", "docs/a/b.html", "sub/debug.log", "own", "words"],
)
def test_git_would_not_ignore(path: str) -> None:
    assert not ignored(IGNORES, path)


def test_nothing_below_an_ignored_folder_comes_back() -> None:
    assert ignored({"": "build/\n!build/keep\n"}, "build/keep")


@pytest.mark.parametrize(
    "path", ["a/__pycache__/x.pyc", "x.pyc", ".DS_Store", "src/.DS_Store", ".aider.tags/db", "x.py~"]
)
def test_leavings_are_litter(path: str) -> None:
    assert litter(path)


@pytest.mark.parametrize("path", ["src/cache.py", "pycache", ".gitignore", "conftest.py", "sitecustomize.py", "x.pth"])
def test_what_python_would_read_is_no_litter(path: str) -> None:
    assert not litter(path)


def test_what_is_dropped_and_what_is_not() -> None:
    contract = a_contract("src/**", "out/w.bin")
    ignores = {"": "*.log\nout/\nsrc/gen/\n"}
    assert [droppable(contract, ignores, path) for path in ("a.log", "src/a.log", "src/gen/", "out/", "other/")] == [
        True, False, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("a//b", "empty folder"),
        ("a/", "empty folder"),
        ("../x", "component .."),
        ("a/./b", "component ."),
        ("a\nb", "control"),
        ("a\x00b", "control"),
        ("a\x9bb", "control"),
        ("a\u2028b", "control"),
        ("a\\b", "backslash"),
        ("a\udcff", "UTF-8"),
        ("x/.git/hooks", "reads as .git"),
        (".GIT", "reads as .git"),
        ("GIT~1", "reads as .git"),
        (".git::$INDEX_ALLOCATION", "reads as .git"),
        (".gi\u200ct", "invisible"),
        ("a\u202egpj.py", "invisible"),
        ("a.", "at the end"),
        ("a /b", "at the end"),
        ("a:b", "colon"),
        ("NUL", "device name"),
        ("aux.py", "device name"),
        ("x" * 256, "longer than 255"),
        ("\u00e9" * 128, "longer than 255"),
        ("/".join(["x" * 200] * 11), "longer than 2048"),
    ],
)
def test_an_odd_name_has_a_reason(name: str, reason: str) -> None:
    assert reason in odd(name)


@pytest.mark.parametrize(
    "name", ["train.py", ".gitignore", ".github/x", "git", "caf\u00e9 au lait.txt", "a..b", "\u6a21\u578b.py"]
)
def test_ordinary_names_are_not_odd(name: str) -> None:
    assert odd(name) == ""


def test_names_that_differ_by_case_or_form_collide_with_folders_too() -> None:
    assert collisions(["Src/x"], ["src/y"]) == {"Src/x": "src"}
    assert collisions(["e\u0301"], ["\u00e9"]) == {"e\u0301": "\u00e9"}
    assert collisions(["stra\u00dfe"], ["STRASSE"]) == {"stra\u00dfe": "STRASSE"}
    assert collisions(["B", "b"], []) == {"b": "B"}
    assert collisions(["src/x", "src/y"], ["src/x", "src/z"]) == {}


def test_a_printable_name_is_one_short_line() -> None:
    shown = printable("a\n\udcff\x1b[2J" + "x" * 999)
    assert shown.isprintable()
    assert shown.startswith("a\\x0a\\udcff\\x1b[2J")
    assert len(shown) <= 300


TRACKED = 0o100644


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (Touched(path="src/a", kind="created", new=TRACKED), ""),
        (Touched(path="src/a", kind="modified", old=TRACKED, new=TRACKED), ""),
        (Touched(path="src/a", kind="deleted", old=TRACKED), ""),
        (Touched(path="src/a", kind="mode", old=TRACKED, new=0o100755), ""),
        (Touched(path="src/a", kind="deleted", old=0o120000), ""),
        (Touched(path="b", kind="created", new=TRACKED), "outside-edit"),
        (Touched(path="b", kind="deleted", old=TRACKED), "outside-edit"),
        (Touched(path="b", kind="mode", old=TRACKED, new=0o100755), "mode"),
        (Touched(path="program.md", kind="modified", old=TRACKED, new=TRACKED), "program"),
        (Touched(path="src/a", kind="created", new=0o120000), "link"),
        (Touched(path="src/a", kind="created", new=TRACKED, links=2), "link"),
        (Touched(path="src/a", kind="modified", old=0o120000, new=TRACKED), "link"),
        (Touched(path="src/a", kind="created", new=0o010000), "device"),
        (Touched(path="src/a", kind="created", new=0o020000), "device"),
        (Touched(path="src/a", kind="created", new=0o160000), "submodule"),
        (Touched(path="src/.git/x", kind="created", new=TRACKED), "submodule"),
        (Touched(path="src/a\n", kind="created", new=TRACKED), "odd-name"),
        (Touched(path="src/a", kind="created", new=TRACKED, size=10 * 1024**2 + 1), "too-large"),
        (Touched(path="src/MAIN.py", kind="created", new=TRACKED), "case-collision"),
    ],
)
def test_each_change_breaks_the_rule_that_it_breaks(change: Touched, rule: str) -> None:
    found = breaches(a_contract("src"), [change], ["src/main.py", change.path])
    assert [(item.path, item.rule) for item in found] == ([(change.path, rule)] if rule else [])
    assert all(item.detail for item in found)
