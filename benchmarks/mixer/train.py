"""A context-mixing language model with the demo's interface: what a patient person can reach where constants cannot.

    python train.py            reads data/train.txt, counts, fits the mixing network, writes model.npz
    python train.py --serve    predicts over stdin and stdout as the demo's train.py describes

A byte is eight binary decisions, the first its highest bit: 255 nodes of a tree. Every context (the last 0 to 7 bytes,
the word so far, the column, ...) counts zeros and ones at each node. A small network turns the counts of all contexts
into one probability a node: a hidden layer looks at the evidence and chooses how much to trust each context, in the
logistic domain (as in PAQ, https://en.wikipedia.org/wiki/Context_mixing). The network is fitted on the training text
itself: at each position the counts leave out the rest of that position's own stretch of text, so the network sees
what it will see when it serves, counts of other texts plus what the stream has revealed so far.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

TEXT = "data/train.txt"
MODEL = "model.npz"
ORDERS = (0, 1, 2, 3, 4, 5, 6, 8)
HISTORY = (1, 2, 3, 4, 8, 9)  # contexts, by number, whose counts in the stream itself are evidence of their own
STRETCH = 750
HIDDEN = 32
BATCH = 2048
EPOCHS = 2
RATE = 0.005
ONLINE_RATE = 0.0003
PRIOR = 0.3
SEED = 1

MIX = np.uint64(0x9E3779B97F4A7C15)
LETTER = np.zeros(256, dtype=bool)
LETTER[[*range(65, 91), *range(97, 123)]] = True
LOWER = np.arange(256, dtype=np.uint64)
LOWER[65:91] += 32


def hashed(state, value):
    """One round of a multiplicative hash on unsigned 64-bit integers."""
    mixed = (state ^ value) * MIX
    return mixed ^ (mixed >> np.uint64(29))


class Reader:
    """Follows S streams and names the context of each: all contexts as 56-bit integers."""

    def __init__(self, streams):
        self.last = np.full((8, streams), ord("\n"), dtype=np.uint64)
        self.word = np.zeros(streams, dtype=np.uint64)
        self.previous = np.zeros(streams, dtype=np.uint64)
        self.older = np.zeros(streams, dtype=np.uint64)
        self.column = np.zeros(streams, dtype=np.uint64)
        self.opened = np.zeros(streams, dtype=np.uint64)

    def contexts(self):
        """(contexts, S)."""
        found = []
        low = LOWER[self.last.astype(np.intp)]
        state = np.full_like(self.word, 7)
        for i in range(9):
            if i in ORDERS:
                found.append(hashed(state, np.uint64(i)))
            if i < 8:
                state = hashed(state, self.last[i])
        zero = self.last[0]
        found.append(hashed(hashed(self.word, zero), np.uint64(101)))
        found.append(hashed(hashed(hashed(self.word, self.previous), zero), np.uint64(102)))
        found.append(hashed(hashed(hashed(self.word, self.older), self.previous), np.uint64(103)))
        found.append(hashed(hashed(self.column, zero), np.uint64(104)))
        found.append(hashed(hashed(hashed(low[1], low[2]), low[3]), np.uint64(105)))
        found.append(hashed(hashed(hashed(hashed(hashed(low[0], low[1]), low[2]), low[3]), low[4]), np.uint64(106)))
        found.append(hashed(hashed(hashed(self.opened, self.word), zero), np.uint64(107)))
        return np.array(found) >> np.uint64(8)

    def read(self, came):
        """`came` (S,) is the next byte of each stream."""
        came = came.astype(np.uint64)
        letter = LETTER[came.astype(np.intp)]
        ended = ~letter & (self.word != 0)
        self.older = np.where(ended, self.previous, self.older)
        self.previous = np.where(ended, self.word, self.previous)
        self.word = np.where(letter, hashed(self.word, LOWER[came.astype(np.intp)]), np.uint64(0))
        self.column = np.where(came == 10, np.uint64(0), self.column + np.uint64(1))
        for mark, end in ((b"{", b"}"), (b"(", b")"), (b"[", b"]")):
            self.opened = np.where(came == ord(mark), np.uint64(ord(mark)), self.opened)
            self.opened = np.where(came == ord(end), np.uint64(0), self.opened)
        self.last = np.roll(self.last, 1, axis=0)
        self.last[0] = came


def read_all(text):
    """(contexts, positions) of one text, read as stretches side by side."""
    pad = -len(text) % STRETCH
    rows = np.concatenate([text, np.zeros(pad, dtype=text.dtype)]).reshape(-1, STRETCH)
    reader = Reader(len(rows))
    found = []
    # Each stretch starts knowing the eight bytes before it only through the reader's reset, as a stream does.
    for column in range(STRETCH):
        found.append(reader.contexts())
        reader.read(rows[:, column])
    return np.stack(found, axis=2).reshape(len(found[0]), -1)[:, : len(text)]


def group_sizes(key, order):
    """For each element: how many elements have its key, and how many of them come before it in `order`."""
    ordered = key[order]
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    group = np.cumsum(starts) - 1
    begin = np.flatnonzero(starts)
    size = np.diff(np.append(begin, len(key)))
    total, before = np.empty(len(key), np.float32), np.empty(len(key), np.float32)
    total[order] = size[group]
    before[order] = np.arange(len(key)) - begin[group]
    return total, before


def evidence(context, text):
    """(9, positions) twice: at each depth of the tree, how often this context and these first bits occurred outside
    this stretch, and before in this stretch."""
    identity = np.unique(context, return_inverse=True)[1].astype(np.int64)
    stretch = np.arange(len(text), dtype=np.int64) // STRETCH
    outside, inside = np.empty((9, len(text)), np.float32), np.empty((9, len(text)), np.float32)
    by_context = np.argsort((identity << 8) | text, kind="stable")
    for depth in range(9):
        key = (identity << depth) | (text >> (8 - depth))
        total, _ = group_sizes(key, by_context)
        local = (key << 10) | stretch
        own, before = group_sizes(local, np.argsort(local, kind="stable"))
        outside[depth], inside[depth] = total - own, before
    return outside, inside


def features(outside0, outside1, inside0, inside1):
    """(..., contexts) counts of zeros and ones -> (stretched probabilities, all inputs of the network)."""
    n0, n1 = outside0 + inside0, outside1 + inside1
    stretched = np.log((n1 + PRIOR) / (n0 + PRIOR))
    sure = np.log1p(n0 + n1)
    local0, local1 = inside0[..., HISTORY], inside1[..., HISTORY]
    local = np.log((local1 + PRIOR) / (local0 + PRIOR))
    mixed = np.concatenate([stretched, local], axis=-1)
    return mixed, np.concatenate([mixed * 0.3, np.abs(mixed) * 0.3, sure * 0.3], axis=-1)


class Network:
    """logit = mixed . (base + gate relu(inner x + node)) + out relu(...), fitted by Adam."""

    NAMES = ("inner", "node", "gate", "base", "out")

    def __init__(self, values):
        self.values = values

    @classmethod
    def fresh(cls, mixed, inputs, rng):
        return cls({
            "inner": rng.normal(0, inputs**-0.5, (inputs, HIDDEN)).astype(np.float32),
            "node": np.zeros((256, HIDDEN), np.float32),
            "gate": np.zeros((HIDDEN, mixed), np.float32),
            "base": np.full(mixed, 0.15, np.float32),
            "out": np.zeros(HIDDEN, np.float32),
        })  # fmt: skip

    def logit(self, mixed, x, node):
        v = self.values
        hidden = np.maximum(x @ v["inner"] + v["node"][node], 0)
        weight = v["base"] + hidden @ v["gate"]
        return (mixed * weight).sum(axis=-1) + hidden @ v["out"], hidden, weight

    def gradient(self, mixed, x, node, bit):
        """Of the mean cost in nats over a batch of nodes."""
        v = self.values
        logit, hidden, _ = self.logit(mixed, x, node)
        error = ((1 / (1 + np.exp(-logit))) - bit).astype(np.float32) / len(bit)
        scaled = mixed * error[:, None]
        d_hidden = (scaled @ v["gate"].T + error[:, None] * v["out"]) * (hidden > 0)
        d_node = np.zeros_like(v["node"])
        np.add.at(d_node, node, d_hidden)
        return {
            "inner": x.T @ d_hidden,
            "node": d_node,
            "gate": hidden.T @ scaled,
            "base": scaled.sum(axis=0),
            "out": hidden.T @ error,
        }


class Adam:
    """https://arxiv.org/abs/1412.6980"""

    def __init__(self, network):
        self.network, self.step = network, 0
        self.first = {name: np.zeros_like(value) for name, value in network.values.items()}
        self.second = {name: np.zeros_like(value) for name, value in network.values.items()}

    def update(self, gradient, rate):
        self.step += 1
        for name, g in gradient.items():
            self.first[name] += 0.1 * (g - self.first[name])
            self.second[name] += 0.01 * (g * g - self.second[name])
            first = self.first[name] / (1 - 0.9**self.step)
            second = self.second[name] / (1 - 0.99**self.step)
            self.network.values[name] -= rate * first / (np.sqrt(second) + 1e-8)


def train():
    text = np.fromfile(TEXT, dtype=np.uint8).astype(np.int64)
    contexts = read_all(text)
    outside, inside = (np.empty((9, len(text), len(contexts)), np.float32) for _ in range(2))
    for number, context in enumerate(contexts):
        outside[..., number], inside[..., number] = evidence(context, text)
    rng = np.random.default_rng(SEED)
    network = None
    steps = EPOCHS * (8 * len(text) // BATCH)
    for step in range(steps):
        depth, position = rng.integers(0, 8, BATCH), rng.integers(0, len(text), BATCH)
        bit = (text[position] >> (7 - depth)) & 1
        node = (1 << depth) | (text[position] >> (8 - depth))
        one, counts = bit[:, None] == 1, []
        for table in (outside, inside):
            same = table[depth + 1, position]
            other = table[depth, position] - same
            counts += [np.where(one, other, same), np.where(one, same, other)]
        mixed, x = features(*counts)
        if network is None:
            network = Network.fresh(mixed.shape[1], x.shape[1], rng)
            adam = Adam(network)
        left = 1 - step / steps
        adam.update(network.gradient(mixed, x, node, bit), RATE * left)
    saved = {}
    for number, context in enumerate(contexts):
        saved[f"grams{number}"], counts = np.unique(
            (context << np.uint64(8)) | text.astype(np.uint64), return_counts=True
        )
        saved[f"counts{number}"] = counts.astype(np.float32)
    np.savez(MODEL, **saved, **network.values)


def down_the_tree(table):
    """(..., 256) counts of bytes -> (255, ...) counts of zeros and of ones at each node, nodes 1 to 255."""
    zeros, ones = [], []
    for depth in range(8):
        halves = table.reshape(*table.shape[:-1], 1 << depth, 2, -1).sum(axis=-1)
        zeros.append(halves[..., 0])
        ones.append(halves[..., 1])
    return np.concatenate(zeros, axis=-1), np.concatenate(ones, axis=-1)


class Model:
    """Counts and network in memory, for S streams."""

    def __init__(self, streams):
        saved = np.load(MODEL)
        self.network = Network({name: saved[name] for name in Network.NAMES})
        self.reader = Reader(streams)
        self.contexts = self.reader.contexts()
        self.grams = [saved[f"grams{number}"] for number in range(len(self.contexts))]
        self.counts = [saved[f"counts{number}"] for number in range(len(self.contexts))]
        self.seen = [[{} for _ in range(streams)] for _ in self.contexts]
        self.adam = Adam(self.network)

    def tables(self):
        """(S, contexts, 256) twice: counts in the training text, and in the stream itself."""
        kinds, streams = self.contexts.shape
        outside, inside = np.zeros((streams, kinds, 256), np.float32), np.zeros((streams, kinds, 256), np.float32)
        for kind, context in enumerate(self.contexts):
            grams, counts = self.grams[kind], self.counts[kind]
            first = np.searchsorted(grams, context << np.uint64(8))
            last = np.searchsorted(grams, (context << np.uint64(8)) | np.uint64(255), side="right")
            seen = self.seen[kind]
            for row, (i, j, name) in enumerate(zip(first.tolist(), last.tolist(), context.tolist(), strict=True)):
                if i < j:
                    outside[row, kind, (grams[i:j] & np.uint64(255)).astype(np.intp)] = counts[i:j]
                for byte in seen[row].get(name, ()):
                    inside[row, kind, byte] += 1
        return outside, inside

    def predict(self):
        """(S, 256): the probability of each byte to come next."""
        outside, inside = self.tables()
        counts = [side.transpose(0, 2, 1) for table in (outside, inside) for side in down_the_tree(table)]
        self.mixed, self.x = features(*counts)
        logit, _, _ = self.network.logit(self.mixed, self.x, np.arange(1, 256))
        one = 1 / (1 + np.exp(-logit.astype(np.float64)))
        p = np.ones((len(one), 1))
        for depth in range(8):
            level = one[:, (1 << depth) - 1 : (2 << depth) - 1]
            p = np.stack([p * (1 - level), p * level], axis=2).reshape(len(one), -1)
        return p

    def learn(self, revealed):
        """Takes in the bytes that came: counts of the streams, one step of the network, the readers."""
        came = np.frombuffer(revealed, dtype=np.uint8)
        depth = np.arange(8)
        node = (1 << depth) | (came[:, None].astype(np.int64) >> (8 - depth))
        bit = (came[:, None] >> (7 - depth)) & 1
        rows = np.repeat(np.arange(len(came)), 8)
        flat = node.reshape(-1)
        mixed, x = self.mixed[rows, flat - 1], self.x[rows, flat - 1]
        self.adam.update(self.network.gradient(mixed, x, flat, bit.reshape(-1)), ONLINE_RATE)
        for kind, context in enumerate(self.contexts.tolist()):
            for row, name in enumerate(context):
                self.seen[kind][row].setdefault(name, []).append(revealed[row])
        self.reader.read(came)
        self.contexts = self.reader.contexts()


def serve():
    streams, _steps = np.frombuffer(sys.stdin.buffer.read(8), dtype="<u4").tolist()
    model = Model(streams)
    while True:
        sys.stdout.buffer.write(model.predict().astype("<f4").tobytes())
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
