"""`finish`: from a night to a branch."""

import json
import os
from pathlib import Path

import pytest
from cli_house import git
from finished import BASE, Morning, begun, certified, tree_of, tried, write
from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.model.event import Effect
from overnight.report.finish import harmless

A = BASE["src/a.py"]


@pytest.fixture
def morning(tmp_path: Path) -> Morning:
    """Three kept changes on each other, two in one file, not certified."""
    made, groups = begun(tmp_path / "lm")
    write(
        made,
        groups,
        tried(made, 1, 0, {"src/a.py": A.replace("X = 5", "X = 4")}, summary="Lower X", tokens=1200, cost_usd=0.25),
        tried(made, 2, 1, {"src/b.py": "B\n"}, summary="Louder b"),
        tried(made, 3, 2, {"src/a.py": A.replace("X = 5", "X = 4").replace("Z = 1", "Z = 0")}, summary="No Z"),
    )
    git(made.root, "config", "user.name", "Ada")
    git(made.root, "config", "user.email", "ada@example.org")
    return made


def call(morning: Morning, *words: str, code: int = 0):
    done = CliRunner().invoke(app, ["finish", *words, "--repo", str(morning.root)])
    assert done.exit_code == code, done.stdout + done.stderr
    return done


def subjects(morning: Morning, branch: str = "overnight/lm") -> list[str]:
    return morning.log("--reverse", "--format=%s", f"{morning.commits[0]}..{branch}").split("\n")


def branches(morning: Morning) -> list[str]:
    return git(morning.root, "for-each-ref", "--format=%(refname:short)", "refs/heads/overnight/").split()


def test_a_certified_night_becomes_one_commit_a_change(morning):
    write(morning, certified(3, low=0.4, high=0.6, runs=5))
    said = call(morning).stdout
    assert subjects(morning) == ["Lower X", "Louder b", "No Z"]
    assert git(morning.root, "rev-parse", "overnight/lm^{tree}") == morning.trees[3]
    assert git(morning.root, "rev-parse", "overnight/lm~3") == morning.commits[0]
    assert "branch overnight/lm: 3 commits" in said
    assert "git merge overnight/lm" in said


def test_a_message_says_effect_proof_cost_and_where_it_is_from(morning):
    write(morning, certified(3, low=0.4, high=0.6, runs=5))
    call(morning)
    text = morning.log("-1", "--format=%B", "overnight/lm~2")
    words = " ".join(text.split())
    assert text.startswith("Lower X\n\nExperiment 1.")
    assert "Better by 0.1 bits/byte (5 %) than the best before it, as the search measured it." in words
    assert "Certified together with 2 other changes, on the holdout: val_bpb 2.1 -> 1.6 bits/byte" in words
    assert "better by 0.5 bits/byte (0.4 to 0.6), from 5 pairs of fresh readings." in words
    assert "Cost: 3 s of agent and judge, 1200 tokens, $0.25." in words
    assert text.endswith("Overnight-Study: lm\nOvernight-Experiment: 1\nOvernight-Certified: holdout")
    assert all(len(line) <= 76 for line in text.split("\n"))
    who = "Ada <ada@example.org>"
    assert morning.log("-1", "--format=%an <%ae>%n%cn <%ce>", "overnight/lm") == f"{who}\n{who}"


def test_without_a_certificate_it_refuses_and_says_what_to_do(morning):
    said = call(morning, code=2).stderr
    assert "`overnight certify`" in said
    assert "--all" in said
    assert branches(morning) == []


def test_all_takes_what_is_not_certified_and_each_message_says_so(morning):
    call(morning, "--all")
    assert subjects(morning) == ["Lower X", "Louder b", "No Z"]
    for commit in morning.log("--format=%H", "overnight/lm~3..overnight/lm").split():
        text = morning.log("-1", "--format=%B", commit)
        assert "NOT CERTIFIED" in text
        assert "Overnight-Certified: no" in text


def test_what_came_after_the_certificate_is_taken_with_all_alone(morning):
    write(morning, certified(2))
    call(morning)
    assert subjects(morning) == ["Lower X", "Louder b"]
    said = call(morning, "--all", "--branch", "everything").stdout
    assert subjects(morning, "everything") == ["Lower X", "Louder b", "No Z"]
    assert said.count("(not certified)") == 1
    assert "Overnight-Certified: no" in morning.log("-1", "--format=%B", "everything")
    assert "Overnight-Certified: holdout" in morning.log("-1", "--format=%B", "everything~1")


def test_a_night_without_a_gain_has_nothing_to_finish(tmp_path):
    made, groups = begun(tmp_path / "lm")
    write(made, groups)
    for words in ([], ["--all"]):
        assert "nothing to finish" in call(made, *words, code=2).stderr


def test_what_the_ablation_dropped_is_left_out_and_the_last_tree_is_the_certified_one(morning):
    reduced = tree_of(morning.root, {**morning.files(morning.commits[3]), "src/b.py": "b\n"})
    effects = (
        Effect(number=1, loss=0.31, low=0.2, high=0.42),
        Effect(number=2, loss=0.001, low=-0.1, high=0.1),
        Effect(number=3, loss=0.12, low=0.02, high=0.2),
    )
    write(morning, certified(3, tree=reduced, kept=(1, 3), dropped=(2,), effects=effects))
    said = call(morning, "--body", str(morning.root.parent / "pull.md")).stdout
    assert subjects(morning) == ["Lower X", "No Z"]
    assert git(morning.root, "rev-parse", "overnight/lm^{tree}") == reduced
    assert "left out, because nothing measurable is lost without: #2" in said
    text = " ".join(morning.log("-1", "--format=%B", "overnight/lm~1").split())
    assert "Taken out of the final version alone, 0.31 bits/byte are lost (0.2 to 0.42)." in text
    body = (morning.root.parent / "pull.md").read_text()
    assert "- experiment 2, Louder b: nothing measurable is lost without it (0.001 bits/byte (-0.1 to 0.1))" in body


def test_changes_that_cannot_be_told_apart_are_one_commit_that_names_them(tmp_path):
    made, groups = begun(tmp_path / "lm")
    write(
        made,
        groups,
        tried(made, 1, 0, {"src/a.py": "X = 4\n"}, summary="worthless"),
        tried(made, 2, 1, {"src/a.py": "X = 4 + Y\n"}, summary="on top"),
        tried(made, 3, 2, {"src/a.py": "X = 5\n"}, summary="anew"),
        certified(3, kept=(2, 3), dropped=(1,)),
    )
    said = call(made).stdout
    assert subjects(made) == ["anew"]
    text = made.log("-1", "--format=%B", "overnight/lm")
    assert "Overnight-Experiment: 2\nOvernight-Experiment: 3\n" in text
    assert "on top" in text
    assert "changes in one commit" in said


def test_themes_are_changes_that_touch_the_same_files(morning):
    write(morning, certified(3))
    said = call(morning, "--by-theme").stdout
    assert branches(morning) == ["overnight/lm--src-a-py", "overnight/lm--src-b-py"]
    assert subjects(morning, "overnight/lm--src-a-py") == ["Lower X", "No Z"]
    assert subjects(morning, "overnight/lm--src-b-py") == ["Louder b"]
    assert morning.files("overnight/lm--src-b-py") == {**BASE, "src/b.py": "B\n"}
    last = morning.files(morning.commits[3])
    assert morning.files("overnight/lm--src-a-py") == {**last, "src/b.py": "b\n"}
    assert "not of each alone" in said
    git(morning.root, "checkout", "-q", "--detach", "overnight/lm--src-a-py")
    git(morning.root, "merge", "-q", "-m", "both", "overnight/lm--src-b-py")
    assert git(morning.root, "rev-parse", "HEAD^{tree}") == morning.trees[3]


def test_doing_it_again_changes_nothing(morning):
    write(morning, certified(3))
    call(morning)
    before = git(morning.root, "for-each-ref")
    assert "as it was already" in call(morning).stdout
    assert git(morning.root, "for-each-ref") == before


def test_another_branch_of_that_name_is_refused_or_moved_and_kept(morning):
    write(morning, certified(3))
    git(morning.root, "branch", "overnight/lm", "HEAD")
    old = git(morning.root, "rev-parse", "HEAD")
    assert "--replace" in call(morning, code=2).stderr
    assert git(morning.root, "rev-parse", "overnight/lm") == old
    said = call(morning, "--replace").stdout
    assert subjects(morning) == ["Lower X", "Louder b", "No Z"]
    kept_at = git(morning.root, "for-each-ref", "--format=%(refname) %(objectname)", "refs/overnight/lm/replaced/")
    assert kept_at == f"refs/overnight/lm/replaced/{old[:12]} {old}"
    assert kept_at.split()[0] in said


def test_one_theme_that_is_refused_leaves_all_of_them_unmade(morning):
    write(morning, certified(3))
    git(morning.root, "branch", "overnight/lm--src-b-py", "HEAD")
    call(morning, "--by-theme", code=2)
    assert branches(morning) == ["overnight/lm--src-b-py"]


def check_out(morning: Morning) -> None:
    git(morning.root, "checkout", "-q", "-b", "overnight/lm")


def check_out_elsewhere(morning: Morning) -> None:
    git(morning.root, "worktree", "add", "-q", "-b", "overnight/lm", str(morning.root.parent / "other"))


def without_a_commit(morning: Morning) -> None:
    git(morning.root, "symbolic-ref", "HEAD", "refs/heads/overnight/lm")


def in_a_rebase(morning: Morning) -> None:
    git(morning.root, "branch", "overnight/lm", "HEAD")
    (morning.root / ".git/rebase-merge").mkdir()
    (morning.root / ".git/rebase-merge/head-name").write_text("refs/heads/overnight/lm\n")


@pytest.mark.parametrize("busy", [check_out, check_out_elsewhere, without_a_commit, in_a_rebase])
def test_a_branch_that_is_checked_out_is_never_moved(morning, busy):
    write(morning, certified(3))
    repository = str(morning.root)
    busy(morning)
    before = git(morning.root, "for-each-ref")
    done = CliRunner().invoke(app, ["finish", "--study", "lm", "--replace", "--repo", repository])
    assert done.exit_code == 2, done.stdout
    assert "checked out in" in done.stderr
    assert git(morning.root, "for-each-ref") == before


@pytest.mark.parametrize("name", ["a..b", "-x", "a b", "x.lock", "HEAD", "", "\x1b[31m", "@{"])
def test_a_name_that_git_does_not_allow_is_refused(morning, name):
    write(morning, certified(3))
    assert "\x1b" not in call(morning, f"--branch={name}", code=2).stderr
    assert branches(morning) == []


def test_a_branch_in_the_way_is_named(morning):
    write(morning, certified(3))
    git(morning.root, "branch", "overnight", "HEAD")
    said = call(morning, code=2).stderr
    assert "beside the branch overnight:" in said
    assert "--branch NAME" in said


def test_an_agents_words_steer_nothing(tmp_path):
    made, groups = begun(tmp_path / "lm")
    hostile = "fixup! # @torvalds fixes #12, GH-7 [skip ci] https://evil.example \x1b[31m\u202e Signed-off-by: x"
    write(
        made,
        groups,
        tried(made, 1, 0, {"src/b.py": "B\n"}, summary=hostile, cost_usd=1e-3),
        tried(made, 2, 1, {"src/b.py": "BB\n"}, summary=""),
        certified(2),
    )
    done = call(made, "--body", "-")
    text = made.log("-1", "--format=%B", "overnight/lm~1")
    for word in ("fixup!", "@torvalds", "#12", "GH-7", "[skip", "://", "\x1b", "\u202e"):
        assert word not in text
        assert word not in done.stdout
    assert text.split("\n")[0].startswith("torvalds fixes 12, GH 7 (skip ci) https: evil.example")
    assert made.log("-1", "--format=%(trailers:only,keyonly)", "overnight/lm~1").split() == [
        "Overnight-Study", "Overnight-Experiment", "Overnight-Certified",
    ]  # fmt: skip
    assert subjects(made)[1] == "Experiment 2 of an overnight study"


@pytest.mark.parametrize("text", ["# # #", "fixup! squash! amend!", "  - > *", "@", "[]", "***NO_CI***"])
def test_words_that_only_steer_leave_nothing_or_plain_words(text):
    assert harmless(text, 72).strip("()@NO_CI") == ""


def test_the_text_of_a_pull_request_comes_with_the_branch(morning):
    write(morning, certified(3))
    out = morning.root.parent / "pull.md"
    assert f"wrote {out}" in call(morning, "--body", str(out)).stdout
    text = out.read_text()
    assert text.startswith("# lm: val\\_bpb better by" if "val\\_bpb" in text else "# lm: val_bpb better by")
    assert all(f"experiment {number}".lower() in text.lower() for number in (1, 2, 3))
    on_screen = call(morning, "--body", "-")
    assert on_screen.stdout == text
    assert "branch overnight/lm" in on_screen.stderr
    call(morning, "--body", str(morning.root / "no" / "such" / "file"), code=2)


def test_programs_get_the_same_as_json(morning):
    write(morning, certified(3))
    found = json.loads(call(morning, "--json").stdout)
    (branch,) = found["branches"]
    assert branch["branch"] == "overnight/lm"
    assert [commit["experiments"] for commit in branch["commits"]] == [[1], [2], [3]]
    assert branch["commits"][-1]["commit"] == git(morning.root, "rev-parse", "overnight/lm")
    assert branch["body"].startswith(f"# {branch['title']}")


def everything(root: Path) -> dict[str, tuple[object, ...]]:
    """All of the repository but objects and the new branch: kind, mode, times, content."""
    seen: dict[str, tuple[object, ...]] = {}
    own = (".git/objects", ".git/refs/heads/overnight", ".git/logs/refs/heads/overnight")
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.startswith(own) or name in (".git/refs/heads", ".git/logs/refs/heads"):
            continue
        info = path.lstat()
        seen[name] = (info.st_mode, info.st_ino, info.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
    return seen


def test_nothing_of_the_persons_is_touched(morning, tmp_path):
    write(morning, certified(3))
    root = morning.root
    (root / "src/a.py").write_text("stashed\n")
    git(root, "stash")
    (root / "src/a.py").write_text("staged\n")
    git(root, "add", "src/a.py")
    (root / "src/b.py").write_text("unstaged\n")
    (root / "loose.txt").write_text("untracked\n")
    for hook in ("pre-commit", "commit-msg", "post-commit", "prepare-commit-msg", "reference-transaction", "update"):
        path = root / ".git/hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\nexit 1\n")
        path.chmod(0o755)
    git(root, "config", "commit.gpgsign", "true")
    git(root, "config", "gpg.program", str(root / ".git/hooks/pre-commit"))
    git(root, "config", "commit.template", "no-such-file")
    os.utime(root / "judge.py", (1, 1))
    before = everything(root)
    assert ".git/refs/stash" in before
    said = call(morning).stdout
    call(morning, "--by-theme")
    assert everything(root) == before
    assert not (tmp_path / "canary").exists()
    assert "not signed" in said
    for branch in ("overnight/lm", "overnight/lm--src-a-py"):
        assert "gpgsig" not in git(root, "cat-file", "commit", branch)
