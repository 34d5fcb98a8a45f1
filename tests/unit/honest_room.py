"""The karpathy example with the files of `init --honest`, and its judge, as processes without boxes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import overnight

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "karpathy-cpu"
HONEST = Path(overnight.__file__).parent / "templates" / "honest"
NO_CACHE = shutil.ignore_patterns("__pycache__", "hidden", "state", "val_seed")
STEPS, QUESTIONS = 60, 2000


class Judged(NamedTuple):
    """What a judge printed, or why it gave no score."""

    bpb: float | None
    error: float | None
    why: str


def python(folder, *words, **streams):
    return subprocess.run([sys.executable, "-B", *words], cwd=folder, check=True, timeout=60, **streams)


def prepared(folder, questions=QUESTIONS):
    """A frozen study of a few steps in `folder`."""
    shutil.copytree(EXAMPLE, folder, ignore=NO_CACHE)
    shutil.copytree(HONEST, folder / "honest", ignore=NO_CACHE)
    edit(folder, "NUM_STEPS = 3000", f"NUM_STEPS = {STEPS}")
    python(folder, "prepare.py", stdout=subprocess.DEVNULL)
    python(folder, "honest/freeze.py", "--questions", str(questions), stdout=subprocess.DEVNULL)
    return folder


def edit(folder, old, new, name="train.py"):
    path = folder / name
    source = path.read_text()
    assert source.count(old) == 1, (source.count(old), old)
    path.write_text(source.replace(old, new))


def self_reported(folder):
    """The number that train.py prints of itself."""
    said = python(folder, "train.py", capture_output=True).stdout.decode()
    return float(re.findall(r"^val_bpb: +(\S+)$", said, re.MULTILINE)[-1])


def judged(folder, *arguments, serve=("honest/serve.py",), copies=1):
    """The judge and `copies` of a running model, each over two pipes."""
    models = [
        subprocess.Popen(
            [sys.executable, "-B", *serve],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        for _ in range(copies)
    ]  # fmt: skip
    ends, names = [], {"OVERNIGHT_SEED": "3"}
    for number, model in enumerate(models):
        suffix = f"_{number + 1}" if number else ""
        ends += [model.stdin.fileno(), model.stdout.fileno()]
        names |= {f"OVERNIGHT_CANDIDATE_IN{suffix}": str(ends[-2]), f"OVERNIGHT_CANDIDATE_OUT{suffix}": str(ends[-1])}
    judge = subprocess.Popen(
        [sys.executable, "-B", "honest/judge.py", *arguments],
        cwd=folder, env={**os.environ, **names}, pass_fds=ends, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    for model in models:
        model.stdin.close()
        model.stdout.close()
    said, why = judge.communicate(timeout=60)
    for model in models:
        model.kill()
        model.wait()
    if judge.returncode:
        assert not said
        assert why.startswith("judge: "), why
        return Judged(None, None, why)
    found = dict(line.split(": ") for line in said.splitlines())
    return Judged(float(found["val_bpb"]), float(found["val_bpb_error"]), why)


def audited(folder, questions=500, **more):
    """Trains and exports, then claims and questions go to two copies of what was exported."""
    python(folder, "honest/serve.py", "--export", stderr=subprocess.DEVNULL)
    serve = ("honest/serve.py", "--replay")
    return judged(folder, "--audit", str(questions), serve=serve, copies=2, **more)
