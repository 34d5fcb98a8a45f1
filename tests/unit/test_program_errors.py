"""What a person can get wrong in program.md: each mistake has one clear message, with its place and a remedy."""

import pytest

from overnight.errors import ContractError
from overnight.program import parse

REQUIRED = "metric: val_bpb\nedit: [train.py]\nrun: python train.py\n"


def problems(text):
    with pytest.raises(ContractError) as caught:
        parse(text, file="program.md")
    return caught.value.problems


def only(line):
    """The one problem of a good file with `line` as its fifth line."""
    (problem,) = problems(f"---\n{REQUIRED}{line}\n---\nprose\n")
    assert problem.file == "program.md"
    assert problem.severity == "error"
    return problem


def codes(text):
    return [problem.code for problem in problems(text)]


# The file as a whole


@pytest.mark.parametrize("text", ["", "\ufeff", "\n \r\n\t\n"])
def test_an_empty_file_is_told_what_to_write(text):
    (problem,) = problems(text)
    assert problem.code == "empty"
    assert "metric: loss" in problem.fix


def test_a_missing_closing_line_is_said_at_the_opening_one():
    (problem,) = problems("\n---\nmetric: a\n")
    assert (problem.code, problem.line, problem.column) == ("unclosed", 2, 1)


@pytest.mark.parametrize(
    ("front", "code"), [("", "missing-key"), ("# note\n", "missing-key"), ("- a\n", "type"), ("word\n", "type")]
)
def test_front_matter_without_keys_shows_the_required_ones(front, code):
    (problem,) = problems(f"---\n{front}---\nprose\n")
    assert problem.code == code
    assert "edit: [train.py]" in problem.fix


@pytest.mark.parametrize("text", ["", "---\n---\nprose\n", "Prose only.\n"])
def test_what_is_offered_for_pasting_is_a_contract_as_it_stands(text):
    with pytest.raises(ContractError) as caught:
        parse(text, file="program.md")
    said = str(caught.value)
    pasted = said[said.index("\n---\n") + 1 :]
    assert parse(pasted, file="program.md").edit == ("train.py",)


@pytest.mark.parametrize("line", ["guards: [{metric: a, max: 1, maxx: 1}]", "guards: [{metric: a, max: 1, max: 2}]"])
def test_a_guard_is_called_by_its_place_in_brackets(line):
    message = only(line).message
    assert "guards[0]" in message
    assert "guards.0" not in message


def test_each_missing_required_key_is_named_at_the_front_matter():
    found = problems("---\nunit: s\n---\n")
    assert [problem.message.split("`")[1] for problem in found] == ["metric", "edit", "run"]
    assert {(problem.line, problem.column) for problem in found} == {(1, 1)}


def test_keys_without_a_line_of_dashes_are_recognised():
    (problem,) = problems(REQUIRED)
    assert (problem.code, problem.read) == ("no-fence", "metric: val_bpb")


def test_an_endless_front_matter_is_refused_unread():
    assert codes("---\n" + "# x\n" * 100_000 + "---\n") == ["size"]


def test_all_problems_are_reported_in_the_order_of_the_file():
    found = problems("---\nmetric: [a]\nedit: []\nrun:\nbudget: 5\nmetrc: x\n---\n")
    assert [problem.line for problem in found] == [2, 3, 4, 5, 6]


# Keys


def test_an_unknown_key_names_the_nearest_known_one_and_all_that_are_allowed():
    problem = only("min_effct: 1")
    assert (problem.code, problem.line, problem.column, problem.read) == ("unknown-key", 5, 1, "min_effct")
    assert problem.fix == "Did you mean `min_effect`?"
    assert "tradeoffs" in problem.message


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("wall: 5m", "Write it in its section: `budget: {wall: ...}`."),
        ("budget: {score: x}", "`score` belongs at the top level."),
        ("budget: {wall:5m}", "Put a space after the colon: `wall: 5m`."),
        ("Unit: s", "Did you mean `unit`?"),
        ("seeds: 3", ""),
    ],
)
def test_a_key_in_the_wrong_place_is_told_the_right_one(line, fix):
    assert only(line).fix == fix


def test_a_key_written_twice_names_the_first_line():
    problem = only("edit: other.py")
    assert (problem.code, problem.line) == ("duplicate-key", 5)
    assert "line 3" in problem.fix


@pytest.mark.parametrize("line", ["stop: {wall: 1h, wall: 2h}", "variables: {A: 1, A: 2}"])
def test_a_key_written_twice_inside_a_section_is_an_error(line):
    assert only(line).code == "duplicate-key"


def test_a_comma_inside_braces_is_explained():
    assert "in quotes" in only('holdout: {certify: python -c "print(1, 2)"}').fix


# Values


@pytest.mark.parametrize(
    "line",
    [
        "budget: 5",
        "budget: [5m]",
        "guards: {metric: a}",
        "variables: [a]",
        "unit: [a]",
        "unit: 5",
        "title: true",
        "unit:",
        'unit: ""',
        "min_effect: -1",
        "min_effect: .nan",
        "min_effect: .inf",
        "min_effect: 1e999",
        "min_effect: abc",
        "min_effect: '5'",
        "min_effect: 1_000",
        "bounds: [5, 1]",
        "bounds: [1, 1]",
        "bounds: [1]",
        "bounds: [1, .nan]",
        "bounds: 5",
        "direction: up",
        "budget: {wall: 0}",
        "budget: {wall: -5}",
        "budget: {wall: 5 parsecs}",
        "budget: {wall: true}",
        "budget: {wall: .inf}",
        "budget: {wall: 1e999}",
        "budget: {memory: 8}",
        "budget: {memory: 8 gigs}",
        "budget: {memory: 0.3}",
        "budget: {cpus: 0}",
        "budget: {pids: 0}",
        "budget: {pids: 2.5}",
        "budget: {pids: 1e3}",
        "budget: {strict: yes}",
        "guards: [{metric: a}]",
        "guards: [{max: 5}]",
        "guards: [{metric: a, run: b, max: 3}]",
        "guards: [{run: pytest, max: 3}]",
        "guards: [{metric: a, max: 3, min_tests: 3}]",
        "guards: [{metric: a, min: 3, max: 2}]",
        "guards: [{metric: a, max_regress: 5}]",
        "guards: [{metric: a, max_regress: -5%}]",
        "guards: [{metric: val_bpb, max_regress: 5%, direction: maximize}]",
        "guards: [{run: pytest, must: fail}]",
        "tradeoffs: [{metric: loc}]",
        "tradeoffs: [{metric: loc, rate: cheap}]",
        "tradeoffs: [{metric: loc, rate: 1 per 0 lines}]",
        "tradeoffs: [{metric: val_bpb, rate: 1}]",
        "metrics: [5a]",
        "metrics: [a b]",
        "metrics: ['a;b']",
        "drive: {judge: python j.py}",
        "holdout: {queries: 5}",
        "stop: {experiments: 0}",
        "stop: {experiments: many}",
        "agent: command",
        "agent: claude code",
        "isolation: {require: total}",
    ],
)
def test_a_wrong_value_has_one_message_on_its_own_line(line):
    problem = only(line)
    assert problem.line == 5
    assert problem.column >= 1
    assert problem.message.endswith(".")


@pytest.mark.parametrize(
    "line",
    [
        "artifacts: /out",
        "artifacts: ../out",
        "artifacts: a/../b",
        "artifacts: '!out'",
        "artifacts: .git/config",
        "artifacts: a\\b",
        "artifacts: .",
        "env_dirs: ~/venv",
        "data: /",
        'data: "~"',
        "data: ~/**",
        "data: ~other/x",
        "data: ../x",
        "hide: /tmp/**",
        "data: 'src/{a,b}.py'",
        "data: a.csv, b.csv",
        "isolation: {read: [/home]}",
    ],
)
def test_a_path_that_reaches_too_far_is_refused(line):
    assert only(line).code == "value"


@pytest.mark.parametrize("glob", ["/etc/passwd", "../x", "~/x", '"!../x"', ".git/hooks/*", "a//../b", '""'])
def test_only_files_below_the_folder_can_be_edited(glob):
    (problem,) = problems(f"---\nmetric: a\nrun: b\nedit: [{glob}]\n---\n")
    assert (problem.code, problem.line) == ("value", 4)


def test_an_edit_that_only_takes_away_is_refused():
    assert codes('---\nmetric: a\nrun: b\nedit: ["!a.py"]\n---\n') == ["nothing-to-edit"]


def test_brace_patterns_are_spelled_out():
    assert only("data: 'src/{a,b}.csv'").fix == "Write a list: [src/a.csv, src/b.csv]."


def test_placeholders_in_braces_are_answered_with_the_variable():
    assert only("score: python judge.py {seed}").fix == "Write $OVERNIGHT_SEED instead of {seed}."


@pytest.mark.parametrize("name", ["API_KEY", "hf_token", "MY_SECRET_1"])
@pytest.mark.parametrize("form", ["isolation: {{pass_env: [{}]}}", "isolation: {{env: {{{}: x}}}}"])
def test_secrets_never_reach_the_candidate(form, name):
    problem = only(form.format(name))
    assert problem.read == name
    assert "agent.pass_env" in problem.fix


@pytest.mark.parametrize("form", ["variables: {%s: 1}", "isolation: {env: {%s: 1}}", "agent: {pass_env: [%s]}"])
def test_our_own_variables_cannot_be_set(form):
    assert "OVERNIGHT_" in only(form % "OVERNIGHT_SEED").message


def test_a_close_word_is_suggested_for_a_choice():
    assert only("direction: minimise").fix == "Did you mean `minimize`?"
    assert only("direction: max").fix == "Did you mean `maximize`?"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("keep: {alpha: 0.5}", "between 0 and 0.5"),
        ("keep: {alpha: nan}", "number"),
        ("keep: {pairs: 0}", "1 or more"),
        ("keep: {repeats: {min: 3, max: 2}}", "`min` above its `max`"),
        ("keep: {repeats: 3}", "must hold keys"),
        ("keep: {early_stop: maybe}", "true or false"),
        ("keep: {policy: tree}", "auto or default"),
        ("holdout: {parts: 0, gate: a}", "1 or more"),
        ("holdout: {queries: 5}", "`certify` or `gate`"),
    ],
)
def test_a_decision_that_cannot_be_meant_is_refused_in_one_message(line, says):
    assert says in only(line).message


# What this version does not enforce


@pytest.mark.parametrize(
    "line",
    [
        "keep: {noise: 0.1}",
        "isolation: {network: shared}",
        "agent: [claude, codex]",
        "agent: [{use: claude, weight: 2}]",
        "agent: {use: claude, network: [api.anthropic.com]}",
        "agent: {use: claude, tokens: 300k}",
        "agent: {use: claude, usd: 0.5}",
    ],
)
def test_what_is_not_enforced_is_refused_with_a_remedy(line):
    problem = only(line)
    assert problem.code == "not-enforced"
    assert problem.fix


def test_two_kinds_of_judge_are_refused():
    assert only("score: a\ndrive: {judge: b, serve: c}").code == "two-judges"
