"""A byte-level n-gram language model. This is the file to improve: all of it may be rewritten.

    python train.py            reads data/train.txt, trains, writes model.npz
    python train.py --serve    loads model.npz and predicts, talking to the judge over stdin and stdout

The judge steps S streams of text forward together, one byte at a time:

    in   S and T: how many streams, how many steps (two unsigned 32-bit integers, little-endian)
    then T times
    out  S rows of 256 numbers: for each stream, how likely each next byte is (32-bit floats, little-endian)
    in   S bytes: the byte that really came next in each stream (not sent after the last step: end of file)

Numbers must be finite and not negative, with something above zero in each row; the judge normalises. The score is
bits per byte: the mean of -log2 of what was given to the byte that came. Whatever has been revealed may be learnt from.
What this file does not know: the texts it is scored on.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

ORDER = 3  # range: 1..6
SMOOTHING = "add-k"  # choices: "add-k", "linear", "witten-bell", "absolute", "kneser-ney"
K = 1.0  # range: 0.001..2 log
LINEAR = 0.5  # range: 0.05..0.95
DISCOUNT = 0.75  # range: 0.1..0.99
CACHE = 0.0  # range: 0.0..0.3
CACHE_ORDER = 3  # range: 1..5

TEXT = "data/train.txt"
MODEL = "model.npz"


def ngrams(text, n):
    """Every run of n bytes as one integer: its last byte is the lowest eight bits."""
    codes = np.zeros(len(text) - n + 1, dtype=np.uint64)
    for i in range(n):
        codes = (codes << np.uint64(8)) | text[i : i + len(codes)]
    return codes


def count(text, n):
    """The different n-grams, sorted, and how often each occurs.

    For Kneser-Ney a shorter n-gram counts once for each different byte that it follows.
    """
    if SMOOTHING == "kneser-ney" and n < ORDER:
        longer = np.unique(ngrams(text, n + 1))
        return np.unique(longer & np.uint64((1 << 8 * n) - 1), return_counts=True)
    return np.unique(ngrams(text, n), return_counts=True)


def train():
    text = np.fromfile(TEXT, dtype=np.uint8).astype(np.uint64)
    model = {}
    for n in range(1, ORDER + 1):
        model[f"grams{n}"], model[f"counts{n}"] = count(text, n)
    np.savez(MODEL, **model)


class Model:
    """Counts in memory, asked for the next byte of S streams at once."""

    def __init__(self, streams):
        saved = np.load(MODEL)
        self.grams = [saved[f"grams{n}"] for n in range(1, ORDER + 1)]
        self.counts = [saved[f"counts{n}"] for n in range(1, ORDER + 1)]
        self.history = np.full(streams, ord("\n"), dtype=np.uint64)
        self.recent = [{} for _ in range(streams)]

    def followers(self, n):
        """(S, 256): how often each byte followed each stream's last n - 1 bytes."""
        context = (self.history & np.uint64((1 << 8 * (n - 1)) - 1)) << np.uint64(8)
        grams, counts = self.grams[n - 1], self.counts[n - 1]
        first = np.searchsorted(grams, context)
        last = np.searchsorted(grams, context | np.uint64(255), side="right")
        table = np.zeros((len(context), 256))
        for row, (i, j) in enumerate(zip(first.tolist(), last.tolist())):
            table[row, (grams[i:j] & np.uint64(255)).astype(np.intp)] = counts[i:j]
        return table

    def predict(self):
        """(S, 256): the probability of each byte to come next."""
        if SMOOTHING == "add-k":
            table = self.followers(ORDER) + K
            return table / table.sum(axis=1, keepdims=True)
        p = np.full((len(self.history), 256), 1 / 256)
        for n in range(1, ORDER + 1):
            p = self.smooth(self.followers(n), p)
        return p

    def smooth(self, table, lower):
        """The distribution of one order, given that of the order below it."""
        total = table.sum(axis=1, keepdims=True)
        kinds = (table > 0).sum(axis=1, keepdims=True)
        known = np.maximum(total, 1)
        if SMOOTHING == "linear":
            mixed = LINEAR * table / known + (1 - LINEAR) * lower
        elif SMOOTHING == "witten-bell":
            mixed = (table + kinds * lower) / np.maximum(total + kinds, 1)
        else:
            mixed = (np.maximum(table - DISCOUNT, 0) + DISCOUNT * kinds * lower) / known
        return np.where(total > 0, mixed, lower)

    def with_cache(self, p):
        """Mixes in what followed the last bytes earlier in the same stream."""
        mask = (1 << 8 * CACHE_ORDER) - 1
        for row, last in enumerate(self.history.tolist()):
            seen = self.recent[row].get(last & mask)
            if seen:
                p[row] *= 1 - CACHE
                for byte in seen:
                    p[row, byte] += CACHE / len(seen)
        return p

    def learn(self, revealed):
        """Takes in the bytes that came."""
        mask = (1 << 8 * CACHE_ORDER) - 1
        for row, (last, byte) in enumerate(zip(self.history.tolist(), revealed)):
            self.recent[row].setdefault(last & mask, []).append(byte)
        self.history = (self.history << np.uint64(8)) | np.frombuffer(revealed, dtype=np.uint8)


def serve():
    streams, _steps = np.frombuffer(sys.stdin.buffer.read(8), dtype="<u4").tolist()
    model = Model(streams)
    while True:
        p = model.predict()
        if CACHE > 0:
            p = model.with_cache(p)
        sys.stdout.buffer.write(p.astype("<f4").tobytes())
        sys.stdout.buffer.flush()
        revealed = sys.stdin.buffer.read(streams)
        if len(revealed) < streams:
            break
        model.learn(revealed)


if __name__ == "__main__":
    if "--serve" in sys.argv[1:]:
        serve()
    else:
        train()
