"""What `run` would refuse, `check` refuses too, and neither shows the answers to anybody."""

import json
import os

import pytest
from person import PROGRAM

pytestmark = pytest.mark.e2e

HIDING = PROGRAM.replace("run: python3 model.py\n", 'run: python3 model.py\nscore: python3 judge.py\nhide: ["HIDE"]\n')
SCORED = HIDING.replace("edit: [model.py]", "edit: [model.py]\nartifacts: [out.txt]")


def program(hide, line):
    return SCORED.replace("HIDE", hide).replace("bounds:", f"{line}\nbounds:")


@pytest.fixture
def hiding(project, tmp_path):
    """A repository with answers in it and beside it, both out of git."""
    vault = tmp_path / "vault"
    for folder in (vault, project.root / "answers", project.root / "tools"):
        folder.mkdir()
        (folder / "labels.txt").write_text("1 2 3\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "harmless").mkdir()
    project.environment["HOME"] = str(tmp_path / "home")
    project.write({"judge.py": "print('loss: 1')\n", ".gitignore": "answers/\ntools/\n"})
    project.commit("judge")
    for name, target in (("link", vault), ("git", project.root / ".git"), ("refs", project.root / ".git" / "refs")):
        os.symlink(target, project.root / "tools" / name)
    return project


def both_refuse(project, text, *words, agent="command true"):
    project.write({"program.md": text})
    for command in (["run", "--experiments", 1, "--agent", agent], ["check"]):
        done = project.overnight(*command, code=2)
        said = done.stderr + done.stdout
        assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("path", "hide"),
    [
        ("{root}/answers", "answers/**"),
        ("answers/labels.txt", "answers/*.txt"),
        ("{tmp}/vault", "{tmp}/vault/labels.txt"),
        ("{tmp}/vault/labels.txt", "{tmp}/vault/**"),
        ("tools/link", "{tmp}/vault/**"),
        ("{root}", "answers/**"),
        ("tools/git", "answers/**"),
        ("tools/refs", "answers/**"),
        ("{tmp}", "answers/**"),
        ("{tmp}/home", "answers/**"),
    ],
)
def test_read_never_shows_answers_the_ledger_or_a_home(hiding, tmp_path, path, hide):
    names = {"root": hiding.root, "tmp": tmp_path}
    path, hide = path.format(**names), hide.format(**names)
    lines = f"agent: {{read: [{path}]}}\nisolation: {{read: [{path}]}}"
    says = [f"{key}.read names {path}, which would show" for key in ("agent", "isolation")]
    both_refuse(hiding, program(hide, lines), *says)


def test_read_may_show_a_folder_that_holds_no_answers(hiding, tmp_path):
    line = f"agent: {{use: 'command true', read: [{tmp_path}/harmless, tools/labels.txt]}}"
    hiding.write({"program.md": program("answers/**", line)})
    hiding.overnight("check")


def test_check_names_the_line_of_a_path_that_is_not_there(project):
    project.write({"program.md": PROGRAM.replace("bounds:", "agent: {read: [/no/such/place]}\nbounds:")})
    found = json.loads(project.overnight("check", "--json", code=2).stdout)
    (problem,) = [problem for problem in found["problems"] if problem["severity"] == "error"]
    assert (problem["line"], "/no/such/place" in problem["message"]) == (6, True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("python3 model.py", "python3 modle.py", ["program.md:5", "modle.py", "Did you mean `model.py`?"]),
        ("python3 model.py", "pyhton3 model.py", ["program.md:5", "pyhton3", "PATH", "python3"]),
        ("python3 model.py", "./nothere.sh", ["program.md:5", "nothere.sh"]),
        ("bounds:", "guards: [{run: python3 nothere.py}]\nbounds:", ["program.md:6", "nothere.py"]),
        ("bounds:", "data: [inputs/**]\nbounds:", ["program.md:6", "inputs/**"]),
    ],
)
def test_what_can_not_work_on_this_machine_is_refused_before_anything_starts(project, old, new, words):
    before = project.fingerprint()
    both_refuse(project, PROGRAM.replace(old, new), *words)
    project.write({"program.md": PROGRAM})
    assert project.fingerprint() == before
    assert not (project.root / ".git" / "overnight").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("agent: claude", ["claude", "command"]),
        ("agent: {use: command true, pass_env: [NOT_SET_HERE]}", ["NOT_SET_HERE"]),
        ("agent: command no-such-agent --now", ["no-such-agent", "PATH"]),
    ],
)
def test_an_agent_that_can_not_work_is_refused_with_its_line(project, line, words):
    project.write({"program.md": PROGRAM.replace("bounds:", f"{line}\nbounds:")})
    for command in ("run", "check"):
        done = project.overnight(command, code=2)
        assert all(word in done.stderr + done.stdout for word in ["program.md:6", *words])


def test_a_link_that_leaves_the_repository_is_found_by_check(project):
    os.symlink("/etc/hostname", project.root / "host")
    project.commit()
    both_refuse(project, PROGRAM, "host -> /etc/hostname")


def test_check_warns_of_what_must_be_committed_first(project):
    project.write({"model.py": "print('loss: 3')\n"})
    text = project.overnight("check").stdout
    assert "--with-changes" in text
    assert text.rstrip().endswith("0 errors, 1 warning")


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ("{metric: p95, max: 3}", ["guards[0]", "p95", "`p95: NUMBER`", "remove the guard"]),
        ("{metric: loss, max: 3}", ["guards[0]", "loss", "`max`", "remove the guard"]),
        ('{run: "true", min_tests: 3}', ["`true`", "min_tests"]),
    ],
)
def test_a_guard_that_the_unchanged_code_breaks_is_named_with_what_to_write(project, guard, words):
    project.write({"program.md": PROGRAM.replace("bounds:", f"guards: [{guard}]\nbounds:")})
    said = project.overnight("run", "--experiments", 1, code=2).stderr
    assert all(word in said for word in words), said
    assert ".." not in said.replace("...", "")


def test_one_uncommitted_change_is_one(project):
    project.write({"notes.txt": "x"})
    assert "1 uncommitted change (" in project.overnight("run", "--experiments", 0).stdout
