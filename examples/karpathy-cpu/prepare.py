"""Everything that stays fixed: the data, the tokenizer, the loader, the evaluation, the time budget. Do not edit.

The text is made up here from a small grammar, so there is nothing to download. `python prepare.py` draws a seed for a
validation text of your own and puts it into the file val_seed, which is not for git. Where that file is not, everybody
has the same validation text.
"""

import random
from pathlib import Path

import numpy as np

MAX_SEQ_LEN = 64  # context length, in tokens
TIME_BUDGET = 30  # seconds of training, at most
EVAL_TOKENS = 320 * MAX_SEQ_LEN

TRAIN_BYTES = 200_000
VOCAB_SIZE = 128  # one token for each ASCII character; 0 begins a row
BOS = 0
VAL_SEED = Path(__file__).resolve().parent / "val_seed"

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


class Tokenizer:
    """One token a character."""

    @classmethod
    def from_directory(cls):
        return cls()

    def get_vocab_size(self):
        return VOCAB_SIZE

    def get_bos_token_id(self):
        return BOS

    def encode(self, text):
        return list(text.encode("ascii"))

    def decode(self, ids):
        return bytes(ids).decode("ascii")


def get_token_bytes(device="cpu"):
    """How many bytes of text each token is."""
    return np.array([0] + [1] * (VOCAB_SIZE - 1))


def load(split):
    """The text of `train` or `val`, as tokens."""
    if split == "train":
        return make_text(1, TRAIN_BYTES)
    seed = int(VAL_SEED.read_text()) if VAL_SEED.exists() else 2
    return make_text(seed, 4 * EVAL_TOKENS)


def make_dataloader(tokenizer, B, T, split):
    """Endless (x, y, epoch): x and y (B, T), y is what comes after each token of x. Each row begins with BOS.

    `train` draws rows anywhere; `val` reads from the beginning, in order.
    """
    data, rng = load(split), np.random.default_rng(0)
    begin = np.full((B, 1), tokenizer.get_bos_token_id())
    place, epoch = 0, 1
    while True:
        if place + B * T > len(data):
            place, epoch = 0, epoch + 1
        start = place + T * np.arange(B) if split == "val" else rng.integers(0, len(data) - T, B)
        rows = np.concatenate([begin, data[start[:, None] + np.arange(T)]], axis=1).astype(np.int64)
        place += B * T if split == "val" else 0
        yield rows[:, :-1], rows[:, 1:], epoch


def evaluate_bpb(model, tokenizer, batch_size):
    """Bits per byte on the validation text. `model(x, y, reduction="none")` gives the nats of each target."""
    sizes = get_token_bytes()
    loader = make_dataloader(tokenizer, batch_size, MAX_SEQ_LEN, "val")
    nats, count = 0.0, 0
    for _ in range(EVAL_TOKENS // (batch_size * MAX_SEQ_LEN)):
        x, y, _ = next(loader)
        nats += float((model(x, y, reduction="none").reshape(y.shape) * (sizes[y] > 0)).sum())
        count += int(sizes[y].sum())
    return nats / count / np.log(2)


if __name__ == "__main__":
    VAL_SEED.write_text(str(random.SystemRandom().getrandbits(63)))
    print(f"wrote {VAL_SEED}: the seed of a validation text of your own")
    print(load("train")[:600].tobytes().decode())
