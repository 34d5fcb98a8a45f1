"""The judge: scores a running model on text that the model cannot read. Locked.

    python judge.py [--split search|gate|certify]    as overnight runs it
    python judge.py --by-hand [--text FILE]          starts `python train.py --serve` itself, to try things

It steps STREAMS streams forward together (train.py's head says what is sent). A model commits to its distribution over
the next byte before it is told that byte, so it can only look back; and the judge normalises, so probabilities add up
to one. The text of a split is cut into STREAMS equal pieces.

The one number: val_bpb, the mean over all bytes of -log2 p(byte). So that one wrong certainty costs much but not
everything, p is a mixture of the model's distribution (weight 1 - 2**-20) and the uniform one (weight 2**-20): still a
proper distribution. A row that is negative, not finite or all zero, or a model that ends early, is no score at all:
exit code 1 and a sentence on stderr. Nothing here depends on chance, so the same model gets the same number.

OVERNIGHT_CANDIDATE_IN and OVERNIGHT_CANDIDATE_OUT name the descriptors that this process writes to and reads from,
OVERNIGHT_SPLIT the split.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
SPLITS = ("search", "gate", "certify")
STREAMS = 16
UNIFORM = 2.0**-20


class BadModel(Exception):
    """The model broke the rules or died."""


def scored(rows, came, step):
    """-log2 of what each row of `rows` gives to the byte of `came`."""
    p = rows.astype(np.float64)
    if not np.isfinite(p).all():
        raise BadModel(f"step {step}: a probability is not a finite number")
    if (p < 0).any():
        raise BadModel(f"step {step}: a probability is negative")
    total = p.sum(axis=1)
    if (total <= 0).any():
        raise BadModel(f"step {step}: a row is all zero")
    given = p[np.arange(len(came)), came] / total
    return -np.log2((1 - UNIFORM) * given + UNIFORM / 256)


def drive(text, to_model, from_model):
    """Mean bits per byte of the model behind two binary files, on `text`."""
    steps = len(text) // STREAMS
    streams = np.frombuffer(text[: steps * STREAMS], dtype=np.uint8).reshape(STREAMS, steps)
    size = STREAMS * 256 * 4
    bits = np.zeros((steps, STREAMS))
    try:
        to_model.write(np.array([STREAMS, steps], dtype="<u4").tobytes())
        to_model.flush()
        for step in range(steps):
            answer = from_model.read(size)
            if len(answer) < size:
                raise BadModel(f"the model ended after {step} of {steps} steps")
            came = streams[:, step]
            bits[step] = scored(np.frombuffer(answer, dtype="<f4").reshape(STREAMS, 256), came, step)
            if step + 1 < steps:
                to_model.write(came.tobytes())
                to_model.flush()
    except BrokenPipeError:
        raise BadModel("the model closed its input before the end") from None
    return float(bits.mean())


def by_hand(text):
    """Starts the model of this folder and drives it."""
    command = [sys.executable, "train.py", "--serve"]
    model = subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        return drive(text, model.stdin, model.stdout)
    finally:
        model.kill()
        model.wait()


def handed_over():
    """The two files behind the descriptors that overnight names."""
    try:
        numbers = [int(os.environ[f"OVERNIGHT_CANDIDATE_{way}"]) for way in ("IN", "OUT")]
    except (KeyError, ValueError):
        sys.exit("judge: no running model was handed over; to try one from here, add --by-hand")
    return open(numbers[0], "wb"), open(numbers[1], "rb")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--split", choices=SPLITS, default=os.environ.get("OVERNIGHT_SPLIT") or "search")
    options.add_argument("--text", type=Path)
    options.add_argument("--by-hand", action="store_true")
    chosen = options.parse_args()
    text = (chosen.text or FOLDER / "hidden" / f"{chosen.split}.txt").read_bytes()
    try:
        value = by_hand(text) if chosen.by_hand else drive(text, *handed_over())
    except BadModel as problem:
        print(f"judge: {problem}", file=sys.stderr, flush=True)
        os._exit(1)  # a normal exit would try to write the rest to a model that is gone
    print(f"val_bpb: {value:.6f}")


if __name__ == "__main__":
    main()
