"""The judge: asks a model that train.py made for predictions, and scores them. Locked; needs numpy only.

    python honest/judge.py                      each question shows a row up to a place, and noise after it
    python honest/judge.py --audit [QUESTIONS]  the model claims all losses; a second copy of it is asked for some
    ... --split search|certify                  which text

The validation text and the questions are in hidden/SPLIT.npz (freeze.py wrote them). OVERNIGHT_CANDIDATE_IN and _OUT
name the descriptors that lead to the model, OVERNIGHT_CANDIDATE_IN_2 and _OUT_2 those of the second copy.

Prints `val_bpb`, and `val_bpb_error`: how far that is from the value over all targets, one standard error. No score is
exit code 1 and a sentence on stderr. What is proved, and what is not, is in README.md.
"""

import argparse
import os
import struct
import sys
from pathlib import Path

import numpy as np
import protocol

HIDDEN = Path(__file__).resolve().parent / "hidden"
SPLITS = ("search", "certify")
MAGIC = b"ovn-lm-1"
ASK, CLAIM = b"A", b"C"
MOST_ROWS = 1024
QUESTION_NOISE = 20


class Text:
    """The validation text of a split: tokens (rows, T + 1), how many bytes each token is, the questions."""

    def __init__(self, path):
        with np.load(path, allow_pickle=False) as saved:
            self.tokens = saved["tokens"].astype(np.uint32)
            self.token_bytes = saved["token_bytes"].astype(np.int64)
            self.rows, self.positions = saved["rows"], saved["positions"]
        self.sizes = self.token_bytes[self.tokens[:, 1:]]
        self.scored = self.sizes > 0

    def targets(self, rows, positions):
        return self.tokens[rows, positions + 1]

    def bits_per_byte(self, nats):
        return protocol.bits_per_byte(nats, int(self.scored.sum()), int(self.sizes.sum()))


class Model:
    """The far side of two descriptors."""

    def __init__(self, suffix, vocab):
        try:
            numbers = [int(os.environ[f"OVERNIGHT_CANDIDATE_{way}{suffix}"]) for way in ("IN", "OUT")]
        except (KeyError, ValueError):
            sys.exit(f"judge: no running model was handed over (OVERNIGHT_CANDIDATE_IN{suffix}); overnight does that")
        self._into, self._out = open(numbers[0], "wb"), open(numbers[1], "rb")
        head = self._read(16, "before it offered a model: does train.py call evaluate_bpb?")
        said, self.batch = struct.unpack("<II", head[8:])
        if head[:8] != MAGIC or said != vocab:
            raise protocol.Refused("what was offered is not a model with the tokens of the validation text")
        self.batch = min(max(1, self.batch), MOST_ROWS)
        self.vocab = vocab

    def _read(self, size, when):
        data = self._out.read(size)
        if len(data) < size:
            raise protocol.Refused(f"the model ended {when}")
        return data

    def _ask(self, kind, numbers, shape):
        try:
            self._into.write(kind + b"".join(np.ascontiguousarray(part, dtype="<u4").tobytes() for part in numbers))
            self._into.flush()
        except BrokenPipeError:
            raise protocol.Refused("the model ended while it was asked") from None
        return np.frombuffer(self._read(4 * shape[0] * shape[1], "before the last answer"), dtype="<f4").reshape(shape)

    def answers(self, shown, positions):
        head = [np.array(shown.shape), positions]
        return self._ask(ASK, [*head, shown], (len(shown), self.vocab))

    def claims(self, tokens):
        rows, length = tokens.shape
        return self._ask(CLAIM, [np.array([rows, length - 1]), tokens], (rows, length - 1))

    def close(self):
        """Let go of the model, and wait until it is gone."""
        self._into.close()
        while self._out.read(1 << 16):
            pass
        self._out.close()


def asked(model, text, rows, positions):
    """Nats of each target, from a model that has not seen it."""
    found, noise = np.zeros(len(rows)), np.random.default_rng(QUESTION_NOISE)
    for group in protocol.batches(rows, positions, model.batch):
        at, where = rows[group], positions[group]
        shown = protocol.question(text.tokens[at], where, model.vocab, noise)
        found[group] = protocol.losses(model.answers(shown, where), text.targets(at, where))
    return found


def sample(text):
    """(val_bpb, standard error) from the questions that were frozen with the text."""
    nats = asked(Model("", len(text.token_bytes)), text, text.rows, text.positions)
    return text.bits_per_byte(nats.mean()), text.bits_per_byte(protocol.standard_error(nats, int(text.scored.sum())))


def audit(text, count, seed):
    """(val_bpb, standard error) from claims about every target, audited with `count` questions to another copy."""
    vocab = len(text.token_bytes)
    model = Model("", vocab)
    starts = range(0, len(text.tokens), model.batch)
    said = np.concatenate([model.claims(text.tokens[start : start + model.batch]) for start in starts])
    claimed = protocol.claims(said, vocab)
    model.close()
    rows, positions = protocol.draw(text.scored, count, np.random.default_rng(seed))
    answered = asked(Model("_2", vocab), text, rows, positions)
    said = claimed[rows, positions]
    nats, error = protocol.audited(claimed[text.scored].mean(), said, answered, int(text.scored.sum()))
    return text.bits_per_byte(nats), text.bits_per_byte(error)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--split", choices=SPLITS, default="search")
    options.add_argument("--audit", type=int, nargs="?", const=0, metavar="QUESTIONS")
    chosen = options.parse_args()
    text = Text(HIDDEN / f"{chosen.split}.npz")
    try:
        if chosen.audit is None:
            value, error = sample(text)
        else:
            value, error = audit(text, chosen.audit or len(text.rows), int(os.environ["OVERNIGHT_SEED"]))
    except protocol.Refused as problem:
        print(f"judge: {problem}", file=sys.stderr, flush=True)
        os._exit(1)  # a normal exit would try to write the rest to a model that is gone
    print(f"val_bpb: {value:.6f}")
    print(f"val_bpb_error: {error:.6f}", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
