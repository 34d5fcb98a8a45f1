"""Whatever the changes are worth: what matters stays, what is worthless goes, and it ends."""

import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from overnight.rules.ablation import Loss, Standing, Trial, ablate, most_trials

Trials = dict[frozenset[int], Trial]

worths = st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.5, 7.0]), min_size=1, max_size=24)
with_harm = st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.5, 7.0, -1.0, -3.0]), min_size=1, max_size=24)
trials = st.one_of(
    st.sampled_from(["entangled", "fails"]),
    st.tuples(st.floats(-5, 5), st.floats(0, 3)).map(
        lambda found: Loss(mean=found[0], low=found[0] - found[1], high=found[0] + found[1])
    ),
)


def exact(loss: float) -> Loss:
    return Loss(mean=loss, low=loss, high=loss)


def numbered(worth: list[float]) -> dict[int, float]:
    return {3 * place + 2: value for place, value in enumerate(worth)}


def carried_out(lineage: list[int], measure: Callable[[frozenset[int]], Trial]) -> tuple[Standing, Trials]:
    known: Trials = {}
    standing = ablate(lineage, known)
    while standing.ask:
        asked = frozenset(standing.ask)
        assert asked not in known
        assert asked < frozenset(lineage)
        known[asked] = measure(asked)
        standing = ablate(lineage, known)
    return standing, known


@given(worths)
def test_with_exact_trials_exactly_what_matters_stays(worth):
    changes = numbered(worth)
    if not any(value > 0 for value in worth):
        changes[max(changes) + 1] = 5.0
    standing, _ = carried_out(list(changes), lambda gone: exact(sum(changes[number] for number in gone)))
    assert standing.kept == tuple(number for number, value in changes.items() if value > 0)
    assert standing.removed == tuple(number for number, value in changes.items() if value <= 0)
    alone = dict(standing.losses)
    assert len(changes) == 1 or alone == {number: exact(changes[number]) for number in alone}
    assert len(changes) == 1 or set(standing.kept) <= set(alone)


@given(with_harm)
def test_with_exact_trials_the_gain_is_never_smaller_without_what_goes(worth):
    changes = numbered(worth)
    standing, _ = carried_out(list(changes), lambda gone: exact(sum(changes[number] for number in gone)))
    assert sum(changes[number] for number in standing.removed) <= 0


@given(st.integers(1, 20), st.data())
def test_whatever_the_trials_say_it_ends_within_its_bound(count, data):
    lineage = list(range(1, count + 1))
    standing, known = carried_out(lineage, lambda _: data.draw(trials))
    measured = [trial for trial in known.values() if trial != "entangled"]
    assert len(measured) <= most_trials(count)
    assert sorted((*standing.kept, *standing.removed)) == lineage
    assert standing.kept
    if standing.removed:
        found = known[frozenset(standing.removed)]
        assert isinstance(found, Loss)
        assert found.low <= 0


@given(st.integers(2, 12), st.data())
def test_only_what_is_known_counts_not_the_order_in_which_it_was_learnt(count, data):
    lineage = list(range(1, count + 1))
    standing, known = carried_out(lineage, lambda _: data.draw(trials))
    shuffled = dict(data.draw(st.permutations(list(known.items()))))
    assert ablate(lineage, shuffled) == standing
    cut = data.draw(st.integers(0, len(known)))
    partial = dict(list(known.items())[:cut])
    asked = ablate(lineage, partial).ask
    assert asked == () if cut == len(known) else frozenset(asked) == list(known)[cut]


@given(st.integers(8, 60), st.integers(0, 59))
def test_where_nearly_all_is_worthless_blocks_save_most_trials(count, place):
    needed = place % count + 1
    standing, known = carried_out(
        list(range(1, count + 1)), lambda gone: exact(1.0 if needed in gone else 0.0)
    )  # fmt: skip
    assert standing.kept == (needed,)
    assert len(known) <= 12 + 3 * math.log2(count)
