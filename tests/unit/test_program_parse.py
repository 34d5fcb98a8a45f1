"""program.md as a person writes it: what is accepted, and what each key means."""

import pytest

from overnight.errors import ContractError
from overnight.model.contract import Direction, Drive, Guard, Holdout, Keep, Tier, Tradeoff
from overnight.model.value import digest
from overnight.program import parse, places

REQUIRED = "metric: val_bpb\nedit: [train.py]\nrun: python train.py\n"

EVERYTHING = """\
---
title: A night
metric: val_bpb
direction: minimize
unit: bits/byte
min_effect: 5e-4
bounds: [0.5, 8.0]
edit: [train.py, "src/**", "!src/judge.py"]
data: [data/**, ~/.cache/corpus/**, /srv/corpus]
hide: answers/**
run: python train.py
score: python judge.py --seed $OVERNIGHT_SEED
artifacts: [out/pred.npy]
metrics: [loss, "grad/norm"]
variables: {DEPTH: 8, LR: 1e-4, NAME: no}
env_dirs: .venv
budget: {wall: 1h30m, cpu_seconds: 90, memory: 2GB, cpus: 1.5, pids: 64, disk: 512MiB, gpus: 0, output: 4096, grace: 0,
  strict: true}
guards:
  - {metric: peak_memory_mb, max: 46000}
  - {metric: accuracy, max_regress: 5%, direction: maximize}
  - {run: pytest -q tests, must: pass, min_tests: 120}
tradeoffs:
  - {metric: loc, rate: "0.001 per 20 lines"}
  - {metric: wall_seconds, rate: 0.5}
holdout: {certify: python judge.py --split certify, queries: 10}
keep: {policy: ratchet}
isolation: {require: contained, network: none, read: [/opt/cuda], env: {OMP_NUM_THREADS: "2", A: 1}, pass_env: [LANG]}
agent: {use: "command ./go.sh", wall: 15m, network: shared, pass_env: [MY_API_KEY], read: [~/tools]}
stop: {experiments: 200, wall: 9h, usd: 20, no_gain: 60, tampering: 3}
---

# Lower val_bpb

Plain words.
"""


def contract(body, **options):
    return parse(f"---\n{body}---\n# Title\n\nprose\n", file="program.md", **options)


def test_every_enforced_key_arrives_in_the_contract():
    whole = parse(EVERYTHING, file="program.md", folder="sub", program="program.md")
    assert (whole.title, whole.folder, whole.inferred) == ("A night", "sub", False)
    assert whole.prose == "# Lower val_bpb\n\nPlain words."
    assert (whole.objective.min_effect, whole.objective.bounds) == (0.0005, (0.5, 8.0))
    assert whole.edit == ("train.py", "src/**", "!src/judge.py")
    assert whole.data == ("data/**", "~/.cache/corpus/**", "/srv/corpus")
    assert whole.hide == ("answers/**",)
    assert whole.variables == (("DEPTH", "8"), ("LR", "1e-4"), ("NAME", "no"))
    assert whole.env_dirs == (".venv",)
    budget = whole.budget
    assert (budget.wall, budget.cpu_seconds, budget.memory, budget.disk) == (5400, 90, 2 * 10**9, 512 * 2**20)
    assert (budget.cpus, budget.output, budget.grace, budget.strict) == (1.5, 4096, 0, True)
    assert whole.guards == (
        Guard(metric="peak_memory_mb", max=46000),
        Guard(metric="accuracy", max_regress=0.05, direction=Direction.maximize),
        Guard(run="pytest -q tests", min_tests=120),
    )
    assert whole.tradeoffs == (
        Tradeoff(metric="loc", rate=0.001, amount=20),
        Tradeoff(metric="wall_seconds", rate=0.5),
    )
    assert whole.isolation.require is Tier.contained
    assert whole.isolation.env == (("A", "1"), ("OMP_NUM_THREADS", "2"))
    assert (whole.agent.use, whole.agent.wall, whole.agent.network) == ("command ./go.sh", 900, ("shared",))
    assert (whole.stop.wall, whole.stop.usd, whole.stop.tampering) == (32400, 20, 3)
    assert whole.written[:3] == ("title", "metric", "direction")


def test_a_driven_study_needs_no_run():
    body = "metric: ms\nedit: app.py\ndrive: {judge: python judge.py, serve: python app.py}\n"
    assert contract(body).drive == Drive(judge="python judge.py", serve="python app.py", over="stdio")


def test_an_agent_may_be_one_name():
    assert contract(REQUIRED + "agent: tuner\n").agent.use == "tuner"
    assert contract(REQUIRED + 'agent: "command ./propose.sh --fast"\n').agent.use == "command ./propose.sh --fast"


def test_a_command_may_be_a_block_of_lines():
    assert contract("metric: a\nedit: t\nrun: |\n  make\n  ./t\n").run == "make\n./t"


def test_a_leading_dot_slash_means_nothing():
    assert contract(REQUIRED.replace("train.py]", "./train.py]")).edit == ("train.py",)


def test_the_title_is_the_first_heading_outside_a_code_block():
    text = f"---\n{REQUIRED}---\n```\n# no\n```\n# Yes #\n"
    assert parse(text, file="p").title == "Yes"


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
def test_line_ends_and_a_byte_order_mark_change_nothing(ends):
    text = f"---\n{REQUIRED}---\n\n# T\n\nprose\n"
    foreign = "\ufeff\n" + text.replace("\n", ends)
    assert parse(foreign, file="p") == parse(text, file="p")


def test_writing_a_default_changes_nothing_but_the_list_of_what_was_written():
    written = contract(REQUIRED + "budget: {cpus: 2, wall: 5m}\nmin_effect: 0\nkeep: {policy: auto}\ndrive: null\n")
    assert digest(written.identity()) == digest(contract(REQUIRED).identity())
    assert written.written == ("metric", "edit", "run", "budget", "min_effect", "keep", "drive")


def test_places_count_lines_of_the_file():
    found = places("\n---\nmetric: a\nbudget: {wall: 5m}\nedit:\n  - x\n---\n")
    assert found == {
        "metric": (3, 1), "budget": (4, 1), "budget.wall": (4, 10), "edit": (5, 1), "edit.0": (6, 5),
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "prose", "---\nopen", "---\n[: }\n---\n", "---\n---\n"])
def test_a_file_without_readable_keys_has_no_places(text):
    assert places(text) == {}


def test_the_example_of_the_language_is_refused_only_where_this_version_does_not_enforce_it():
    text = EVERYTHING.replace(
        "holdout: {certify", "holdout: {gate: python judge.py --split gate, max_gap: 2%, certify"
    ).replace("wall: 15m, network: shared", "wall: 15m, network: [api.anthropic.com], tokens: 300k, usd: 0.50")
    with pytest.raises(ContractError) as caught:
        parse(text, file="program.md")
    assert {problem.code for problem in caught.value.problems} == {"not-enforced"}
    assert [problem.read for problem in caught.value.problems] == ["network", "tokens", "usd"]


def test_how_a_gain_is_decided_is_read_as_written():
    keep = "keep: {policy: audit, transform: log, repeats: {min: 2, max: 5}, pairs: 7, alpha: 0.01}"
    holdout = "holdout: {gate: g, parts: 3, max_gap: 2%, queries: 40}"
    contract = parse(f"---\n{REQUIRED}{keep}\n{holdout}\n---\nprose\n", file="program.md")
    assert contract.keep == Keep(policy="audit", transform="log", repeats=(2, 5), pairs=7, alpha=0.01)
    assert contract.holdout == Holdout(gate="g", parts=3, max_gap=0.02, queries=40)
