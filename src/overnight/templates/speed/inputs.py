"""Prints the log that the program has to digest; the same seed, the same log. Locked.

    OVERNIGHT_SEED=7 python inputs.py | python work.py > report.txt

A fresh seed for every measurement: an answer that was worked out beforehand is of no use.
"""

import os
import random
import sys

LINES = 60_000
VISITORS = 900
WORDS = "about archive basket blog careers contact docs events forum gallery help index jobs news orders press search team".split()


def log(seed):
    rng = random.Random(seed)
    pages = sorted({f"/{rng.choice(WORDS)}/{rng.choice(WORDS)}-{rng.randrange(1000)}" for _ in range(150)})
    typos = []
    for page in rng.choices(pages, k=400):
        place = rng.randrange(2, len(page))
        typos.append(page[: place - 1] + rng.choice("aeiou") + page[place:] + rng.choice(("", "s", "/x")))
    who = rng.choices(range(VISITORS), k=LINES)
    what = rng.choices(pages, weights=[1 / rank for rank in range(1, len(pages) + 1)], k=LINES)
    took = rng.choices(range(1, 4000), k=LINES)
    gaps = rng.choices((0, 1, 1, 2, 5), k=LINES)
    now = 1_000_000
    for visitor, page, milliseconds, gap in zip(who, what, took, gaps):
        now += gap
        status = 200
        if milliseconds % 499 == 0:
            page, status = typos[(milliseconds + now) % len(typos)], 404
        query = f"?ref={visitor % 7}" if milliseconds % 3 == 0 else ""
        yield f'10.0.{visitor // 250}.{visitor % 250} [{now}] "GET {page}{query} HTTP/1.1" {status} {milliseconds}\n'


if __name__ == "__main__":
    sys.stdout.writelines(log(int(os.environ.get("OVERNIGHT_SEED") or 0)))
