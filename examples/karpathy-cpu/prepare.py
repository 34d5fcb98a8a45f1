"""Everything that stays fixed: the data, the loader, the evaluation, the time budget. Do not edit.

The text is made up here from a small grammar, so there is nothing to download. Run `python prepare.py` to look at it.
"""

import random

import numpy as np

TIME_BUDGET = 30  # seconds of training, at most
MAX_CONTEXT = 32  # bytes
VOCAB_SIZE = 128  # every byte is plain ASCII
EVAL_BYTES = 20_000

NOUNS = "owl fox moth lamp kettle signal ledger harbour engine garden winter lantern orchard compass".split()
VERBS = "watches follows mends borrows counts remembers forgets carries paints repairs".split()
ADJECTIVES = "quiet early narrow patient copper northern hollow gentle sudden blue".split()
PLACES = "under the bridge,behind the mill,at the quay,near the old station,in the attic,by the river".split(",")


def sentence(rng):
    who = f"the {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}" if rng.random() < 0.6 else f"the {rng.choice(NOUNS)}"
    words = [who, rng.choice(VERBS), f"the {rng.choice(NOUNS)}"]
    if rng.random() < 0.5:
        words.append(rng.choice(PLACES))
    if rng.random() < 0.2:
        words.append(f"for {rng.randrange(2, 40)} days")
    text = " ".join(words)
    return text[0].upper() + text[1:] + rng.choice("...!?") + ("\n" if rng.random() < 0.2 else " ")


def make_text(seed, size):
    rng = random.Random(seed)
    parts, length = [], 0
    while length < size:
        parts.append(sentence(rng))
        length += len(parts[-1])
    return np.frombuffer("".join(parts)[:size].encode("ascii"), dtype=np.uint8)


def load(split):
    """The bytes of `train` or `val`."""
    return make_text(1, 200_000) if split == "train" else make_text(2, EVAL_BYTES)


def make_dataloader(batch_size, context, split, seed):
    """Endless (x, y): x (batch, context) bytes, y (batch,) the byte after each."""
    data = load(split)
    rng = np.random.default_rng(seed)
    while True:
        start = rng.integers(0, len(data) - context, batch_size)
        yield data[start[:, None] + np.arange(context)], data[start + context]


def evaluate_bpb(model, batch_size):
    """Bits per byte on the validation text. `model(x, y)` returns nats for each target."""
    data = load("val")
    context = model.context
    starts = np.arange(0, len(data) - context)
    nats = 0.0
    count = 0
    for i in range(0, len(starts) - batch_size + 1, batch_size):
        start = starts[i : i + batch_size]
        nats += float(model(data[start[:, None] + np.arange(context)], data[start + context]).sum())
        count += batch_size
    return nats / count / np.log(2)


if __name__ == "__main__":
    print(load("train")[:600].tobytes().decode())
