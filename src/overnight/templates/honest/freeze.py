"""Run once, by you, where prepare.py has its data: puts validation text aside for the judge.

    python honest/freeze.py [--rows N] [--questions N]

Takes rows from the original's own loader, as its evaluate_bpb does: the first N for the search, the next N for
certification, N = EVAL_TOKENS / MAX_SEQ_LEN unless given. Draws the questions, from the system's randomness: by default
as many as there are rows, and at least 8192. Writes hidden/search.npz and hidden/certify.npz, which never enter git.
"""

import argparse
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
BATCH = 32
LEAST_QUESTIONS = 8192

sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import numpy as np
import protocol
from prepare import original


def as_numpy(values):
    return np.array(values.cpu() if hasattr(values, "cpu") else values)


def read_rows(tokenizer, count):
    """(count, T + 1) tokens, or as many as there are before the loader begins anew."""
    rows = []
    for x, y, epoch in original.make_dataloader(tokenizer, BATCH, original.MAX_SEQ_LEN, "val"):
        if epoch > 1 or len(rows) * BATCH >= count:
            break
        rows.append(np.concatenate([as_numpy(x), as_numpy(y)[:, -1:]], axis=1))
    tokens = np.concatenate(rows)[:count]
    return tokens.astype(np.min_scalar_type(tokens.max()))


def freeze(name, tokens, token_bytes, questions):
    scored = token_bytes[tokens[:, 1:]] > 0
    rows, positions = protocol.draw(scored, min(questions, int(scored.sum())), np.random.default_rng())
    path = FOLDER / "hidden" / f"{name}.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez(path, tokens=tokens, token_bytes=token_bytes, rows=rows, positions=positions)
    print(f"wrote {path}: {len(tokens)} rows of {tokens.shape[1] - 1} tokens, {len(rows)} questions")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=original.EVAL_TOKENS // original.MAX_SEQ_LEN)
    options.add_argument("--questions", type=int)
    chosen = options.parse_args()
    tokens = read_rows(original.Tokenizer.from_directory(), 2 * chosen.rows)
    half = len(tokens) // 2
    if half < chosen.rows:
        print(f"the validation text has only {len(tokens)} rows: {half} for each split")
    token_bytes = as_numpy(original.get_token_bytes("cpu")).astype(np.int64)
    questions = chosen.questions or max(half, LEAST_QUESTIONS)
    freeze("search", tokens[:half], token_bytes, questions)
    freeze("certify", tokens[half:], token_bytes, questions)


if __name__ == "__main__":
    main()
