"""Mistakes that YAML makes easy, answered with the line to paste: pasting it must mend the file."""

import pytest

from overnight.errors import ContractError
from overnight.program import parse

REQUIRED = "metric: val_bpb\nedit: [train.py]\nrun: python train.py\n"


def problems(text):
    with pytest.raises(ContractError) as caught:
        parse(text, file="program.md")
    return caught.value.problems


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("edit: [*.py]", 'edit: ["*.py"]'),
        ("edit: **/*.py", 'edit: ["**/*.py"]'),
        ("edit: *.py", 'edit: ["*.py"]'),
        ("edit: [src/**, !src/judge.py]", 'edit: ["src/**", "!src/judge.py"]'),
        ("edit: [**/*.py]  # all", 'edit: ["**/*.py"]  # all'),
        ("edit: [src/[ab].py, c.py]", 'edit: ["src/[ab].py", "c.py"]'),
        ("edit: [a.py", 'edit: ["a.py"]'),
    ],
)
def test_globs_get_their_quotes(wrong, right):
    (problem,) = problems(f"---\nmetric: a\nrun: b\n{wrong}\n---\n")
    assert (problem.code, problem.line, problem.read) == ("yaml", 4, wrong)
    assert problem.fix == f"Write: {right}"
    assert parse(f"---\nmetric: a\nrun: b\n{right}\n---\n", file="p").edit


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("score: python judge.py: fast", 'score: "python judge.py: fast"'),
        ("score: {python} judge.py x", 'score: "{python} judge.py x"'),
        ('score: "my python" judge.py', "score: '\"my python\" judge.py'"),
        ("score: @judge", 'score: "@judge"'),
        ("score: `which python` judge.py", 'score: "`which python` judge.py"'),
        ("score: %run judge.py", 'score: "%run judge.py"'),
        ("score: 'python judge.py", 'score: "python judge.py"'),
        ("score: a: b  # why", 'score: "a: b"  # why'),
        ("title: Faster: a night", 'title: "Faster: a night"'),
        ("budget: {wall: 5m, memory: 8GiB", "budget: {wall: 5m, memory: 8GiB}"),
        (
            "drive: {judge: python j.py: x, serve: sh -c {a}, b, over: stdio}",
            'drive: {judge: "python j.py: x", serve: "sh -c {a}, b", over: stdio}',
        ),
    ],
)
def test_commands_get_their_quotes(wrong, right):
    found = problems(f"---\n{REQUIRED}{wrong}\n---\n")
    assert (found[-1].code, found[-1].line) == ("yaml", 5)
    assert found[-1].fix == f"Write: {right}"
    mended = f"---\n{REQUIRED}{right}\n---\n"
    if "{python}" not in right:
        assert parse(mended, file="p").written[-1] == right.partition(":")[0]


def test_items_on_lines_of_their_own_get_their_quotes():
    found = problems(f"---\n{REQUIRED}artifacts:\n  - *.npy\nhide: [\n  x,\n  **/y\n]\nguards:\n  - run: a: b\n---\n")
    assert [(problem.line, problem.fix) for problem in found] == [
        (6, 'Write: - "*.npy"'),
        (9, 'Write: "**/y"'),
        (12, 'Write: - run: "a: b"'),
    ]


def test_a_tab_is_answered_with_the_line_in_spaces():
    (problem,) = problems(f"---\n{REQUIRED}budget:\n\twall: 5m\n---\n")
    assert (problem.line, problem.fix) == (6, "Write:   wall: 5m")


def test_anchors_and_aliases_are_text_without_quotes():
    found = problems(f"---\n{REQUIRED}unit: &x s\ntitle: *x\n---\n")
    assert [problem.fix for problem in found] == ['Write: unit: "&x s"', 'Write: title: "*x"']


def test_several_such_lines_are_all_reported_beside_other_mistakes():
    found = problems("---\nmetric: a\nedit: [*.py]\nrun: echo a: b\nbugdet: {}\n---\n")
    assert [(problem.code, problem.line) for problem in found] == [("yaml", 3), ("yaml", 4), ("unknown-key", 5)]


@pytest.mark.parametrize(
    ("front", "line", "word"),
    [
        ("metric: a\n\tunit: b\n", 3, "spaces"),
        ("metric: a\x07\n", 2, "invisible"),
        ("metric: a\n[x]: b\n", 3, "key"),
        ("metric: a\n  unit: b\n", 3, "YAML"),
        ("{" * 50_000 + "\n", 2, "nested"),
    ],
)
def test_what_cannot_be_mended_still_names_its_line(front, line, word):
    problem = problems(f"---\n{front}---\n")[0]
    assert problem.line == line
    assert word in problem.text()
