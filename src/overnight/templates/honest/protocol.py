"""What the judge asks of a language model, and what follows from the answers. Arrays in, arrays out.

Words. A *row* is a piece of validation text, T + 1 tokens. *Position* t of a row (0 <= t < T) is the place where
tokens 0..t are known and token t + 1, the *target*, is to come. A *question* shows a row up to its position and noise
after it; the answer is one number for each token that could come (logits). A *claim* is the loss of a target in nats,
said by a model that was shown the whole row.

What these functions do not know: who answers. That a claim and the answer to a question come from two processes that
cannot speak with each other is for whoever starts them; without that, no audit proves anything.
"""

import numpy as np

UNIFORM = 2.0**-20
"""Weight of the uniform distribution that is mixed into the model's, so that one loss is at most `largest_loss`."""

TOLERANCE = 0.1
"""Nats by which claim and answer may differ: the arithmetic of a graphics processor is not exact."""

PENALTY = 3.0
"""Standard errors of the audit that are added to an audited score: spreading small lies does not pay."""


class Refused(Exception):
    """The answers are not those of a model that predicts what it has not seen; there is no score."""


def largest_loss(vocab):
    """The most nats that one target can cost."""
    return float(np.log(vocab) - np.log(UNIFORM))


def bounded(nats, vocab):
    """Losses after the uniform distribution has been mixed in."""
    return -np.logaddexp(np.log1p(-UNIFORM) - nats, np.log(UNIFORM / vocab))


def draw(scored, count, rng):
    """(rows, positions) of `count` different targets, each equally likely among those that `scored` (rows, T) marks."""
    places = np.flatnonzero(scored)
    if not 0 < count <= len(places):
        raise ValueError(f"{count} questions cannot be drawn from {len(places)} targets")
    chosen = np.sort(rng.choice(places, size=count, replace=False))
    return np.unravel_index(chosen, scored.shape)


def batches(rows, positions, size):
    """Indices of the questions, in groups of at most `size`, so that no question tells the answer to another one.

    A question shows all of its row up to its position. So within a group each row occurs once, and of two questions
    about one row the shorter comes in an earlier group.
    """
    order = np.lexsort((positions, rows))
    first = np.searchsorted(rows[order], rows[order])
    turn = np.arange(len(order)) - first
    for number in range(int(turn.max()) + 1 if len(turn) else 0):
        group = order[turn == number]
        for start in range(0, len(group), size):
            yield group[start : start + size]


def question(tokens, positions, vocab, rng):
    """What is shown for each row of `tokens` (n, T + 1): (n, T), from the position on noise instead of what came."""
    shown = np.array(tokens[:, :-1])
    noise = rng.integers(0, vocab, size=shown.shape, dtype=shown.dtype)
    hidden = np.arange(shown.shape[1]) > np.asarray(positions)[:, None]
    return np.where(hidden, noise, shown)


def losses(logits, targets):
    """Nats of each target under its row of `logits` (n, V), normalised here: whatever is answered sums to one."""
    logits = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(logits).all():
        raise Refused("an answer is not a finite number")
    # The largest comes off first: a huge one would swallow the logarithm, and every token would cost nothing.
    logits = logits - logits.max(axis=1, keepdims=True)
    nats = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(targets)), targets]
    return bounded(nats, logits.shape[1])


def claims(said, vocab):
    """Losses that a model claims, checked to be possible."""
    said = np.asarray(said, dtype=np.float64)
    if not np.isfinite(said).all():
        raise Refused("a claimed loss is not a finite number")
    if (said < 0).any():
        raise Refused("a claimed loss is negative: no probability is above one")
    return bounded(said, vocab)


def standard_error(values, population):
    """Of the mean of `values`, drawn without replacement from so many; None of fewer than two values."""
    count = len(values)
    return float(np.std(values, ddof=1) * np.sqrt((1 - count / population) / count)) if count > 1 else None


def audited(mean_claim, claimed, answered, population, tolerance=TOLERANCE):
    """(nats a target, standard error of the audit) of a model that claimed `mean_claim` over all `population` targets.

    `claimed` and `answered` are the losses of the targets that were drawn after the claim was complete. The mean is
    corrected by what the questions found, so that small lies are taken out of it on average; and PENALTY standard
    errors are added, so that they do not gain by luck either.
    """
    wrong = np.asarray(answered) - np.asarray(claimed)
    worst = int(np.argmax(np.abs(wrong)))
    if abs(wrong[worst]) > tolerance:
        count = int((np.abs(wrong) > tolerance).sum())
        raise Refused(
            f"{count} of {len(wrong)} claims do not hold: asked without what follows, the model gives "
            f"{answered[worst]:.3f} nats where it claimed {claimed[worst]:.3f}"
        )
    error = standard_error(wrong, population)
    if error is None:
        raise ValueError("an audit takes two questions or more")
    return mean_claim + float(wrong.mean()) + PENALTY * error, error


def missed(fraction, questions):
    """The probability that lies about this fraction of all targets pass an audit of so many questions."""
    return (1 - fraction) ** questions


def hidden_gain(questions, vocab, doubt=0.05):
    """Nats a target: who gains more by lies above the tolerance passes with a probability of at most `doubt`."""
    return (1 - doubt ** (1 / questions)) * largest_loss(vocab)


def bits_per_byte(nats, targets, total_bytes):
    """From the mean nats of `targets` scored targets, which are `total_bytes` bytes of text."""
    return nats * targets / total_bytes / np.log(2)
