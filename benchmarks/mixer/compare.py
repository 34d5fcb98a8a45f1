"""Prints bits per byte on the demo's texts: baseline, best constants, the context mixer, and `xz -9`.

    python benchmarks/mixer/compare.py [search certify ...]

Each model is trained and judged in a fresh copy of the template, by the template's own judge. `xz` is the size of the
compressed training and hidden text together minus that of the training text alone, in bits per hidden byte (so it may
refer to the training text, as the models do); its streams are compressed as one text, in the order of the file.
"""

import lzma
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE.parents[1] / "src" / "overnight" / "templates" / "lm"
BEST = {"ORDER": 6, "SMOOTHING": "kneser-ney", "DISCOUNT": 0.86, "CACHE": 0.15, "CACHE_ORDER": 3}


def with_constants(source: str, constants: dict[str, object]) -> str:
    """The program with other values for some of its module constants."""
    for name, value in constants.items():
        source, found = re.subn(rf"(?m)^{name} = \S+", f"{name} = {value!r}", source)
        if found != 1:
            raise SystemExit(f"no constant {name}")
    return source


def used() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def measured(source: str, splits: list[str]) -> tuple[list[float], float, float]:
    """(bits per byte on each split, processor seconds of training, of serving and judging one split)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
        (folder / "train.py").write_text(source)
        start = used()
        subprocess.run([sys.executable, "train.py"], cwd=folder, check=True)
        trained = used()
        values = []
        for split in splits:
            command = [sys.executable, "judge.py", "--by-hand", "--split", split]
            said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
            values.append(float(said.removeprefix("val_bpb: ")))
        return values, trained - start, (used() - trained) / len(splits)


def squeezed(split: str) -> float:
    train, hidden = (TEMPLATE / "data/train.txt").read_bytes(), (TEMPLATE / f"hidden/{split}.txt").read_bytes()
    size = [len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)) for text in (train + hidden, train)]
    return (size[0] - size[1]) * 8 / len(hidden)


def main() -> None:
    splits = sys.argv[1:] or ["search", "certify"]
    baseline = (TEMPLATE / "train.py").read_text()
    rows = {
        "baseline: trigram, add one": baseline,
        "best constants": with_constants(baseline, BEST),
        "context mixer": (HERE / "train.py").read_text(),
    }
    print(f"{'':28}" + "".join(f"{split:>10}" for split in splits) + f"{'train s':>10}{'serve s':>10}")
    print(f"{'xz -9e':28}" + "".join(f"{squeezed(split):10.3f}" for split in splits))
    for name, source in rows.items():
        values, training, serving = measured(source, splits)
        print(f"{name:28}" + "".join(f"{v:10.3f}" for v in values) + f"{training:10.1f}{serving:10.1f}", flush=True)


if __name__ == "__main__":
    main()
