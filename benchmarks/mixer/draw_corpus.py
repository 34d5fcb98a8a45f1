"""How the demo's texts were drawn from the Jargon File 4.4.7 (`jargon.txt` of the Debian package jargon-text).

    python benchmarks/mixer/draw_corpus.py /usr/share/doc/jargon-text/jargon.txt.gz FOLDER

writes FOLDER/data/train.txt and FOLDER/hidden/{search,gate,certify}.txt, byte for byte what the package ships.

The lexicon is cut at entries into blocks of at least 1500 bytes. Evenly spaced triples of neighbouring blocks go one
each to search, gate and certify, in an order drawn per triple, so that the three are exchangeable; a stream is the
first 750 bytes of its block. Training text is an even sample of the other blocks. A block that shares 64 bytes with
a hidden stream is never training text.
"""

import gzip
import random
import re
import sys
import unicodedata
from pathlib import Path

STREAMS = 16
LENGTH = 750
BLOCK = 1500
TRAIN = 360_000
OVERLAP = 64
SPLITS = ("search", "gate", "certify")
PLAIN = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2014": "--", "\u2013": "-", "\u2026": "...",
    "\u00b7": "*", "\u2022": "*", "\u2550": "=", "\u2500": "-", "\u2502": "|", "\u00a0": " ", "\u0259": "@",
})  # fmt: skip


def lexicon(raw: str) -> list[str]:
    """The entries, each starting with `:term:`, in plain ASCII without their margin."""
    lines = raw.splitlines()
    end = next(i for i, line in enumerate(lines) if re.match(r"Appendix\sA\.", line))
    text = "\n".join(line.removeprefix("   ").rstrip() for line in lines[:end])
    plain = unicodedata.normalize("NFKD", text.translate(PLAIN)).encode("ascii", "ignore").decode()
    plain = re.sub(r"\n{3,}", "\n\n", plain)
    parts = re.split(r"\n(?=:[^\n:]+:)", plain)[1:]
    entries = [part.strip("\n") + "\n\n" for part in parts]
    # A long entry with short lines is one of the lists of terms that head each letter.
    return [entry for entry in entries if len(entry) < 8000 and entry.count("\n\n") < len(entry) / 60 + 2]


def blocks(entries: list[str]) -> list[str]:
    """Neighbouring entries joined until a block has at least BLOCK bytes."""
    result, held = [], ""
    for entry in entries:
        held += entry
        if len(held) >= BLOCK:
            result.append(held)
            held = ""
    return result


def shingles(text: str) -> set[str]:
    return {text[i : i + OVERLAP] for i in range(len(text) - OVERLAP + 1)}


def draw(cut: list[str]) -> dict[str, str]:
    """Texts by name."""
    rng = random.Random(447)
    step = len(cut) // STREAMS
    texts = dict.fromkeys(SPLITS, "")
    held: set[int] = set()
    for i in range(STREAMS):
        triple = list(range(i * step + step // 2, i * step + step // 2 + 3))
        held.update(triple)
        rng.shuffle(triple)
        for name, number in zip(SPLITS, triple, strict=True):
            texts[name] += cut[number][:LENGTH]
    hidden = set().union(*(shingles(text) for text in texts.values()))
    free = [block for i, block in enumerate(cut) if i not in held and not shingles(block) & hidden]
    wanted = round(TRAIN * len(free) / sum(len(block) for block in free))
    train = "".join(free[i * len(free) // wanted] for i in range(wanted))
    return {"data/train.txt": train, **{f"hidden/{name}.txt": text for name, text in texts.items()}}


def main() -> None:
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    data = source.read_bytes()
    raw = (gzip.decompress(data) if source.suffix == ".gz" else data).decode()
    for name, text in draw(blocks(lexicon(raw))).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="ascii", newline="\n")
        print(f"{name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
