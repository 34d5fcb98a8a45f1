"""Whatever finite numbers a judge prints, a night goes on, and what is believed stays finite."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from studies import Paper

from overnight.judge.metrics import LARGEST, parse
from overnight.model.experiment import Measurement
from overnight.wiring.policies import POLICIES

huge = st.sampled_from([1e150, -1e150, 1e149, 0.0, 1.0, -1e-300, 5e-324])


class Wild(Paper):
    """A study whose candidates print what `draws` say, in turn."""

    draws: tuple[float, ...] = ()

    def reading(self, step):
        if not step.number:
            return super().reading(step)
        value = self.draws[(step.number + step.seed) % len(self.draws)]
        values = (("m", value), ("side", value))
        return Measurement(values=values, seconds=1.0, seed=step.seed, split=step.split)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(POLICIES), st.integers(0, 1000), st.lists(huge, min_size=1, max_size=5), st.booleans())
def test_no_finite_number_stops_a_night(policy, seed, draws, exact):
    study = Wild(policy, seed, noise=0.0 if exact else 1.0)
    study.draws = tuple(draws)
    study.run(12)
    state = study.folding.state()
    assert len(state.experiments) > 1
    for experiment in state.experiments:
        if experiment.belief is not None:
            assert math.isfinite(experiment.belief.mean)
            assert math.isfinite(experiment.belief.variance)


@given(st.floats(min_value=LARGEST, exclude_min=True, allow_infinity=False), st.sampled_from([1, -1]))
def test_what_no_measurement_can_be_is_out_of_bounds_where_it_is_read(number, sign):
    found = parse(f"loss: {sign * number!r}\n".encode(), ("loss",))
    assert found.code == "bounds"
    assert "1e+150" in found.detail
