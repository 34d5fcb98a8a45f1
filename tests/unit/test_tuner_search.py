"""How the tuner proposes: reproducible, never twice the same, better and better."""

import json
import math
import subprocess
import sys
import warnings

import pytest

from overnight.agents import Tuner
from overnight.model.brief import AgentBudget, Brief
from overnight.model.contract import Direction, Objective
from overnight.model.experiment import Failure, Outcome
from overnight.model.state import Experiment

TRAIN = """\
ORDER = 2  # range: 1..8
DISCOUNT = 0.5
LR = 0.001
SMOOTHING = "add"  # choices: add, kn, wb
WIDE = 64
"""
MINIMIZE = Objective(metric="loss")


def ask(folder, text, attempts=(), *, number=1, parent=None, objective=MINIMIZE, seed=1):
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text(text)
    baseline = Experiment(number=0, parent=0, outcome=Outcome.baseline, value=1.0)
    brief = Brief(
        study="s",
        number=number,
        text="",
        objective=objective,
        edit=("train.py",),
        parent=parent or baseline,
        best=parent or baseline,
        attempts=(baseline, *attempts),
        seed=seed,
    )
    proposal = Tuner().propose(brief, folder, AgentBudget())
    return proposal, (folder / "train.py").read_text()


def night(folder, text, loss, experiments, *, sign=1):
    """A ratchet over `loss` (a function of the constants by name); the text and loss of the best, and all tries."""
    objective = Objective(metric="loss", direction=Direction.minimize if sign == 1 else Direction.maximize)
    best = Experiment(number=0, parent=0, outcome=Outcome.baseline, value=sign * loss(constants(text)))
    attempts = [best]
    tried = [text]
    for number in range(1, experiments + 1):
        proposal, new = ask(folder, text, attempts[1:], number=number, parent=best, objective=objective, seed=number)
        tried.append(new)
        value = loss(constants(new))
        kept = value is not None and value < sign * best.value
        attempt = Experiment(
            number=number,
            parent=best.number,
            outcome=Outcome.crash if value is None else Outcome.keep if kept else Outcome.discard,
            value=None if value is None else sign * value,
            failure=Failure(code="exit", detail="no") if value is None else None,
            parameters=proposal.parameters,
        )
        attempts.append(attempt)
        if kept:
            best, text = attempt, new
    return text, sign * best.value, tried


def constants(text):
    names = {}
    exec(text, names)
    return names


def bowl(c):
    smoothing = {"add": 1.0, "kn": 0.0, "wb": 0.4}[c["SMOOTHING"]]
    return (
        (c["ORDER"] - 6) ** 2 / 16
        + (c["DISCOUNT"] - 0.75) ** 2
        + math.log10(c["LR"] / 0.004) ** 2
        + smoothing
        + math.log2(c["WIDE"] / 128) ** 2 / 9
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_forty_experiments_remove_nearly_all_of_a_smooth_loss(tmp_path, sign):
    text, value, tried = night(tmp_path / "w", TRAIN, bowl, 40, sign=sign)
    assert value < 0.05 * bowl(constants(TRAIN))
    assert constants(text)["SMOOTHING"] == "kn"
    assert len(set(tried)) == 41


def test_crashes_are_no_numbers_and_do_not_stop_the_search(tmp_path):
    def cliff(c):
        return None if c["ORDER"] > 3 or c["WIDE"] > 100 else bowl(c)

    text, value, tried = night(tmp_path / "w", TRAIN, cliff, 40)
    assert value < 0.5 * bowl(constants(TRAIN))
    assert constants(text)["ORDER"] == 3
    assert len(set(tried)) == 41


def test_the_same_brief_and_files_give_the_same_proposal_in_another_process(tmp_path):
    _, _, tried = night(tmp_path / "one", TRAIN, bowl, 25)
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "import test_tuner_search as t\n"
        "print(repr(t.night(Path(sys.argv[2]), t.TRAIN, t.bowl, 25)[2]))"
    )
    again = subprocess.run(
        [sys.executable, "-c", script, str(__file__.rpartition("/")[0]), str(tmp_path / "two")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert again.stdout.strip() == repr(tried)


def test_what_is_written_is_what_the_parameters_say(tmp_path):
    proposal, new = ask(tmp_path / "w", TRAIN)
    names = constants(new)
    assert {name: json.loads(text) for name, text in proposal.parameters} == {
        f"train.py:{name}": names[name] for name in ("ORDER", "DISCOUNT", "LR", "SMOOTHING", "WIDE")
    }
    assert " -> " in proposal.summary
    assert new != TRAIN


def test_a_small_space_is_tried_to_the_end_and_then_nothing_is_proposed(tmp_path):
    text = "A = 1  # choices: 1, 2, 3\nB = True\n"
    _, _, tried = night(tmp_path / "w", text, lambda c: float(c["A"]), 5)
    assert len(set(tried)) == 6
    attempts = [
        Experiment(
            number=n,
            parent=0,
            outcome=Outcome.discard,
            value=2.0,
            parameters=(("train.py:A", str(a)), ("train.py:B", b)),
        )
        for n, (a, b) in enumerate([(a, b) for a in (1, 2, 3) for b in ("true", "false")], 1)
    ]
    proposal, new = ask(tmp_path / "w", text, attempts)
    assert new == text
    assert "every combination" in proposal.unavailable


def test_nothing_to_turn_says_what_to_add(tmp_path):
    proposal, _ = ask(tmp_path / "w", "print('hello')\n")
    assert "no tunable constants found in train.py" in proposal.unavailable
    assert "# range:" in proposal.unavailable


def test_a_parent_by_another_agent_with_other_constants_is_no_hindrance(tmp_path):
    attempts = [
        Experiment(number=1, parent=0, agent="command x", outcome=Outcome.keep, value=0.5),
        Experiment(
            number=2,
            parent=1,
            outcome=Outcome.discard,
            value=0.6,
            parameters=(("train.py:GONE", "3"), ("train.py:WIDE", "32")),
        ),
        Experiment(number=3, parent=1, outcome=Outcome.discard, value=0.6, parameters=(("train.py:WIDE", "not json"),)),
    ]
    proposal, new = ask(tmp_path / "w", "WIDE = 64\nNEW = 3\n", attempts, number=4, parent=attempts[0])
    assert [name for name, _ in proposal.parameters] == ["train.py:WIDE", "train.py:NEW"]
    assert new != "WIDE = 64\nNEW = 3\n"


def test_the_summary_is_bounded(tmp_path):
    text = "".join(f"A_RATHER_LONG_NAME_OF_A_CONSTANT_{n} = 0.5\n" for n in "ABCDEFGH")
    name = "A_RATHER_LONG_NAME_OF_A_CONSTANT_A"
    rows = [
        Experiment(
            number=n,
            parent=0,
            outcome=Outcome.discard,
            value=2.0 + n,
            parameters=((f"train.py:{name}", str(0.1 + n / 100)),),
        )
        for n in range(1, 40)
    ]
    summaries = [ask(tmp_path / "w", text, rows[:n], number=n + 1, seed=n)[0].summary for n in range(30, 40)]
    assert any("more" in summary for summary in summaries)
    assert all(len(summary) <= 200 for summary in summaries)


def test_optuna_is_neither_loud_nor_left_changed(tmp_path, capfd):
    import optuna

    before = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        night(tmp_path / "w", "A = 0.5\n", lambda c: c["A"], 20)
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_importing_the_agents_loads_neither_optuna_nor_libcst():
    code = "import sys, overnight.agents; print({'optuna', 'libcst', 'numpy', 'ruamel.yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
