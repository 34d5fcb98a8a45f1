"""What must hold between a judge that asks and any language model that answers: `templates/honest/protocol.py`."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import overnight

PATH = Path(overnight.__file__).parent / "templates" / "honest" / "protocol.py"
_spec = importlib.util.spec_from_file_location("honest_protocol", PATH)
protocol = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(protocol)

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 9)
logits = arrays(float, st.tuples(st.integers(1, 5), st.integers(2, 12)), elements=st.floats(-1e30, 1e30))


@st.composite
def drawn(draw):
    """Questions about a small text: (rows, positions, shape)."""
    shape = (draw(st.integers(1, 6)), draw(st.integers(1, 8)))
    scored = draw(arrays(bool, shape))
    scored[0, 0] = True
    count = draw(st.integers(1, int(scored.sum())))
    rows, positions = protocol.draw(scored, count, np.random.default_rng(draw(seeds)))
    return rows, positions, scored


@given(drawn())
def test_questions_are_different_targets_that_count(found):
    rows, positions, scored = found
    assert scored[rows, positions].all()
    assert len({*zip(rows.tolist(), positions.tolist(), strict=True)}) == len(rows)


def test_every_target_is_as_likely_to_be_asked():
    scored = np.ones((4, 5), dtype=bool)
    scored[2, 3] = False
    asked = np.zeros(scored.shape)
    rng = np.random.default_rng(1)
    for _ in range(4000):
        asked[protocol.draw(scored, 3, rng)] += 1
    assert asked[2, 3] == 0
    expected = 4000 * 3 / 19
    assert (np.abs(asked[scored] - expected) < 5 * np.sqrt(expected)).all()


@given(st.integers(-3, 0) | st.integers(5, 9))
def test_no_more_can_be_asked_than_there_is(count):
    with pytest.raises(ValueError, match="questions cannot be drawn"):
        protocol.draw(np.ones((2, 2), dtype=bool), count, np.random.default_rng(0))


@given(drawn(), sizes)
def test_each_question_is_asked_once_in_groups_of_the_size_given(found, size):
    rows, positions, _ = found
    groups = list(protocol.batches(rows, positions, size))
    assert sorted(np.concatenate(groups).tolist()) == list(range(len(rows)))
    assert all(1 <= len(group) <= size for group in groups)


@given(drawn(), sizes, seeds)
def test_nothing_that_was_shown_before_an_answer_or_with_it_tells_the_target(found, size, seed):
    rows, positions, scored = found
    height, width = scored.shape
    # Every token is its own place, and noise is drawn from below them all.
    tokens = 1000 + np.arange(height * (width + 1)).reshape(height, width + 1)
    rng, seen = np.random.default_rng(seed), set()
    for group in protocol.batches(rows, positions, size):
        shown = protocol.question(tokens[rows[group]], positions[group], 1000, rng)
        assert shown.shape == (len(group), width)
        seen |= set(shown.ravel().tolist())
        assert not seen & set(tokens[rows[group], positions[group] + 1].tolist())


@given(drawn(), seeds, seeds)
def test_the_past_is_shown_as_it_was_and_the_future_does_not_matter(found, seed, other):
    rows, positions, scored = found
    tokens = np.random.default_rng(seed).integers(0, 50, (scored.shape[0], scored.shape[1] + 1))
    changed = tokens.copy()
    for row, position in zip(rows, positions, strict=True):
        changed[row, position + 1 :] = np.random.default_rng(other).integers(0, 50)
    one, two = (
        protocol.question(text[rows], positions, 50, np.random.default_rng(other)) for text in (tokens, tokens.copy())
    )
    assert (one == two).all()
    only = [np.flatnonzero(rows == row) for row in range(scored.shape[0])]
    for places in only:
        if len(places) == 1:
            place = places[0]
            shown = protocol.question(changed[rows], positions, 50, np.random.default_rng(other))
            assert (shown[place] == one[place]).all()
            known = positions[place] + 1
            assert (one[place, :known] == tokens[rows[place], :known]).all()


@given(logits)
def test_whatever_is_answered_is_a_distribution(answers):
    count, vocab = answers.shape
    nats = np.array([protocol.losses(answers, np.full(count, token)) for token in range(vocab)])
    assert np.exp(-nats).sum(axis=0) == pytest.approx(np.ones(count), abs=1e-6)
    assert (nats >= 0).all()
    assert (nats <= protocol.largest_loss(vocab) + 1e-9).all()


@pytest.mark.parametrize("huge", [1e9, 1e17, 3e38, -3e38])
def test_huge_answers_cannot_make_every_token_certain(huge):
    answers = np.full((1, 128), huge, dtype=np.float32)
    assert protocol.losses(answers, np.array([5])) == pytest.approx(np.log(128))


@given(logits, st.floats(-1e3, 1e3))
def test_adding_a_constant_to_an_answer_changes_nothing(answers, constant):
    targets = np.zeros(len(answers), dtype=int)
    shifted = answers.astype(float) + constant
    tolerance = 1e-6 + 1e-9 * float(np.abs(answers).max())
    assert protocol.losses(shifted, targets) == pytest.approx(protocol.losses(answers, targets), abs=tolerance)


@given(logits, st.sampled_from([np.nan, np.inf, -np.inf]))
def test_an_answer_that_is_not_finite_is_refused(answers, value):
    answers = answers.copy()
    answers[-1, -1] = value
    with pytest.raises(protocol.Refused):
        protocol.losses(answers, np.zeros(len(answers), dtype=int))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e-6])
def test_an_impossible_claim_is_refused(value):
    with pytest.raises(protocol.Refused):
        protocol.claims(np.array([[1.0, value]]), 50)


@given(st.floats(0, 1e3), st.integers(2, 10**6))
def test_a_claim_and_an_answer_are_bounded_alike(nats, vocab):
    bounded = protocol.claims(np.array([nats]), vocab)[0]
    assert bounded <= protocol.largest_loss(vocab) + 1e-9
    assert bounded == pytest.approx(min(nats, protocol.largest_loss(vocab)), abs=0.7)


@given(st.integers(2, 60), seeds)
def test_honest_claims_are_taken_as_they_are(count, seed):
    said = np.random.default_rng(seed).exponential(3, count)
    assert protocol.audited(2.5, said, said, 1000) == (2.5, 0)


@given(st.integers(2, 200), st.floats(0.001, 0.09), seeds)
def test_a_lie_below_the_tolerance_on_every_target_is_taken_out(count, lie, seed):
    true = np.random.default_rng(seed).exponential(3, count) + 0.1
    score, _ = protocol.audited(true.mean() - lie, true - lie, true, 1000)
    assert score == pytest.approx(true.mean())


@given(st.integers(2, 200), seeds, st.floats(0.11, 5), st.data())
def test_one_lie_above_the_tolerance_that_is_asked_about_is_the_end(count, seed, lie, data):
    true = np.random.default_rng(seed).exponential(3, count) + 5
    said = true.copy()
    said[data.draw(st.integers(0, count - 1))] -= lie
    with pytest.raises(protocol.Refused, match="1 of"):
        protocol.audited(said.mean(), said, true, 1000)


def test_small_lies_about_some_targets_gain_nothing():
    rng, scores = np.random.default_rng(4), []
    true = rng.exponential(3, 4000) + 0.1
    said = np.where(rng.random(4000) < 0.5, true - 0.09, true)
    for _ in range(500):
        chosen = rng.choice(4000, 100, replace=False)
        scores.append(protocol.audited(said.mean(), said[chosen], true[chosen], 4000)[0])
    assert np.mean(np.array(scores) < true.mean()) < 0.01


@pytest.mark.parametrize(("fraction", "questions"), [(0.01, 60), (0.01, 300), (0.001, 500)])
def test_lies_about_a_fraction_pass_as_seldom_as_the_formula_says(fraction, questions):
    rng, passed, tries = np.random.default_rng(7), 0, 3000
    true = np.full(200_000, 3.0)
    said = true.copy()
    said[rng.choice(len(said), int(fraction * len(said)), replace=False)] = 0.0
    for _ in range(tries):
        asked = rng.integers(0, len(said), questions)
        try:
            protocol.audited(said.mean(), said[asked], true[asked], len(said))
            passed += 1
        except protocol.Refused:
            pass
    expected = protocol.missed(fraction, questions)
    assert passed / tries == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / tries) + 1e-3)


@given(st.integers(1, 10**6), st.integers(2, 10**5), st.floats(0.001, 0.5))
def test_who_hides_more_than_the_bound_passes_no_more_often_than_the_doubt(questions, vocab, doubt):
    fraction = protocol.hidden_gain(questions, vocab, doubt) / protocol.largest_loss(vocab)
    assert protocol.missed(fraction, questions) == pytest.approx(doubt, rel=1e-6)


def test_a_sample_of_everything_has_no_error():
    values = np.array([1.0, 2.0, 4.0])
    assert protocol.standard_error(values, 3) == 0
    assert protocol.standard_error(values, 10**9) == pytest.approx(values.std(ddof=1) / np.sqrt(3))
    assert protocol.standard_error(values[:1], 3) is None
