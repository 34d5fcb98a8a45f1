"""Without a box nothing is promised: the same cheats work there, and every record says so.

Which is also how it is known that they are real. Each is bounded: it reads, calls a socket of our own, sends signal 0.
"""

import secrets
from pathlib import Path

import pytest
import test_cheat_secrets
import test_cheat_time
from acts import code
from boxes import BROKEN
from catalogue import WISH, Kind
from study import TRACE, House, a_study

from overnight.model.contract import Tier
from overnight.model.experiment import Trust
from overnight.model.value import lookup
from overnight.sandbox import Unboxed


@pytest.fixture
def study(tmp_path):
    with a_study(House(tmp_path, Kind.score), Unboxed()) as made:
        yield made


def wins(study, act) -> None:
    tried = study.attempt(act)
    assert not (tried.failure and BROKEN.search(tried.failure.tail)), tried.failure
    assert (tried.outcome, tried.value) == ("keep", pytest.approx(WISH)), tried
    assert tried.trust is Trust.self_reported
    assert {run.tier for run in tried.readings} == {Tier.none}


@pytest.mark.parametrize("text", [test_cheat_secrets.ANSWERS, test_cheat_secrets.SEARCH])
def test_hidden_answers_are_in_reach(study, text):
    filled = text.format(root=str(study.house.root), split="search") if "{root" in text else text
    wins(study, code(first=filled, then=test_cheat_secrets.USE))


def test_what_others_have_in_their_environment_is_in_reach(study, bystander):
    wins(study, code(first=test_cheat_secrets.ENVIRONMENT, then=test_cheat_secrets.USE))


def test_history_is_in_reach(study):
    text = test_cheat_secrets.HISTORY.format(root=str(study.house.root))
    wins(study, code(first=text, then=test_cheat_secrets.USE))


def test_the_network_is_in_reach(study, listeners):
    wins(study, code(first=test_cheat_secrets.CALL.format(addresses=listeners), then=test_cheat_secrets.USE))


def test_whoever_judges_can_be_signalled(study):
    wins(study, test_cheat_time.attack_outside)


def test_a_candidate_remembers_from_run_to_run(study):
    name = f"overnight-unboxed-{secrets.token_hex(8)}"
    memory = test_cheat_time.MEMORY.format(folders="('/tmp',)").replace(TRACE, name)
    try:
        tried = study.attempt(code(first=memory, then=test_cheat_time.RECALL))
        assert tried.outcome == "discard"
        assert lookup(study.measure(tried.tree, 5).values, "loss") == pytest.approx(WISH)
    finally:
        Path("/tmp", name).unlink()
