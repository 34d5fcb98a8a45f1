import pytest
from msgspec.structs import replace

from overnight.model.contract import Contract, Objective, Stop
from overnight.model.experiment import Evaluation, Measurement
from overnight.model.state import Counts, Experiment, State
from overnight.rules.budget import Spending, exhausted
from overnight.rules.decide import Reference, decide


def verdict(*, min_effect: float, loc: int) -> str:
    contract = Contract(
        title="t", prose="", objective=Objective(metric="loss", min_effect=min_effect), edit=("a",), run="x"
    )
    best = Experiment(number=4, parent=0, loc=10, value=2.0)
    against = Reference(best=best, values=(("loss", 2.0),), high_water=2.0)
    runs = (Measurement(values=(("loss", 2.0),)),)
    return decide(contract, Evaluation(runs=runs), counted=(("loc", float(loc)),), against=against).reason


@pytest.mark.parametrize(
    ("min_effect", "loc", "reason"),
    [
        (0.0, 10, "the same as #4 (+0) and no simpler"),
        (0.0, 9, "the same as #4 (+0) in 1 fewer line"),
        (0.5, 10, "a tie with #4 (+0, less than 0.5) and no simpler"),
        (0.5, 8, "a tie with #4 (+0) in 2 fewer lines"),
    ],
)
def test_a_tie_in_words(min_effect, loc, reason):
    assert verdict(min_effect=min_effect, loc=loc) == reason


@pytest.mark.parametrize(
    ("count", "stop", "reason"),
    [
        (1, Stop(experiments=1), "1 experiment is done"),
        (2, Stop(experiments=2), "2 experiments are done"),
        (1, Stop(no_gain=1), "1 experiment brought no gain"),
        (2, Stop(no_gain=2), "2 experiments in a row brought no gain"),
        (1, Stop(tampering=1), "1 proposal broke the contract or tampered with the measurement"),
        (2, Stop(tampering=2), "2 proposals broke the contract or tampered with the measurement"),
    ],
)
def test_the_end_of_a_night_in_words(count, stop, reason):
    state = replace(State(), counts=Counts(experiments=count, tampering=count), since_keep=count)
    assert exhausted(state, Spending(stop=stop)) == reason
