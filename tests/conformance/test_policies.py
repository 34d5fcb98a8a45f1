"""Every policy that comes with overnight keeps the public contract; policies that break it are found out."""

import pytest

from overnight.model.experiment import Ask
from overnight.model.step import Again
from overnight.testing.policies import PolicyContract
from overnight.wiring.policies import POLICIES, conductor_of


class Judged(PolicyContract):
    __test__ = False

    def __init__(self, make):
        self.policy = make

    def policy(self):
        raise NotImplementedError


RULES = [name for name in dir(PolicyContract) if name.startswith("test_")]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_of_ours_keeps_the_contract(name, rule):
    getattr(Judged(lambda: conductor_of(name).policy), rule)()


class Forgetful:
    """Answers by its own count."""

    def __init__(self):
        self.asked = 0

    def ask(self, state, rng):
        self.asked += 1
        return Ask(parent=state.frontier[self.asked % len(state.frontier)])


class Reckless:
    """Builds on the newest, whatever became of it."""

    def ask(self, state, rng):
        return Ask(parent=len(state.experiments) - 1)


class Doubting:
    """Reads the best for ever."""

    def ask(self, state, rng):
        return Again(number=state.best.number)


class Lost:
    """Asks for what does not exist."""

    def ask(self, state, rng):
        return Ask(parent=0, donors=(len(state.experiments) + 5,))


class Moody:
    """Draws from a source of its own."""

    def __init__(self):
        self.mood = id(object()) if not hasattr(Moody, "last") else Moody.last + 1
        Moody.last = self.mood

    def ask(self, state, rng):
        return Ask(parent=0, hint=str(self.mood))


@pytest.mark.parametrize(
    ("make", "rule", "says"),
    [
        (Forgetful, "test_it_remembers_nothing_of_its_own", "a used instance answered"),
        (Reckless, "test_it_builds_only_on_what_may_be_built_on", "which may not be built on"),
        (Doubting, "test_it_goes_on_asking_for_proposals", "readings in a row|stopped asking"),
        (Lost, "test_it_builds_only_on_what_may_be_built_on", "there is no experiment"),
        (Moody, "test_the_same_state_and_randomness_give_the_same_answer", "asked twice"),
    ],
)
def test_a_policy_that_breaks_the_contract_is_found_out(make, rule, says):
    with pytest.raises(AssertionError, match=says):
        getattr(Judged(make), rule)()
