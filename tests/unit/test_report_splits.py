import json

from cli_house import call, write
from cli_night import baseline, certificate, night, on_the_gate, opened, tried, with_contract

from overnight.model.contract import Holdout
from overnight.model.experiment import Ask, Outcome
from overnight.report.headline import headline
from overnight.report.markdown import render
from overnight.report.splits import splits
from overnight.report.summary import numbers
from overnight.rules.brief import compose

HOLDOUT = Holdout(gate="python judge.py --gate", certify="python judge.py --held", queries=40)
SECRET_BASE, SECRET = 2.5151, 2.4242


def gated():
    """#1 gains 0.5 in the search and 0.0909 on the gate; #5 leads the search and does not pass."""
    return [
        *with_contract(opened(), holdout=HOLDOUT),
        *baseline(2.0, 2.0),
        *on_the_gate(0, SECRET_BASE),
        *tried(1, Outcome.keep, 1.5, gain=0.5)[:-1],
        *on_the_gate(1, SECRET, 0),
        tried(1, Outcome.keep, 1.5, gain=0.5)[-1],
        *tried(2, Outcome.discard, 1.9, parent=1, gain=-0.4),
        *tried(3, Outcome.discard, 1.9, parent=1, gain=-0.4),
        *tried(4, Outcome.discard, 1.9, parent=1, gain=-0.4),
        *tried(5, Outcome.discard, 1.2, parent=1, gain=0.3)[:-1],
        *on_the_gate(5, 2.6161, 1, passed=False),
        tried(5, Outcome.discard, 1.2, parent=1, gain=0.3)[-1],
        *certificate(1, 2.6, 2.3),
    ]


def section(text: str, name: str) -> str:
    return text.split(f"## {name}\n")[1].split("\n## ", maxsplit=1)[0]


def test_each_candidate_that_was_the_best_has_its_three_numbers_and_the_gap():
    first, best = splits(night(*gated()))
    assert (first.number, first.search, first.gate, first.certify, first.gap) == (0, 2.0, SECRET_BASE, 2.6, None)
    assert (best.number, best.search, best.gate, best.certify) == (1, 1.5, SECRET, 2.3)
    assert round(best.gap, 6) == round(0.5 - (SECRET_BASE - SECRET), 6)
    assert best.passed


def test_the_report_has_them_as_a_table_with_looks_used_and_left():
    text = section(render(night(*gated())), "Search, gate and certificate")
    assert "The gate answered for 2 candidates, 1 did not pass; 3 looks used, 27 left." in text
    assert "Certificates took 2 looks; of the whole holdout 35 are left." in text
    assert "| unchanged | 2 | 2.5151 | - | 2.6 |" in text
    assert "| #1 | 1.5 | 2.4242 | yes | 2.3 |" in text
    assert "On average the search shows 0.41 bits/byte more gain than the gate (20 % of the baseline)" in text


def test_a_night_without_a_holdout_has_no_such_section():
    text = render(night(*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5)))
    assert "Search, gate and certificate" not in text


def test_programs_get_them_too(house):
    write(house, gated())
    found = json.loads(call(house, "report", "--json").stdout)
    assert [set(one) for one in found["splits"]] == [{"number", "search", "gate", "certify", "gap", "passed"}] * 2
    assert [one["gate"] for one in found["splits"]] == [SECRET_BASE, SECRET]
    status = json.loads(call(house, "status", "--json").stdout)
    assert (status["gate_looks"], status["gate_looks_left"], status["demotions"]) == (3, 27, 0)


def test_people_see_the_gate_in_status_and_show(house):
    write(house, gated())
    assert "3 looks used, 27 left" in call(house, "status").stdout
    shown = {number: call(house, "show", str(number)).stdout for number in (1, 2, 5)}
    assert "gate       passed\n" in shown[1]
    assert "gate       not asked\n" in shown[2]
    assert "gate       not passed: no better than the best there\n" in shown[5]
    assert "children   #2, #3, #4, #5" in shown[1]


def test_looks_left_are_never_more_than_the_holdout_has_left():
    groups = with_contract(gated(), holdout=Holdout(gate="g", certify="c", queries=12))
    assert numbers(night(*groups)).gate_looks_left == 0


def test_nothing_of_it_gets_into_a_brief():
    state = night(*gated())
    said = headline(state)
    text = compose(state.contract, state, Ask(parent=1), len(state.experiments), 7).text
    assert "certified" in said
    for secret in ("2.515", "2.424", "2.616", "2.6", "2.3", "gate", "holdout", "certif", "split"):
        assert secret not in text, secret
