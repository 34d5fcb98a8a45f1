import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import overnight
from overnight.model.contract import Tier
from overnight.program import parse

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(overnight.__file__).parent / "templates"
EXAMPLE = ROOT / "examples" / "karpathy-cpu"
MIXER = ROOT / "benchmarks" / "mixer"
SPLITS = ("search", "gate", "certify")
TEXTS = {
    "data/train.txt": "3da22c0a2b8ff448bfe8bb213227ce31e9f8f299bec5b9276529e40feb21bf3f",
    "hidden/search.txt": "c46ff1f7280e051081452a3e3c45a9fe46a9d0c165e3b213af908a4a761f1938",
    "hidden/gate.txt": "aa4cf547c0777dc656a637a21b1d401125f9973f1f5b7e1314b71fbba57279b8",
    "hidden/certify.txt": "4aa7762a118e79457e83539a8e2fcdb7be48f542c95e260f5c641da3680924e6",
}
BASELINE = 3.556284
STREAMS = 16


@pytest.fixture
def lm(tmp_path):
    return copied("lm", tmp_path)


@pytest.fixture
def speed(tmp_path):
    folder = copied("speed", tmp_path)
    source = with_constants((folder / "inputs.py").read_text(), LINES=3_000)
    (folder / "inputs.py").write_text(source.replace("milliseconds % 499", "milliseconds % 97"))
    return folder


def copied(name, tmp_path):
    return Path(shutil.copytree(TEMPLATES / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")))


def run(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def driven(folder, serve, **environment):
    """The judge as overnight runs it: it is handed two descriptors of a process that it did not start."""
    with subprocess.Popen(
        [sys.executable, "-B", *serve], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as model:
        into, out = model.stdin.fileno(), model.stdout.fileno()
        handed = {"OVERNIGHT_CANDIDATE_IN": str(into), "OVERNIGHT_CANDIDATE_OUT": str(out), **environment}
        judged = subprocess.run(
            [sys.executable, "-B", "judge.py"],
            cwd=folder,
            env={**os.environ, **handed},
            pass_fds=(into, out),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        model.kill()
    return judged


def bits(judged):
    assert judged.returncode == 0, judged.stderr
    match = re.fullmatch(r"val_bpb: (\d+\.\d{6})\n", judged.stdout)
    assert match, judged.stdout
    return float(match[1])


def with_constants(source, **constants):
    for name, value in constants.items():
        source, found = re.subn(rf"(?m)^{name} = \S+", f"{name} = {value!r}", source)
        assert found == 1, name
    return source


def answering(folder, row, steps=1_000_000):
    """A model that gives `row` (a Python expression of 256 numbers) for every stream, `steps` times."""
    (folder / "fake.py").write_text(
        "import struct, sys\n"
        f"rows = struct.pack('<256f', *({row})) * {STREAMS}\n"
        "sys.stdin.buffer.read(8)\n"
        f"for _ in range({steps}):\n"
        "    sys.stdout.buffer.write(rows)\n"
        "    sys.stdout.buffer.flush()\n"
        f"    if len(sys.stdin.buffer.read({STREAMS})) < {STREAMS}:\n"
        "        break\n"
    )
    return driven(folder, ["fake.py"])


@pytest.mark.parametrize("name", TEXTS)
def test_the_texts_are_the_frozen_ones(name):
    assert hashlib.sha256((TEMPLATES / "lm" / name).read_bytes()).hexdigest() == TEXTS[name]


def test_the_licence_of_the_texts_travels_with_them():
    assert "public domain" in (TEMPLATES / "lm" / "data" / "LICENSE.md").read_text()


def test_no_64_bytes_of_a_hidden_text_occur_in_the_training_text_or_in_another_split():
    texts = {name: (TEMPLATES / "lm" / name).read_bytes() for name in TEXTS}
    seen: dict[bytes, str] = {}
    for name, text in texts.items():
        for i in range(len(text) - 63):
            assert seen.setdefault(text[i : i + 64], name) == name


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_is_at_most_12_kb_in_whole_streams(split):
    size = len((TEMPLATES / "lm" / "hidden" / f"{split}.txt").read_bytes())
    assert 0 < size <= 12_000
    assert size % STREAMS == 0


def test_every_template_in_the_catalogue_is_a_folder_with_a_program_and_nothing_else_is():
    listed = set(tomllib.loads((TEMPLATES / "catalogue.toml").read_text()))
    found = {path.parent.name for path in TEMPLATES.glob("*/program.md")}
    assert listed == found


@pytest.mark.parametrize("name", ["lm", "speed"])
def test_a_program_of_a_template_is_a_contract(name):
    contract = parse((TEMPLATES / name / "program.md").read_text(), file="program.md")
    assert not contract.inferred
    assert contract.objective.bounds
    assert contract.isolation.require is Tier.confined


def test_the_hidden_texts_are_hidden_from_git_and_from_the_candidate():
    contract = parse((TEMPLATES / "lm" / "program.md").read_text(), file="program.md")
    assert contract.hide == ("hidden/**",)
    assert "/hidden/" in (TEMPLATES / "lm" / "gitignore").read_text().splitlines()


def test_the_baseline_is_reproducible_whatever_the_seed(lm):
    assert run(lm, "train.py").returncode == 0
    serve = ["train.py", "--serve"]
    first, second = (bits(driven(lm, serve, OVERNIGHT_SEED=seed)) for seed in "12")
    assert first == second
    assert first == pytest.approx(BASELINE, abs=1e-5)


def test_the_split_comes_from_the_environment_unless_it_is_written(lm):
    assert run(lm, "train.py").returncode == 0
    written = bits(run(lm, "judge.py", "--by-hand", "--split", "certify", OVERNIGHT_SPLIT="search"))
    named = bits(driven(lm, ["train.py", "--serve"], OVERNIGHT_SPLIT="certify"))
    assert written == named
    assert abs(written - BASELINE) > 0.01


def test_constants_alone_gain_30_percent_and_the_untouched_split_agrees(lm):
    shares = {}
    for split in ("search", "certify"):
        values = []
        for constants in ({}, {"ORDER": 6, "SMOOTHING": "kneser-ney", "DISCOUNT": 0.84}):
            source = with_constants((TEMPLATES / "lm" / "train.py").read_text(), **constants)
            (lm / "train.py").write_text(source)
            assert run(lm, "train.py").returncode == 0
            values.append(bits(run(lm, "judge.py", "--by-hand", "--split", split)))
        shares[split] = 1 - values[1] / values[0]
    assert shares["search"] >= 0.30
    assert shares["certify"] == pytest.approx(shares["search"], abs=0.02)


@pytest.mark.parametrize("smoothing", ["add-k", "linear", "witten-bell", "absolute", "kneser-ney"])
def test_every_smoothing_gives_proper_distributions(lm, smoothing):
    source = with_constants((lm / "train.py").read_text(), SMOOTHING=smoothing, ORDER=4, CACHE=0.2)
    (lm / "train.py").write_text(source)
    assert run(lm, "train.py").returncode == 0
    probe = run(
        lm,
        "-c",
        "import numpy as np, train\n"
        "model = train.Model(3)\n"
        "for word in (b'aTh', b'bhe', b'\\xffe '):\n"
        "    p = model.with_cache(model.predict())\n"
        "    assert p.shape == (3, 256) and (p >= 0).all() and np.allclose(p.sum(axis=1), 1), p.sum(axis=1)\n"
        "    model.learn(word)\n",
    )
    assert probe.returncode == 0, probe.stderr


def test_a_uniform_model_needs_eight_bits(lm):
    assert bits(answering(lm, "[0.25] * 256")) == 8.0


def test_only_proportions_count(lm):
    assert bits(answering(lm, "range(1, 257)")) == bits(answering(lm, "[3e30 * i for i in range(1, 257)]"))


def test_a_certain_and_wrong_model_pays_for_it_but_gets_a_number(lm):
    assert bits(answering(lm, "[1.0] + [0.0] * 255")) == pytest.approx(28.0)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("[1.0] * 255 + [-0.5]", "negative"),
        ("[1.0] * 255 + [float('nan')]", "not a finite number"),
        ("[1.0] * 255 + [float('inf')]", "not a finite number"),
        ("[0.0] * 256", "all zero"),
    ],
)
def test_what_is_no_distribution_is_no_score(lm, row, said):
    judged = answering(lm, row)
    assert judged.returncode == 1
    assert said in judged.stderr
    assert judged.stdout == ""


def test_a_model_that_ends_early_is_no_score(lm):
    judged = answering(lm, "[1.0] * 256", steps=5)
    assert judged.returncode == 1
    assert "after 5 of 750 steps" in judged.stderr or "closed its input" in judged.stderr
    assert judged.stdout == ""


def test_half_a_row_is_no_score(lm):
    (lm / "fake.py").write_text("import sys\nsys.stdout.buffer.write(b'\\0' * 1000)\n")
    judged = driven(lm, ["fake.py"])
    assert judged.returncode == 1
    assert judged.stdout == ""
    assert "Traceback" not in judged.stderr


def test_a_judge_without_a_model_says_how_to_try_one_by_hand(lm):
    judged = run(lm, "judge.py", OVERNIGHT_CANDIDATE_IN="", OVERNIGHT_CANDIDATE_OUT="")
    assert judged.returncode == 1
    assert "--by-hand" in judged.stderr


def test_the_hand_written_mixer_talks_the_same_language(lm):
    source = with_constants((MIXER / "train.py").read_text(), EPOCHS=0)
    text = (lm / "data" / "train.txt").read_bytes()[:20_000]
    (lm / "data" / "train.txt").write_bytes(text)
    (lm / "hidden" / "search.txt").write_bytes(text[:320])
    (lm / "train.py").write_text(source.replace("steps = EPOCHS * (8 * len(text) // BATCH)", "steps = 3"))
    assert run(lm, "train.py").returncode == 0
    assert bits(driven(lm, ["train.py", "--serve"])) < 4


def report(speed, seed, script="work.py"):
    made = run(speed, "inputs.py", OVERNIGHT_SEED=seed).stdout
    return subprocess.run(
        [sys.executable, "-B", script], cwd=speed, input=made, capture_output=True, text=True, check=True
    ).stdout


def test_the_original_report_is_correct_and_another_seeds_or_an_altered_one_is_not(speed):
    right = report(speed, "7")
    for text, correct in ((right, 1), (report(speed, "8"), 0), (right.replace("sessions", "visits"), 0), ("", 0)):
        (speed / "report.txt").write_text(text)
        judged = run(speed, "judge.py", OVERNIGHT_SEED="7")
        assert judged.returncode == 0, judged.stderr
        assert judged.stdout == f"correct: {correct}\n"


def test_no_setting_of_the_speed_example_changes_its_report(speed):
    source = (speed / "work.py").read_text()
    fast = with_constants(source, PARSER="split", CHUNK=65536, URL_CACHE=1024, BOUND=True)
    (speed / "fast.py").write_text(fast)
    assert report(speed, "3", "fast.py") == report(speed, "3")


def test_the_karpathy_example_prints_progress_and_his_summary(tmp_path):
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "night", ignore=shutil.ignore_patterns("__pycache__")))
    source = with_constants((folder / "train.py").read_text(), NUM_STEPS=60)
    (folder / "train.py").write_text(source)
    first, second = (
        subprocess.run([sys.executable, "-B", "train.py"], cwd=folder, capture_output=True, check=True).stdout.decode()
        for _ in range(2)
    )
    progress, summary = first.split("---\n")
    assert progress.count("\r") >= 2
    names = [line.split(":")[0] for line in summary.splitlines()]
    assert names == [
        "val_bpb", "training_seconds", "total_seconds", "peak_vram_mb", "mfu_percent",
        "total_tokens_M", "num_steps", "num_params_M", "depth",
    ]  # fmt: skip
    assert all(re.fullmatch(r"\w+: +\d+(\.\d+)?", line) for line in summary.splitlines())
    value = re.compile(r"^val_bpb: +(\S+)$", re.MULTILINE)
    assert value.findall(first) == value.findall(second)
    assert 0 < float(value.findall(first)[0]) < 8


def test_the_karpathy_example_has_no_front_matter_and_names_its_metric():
    text = (EXAMPLE / "program.md").read_text()
    assert not text.startswith("---")
    sources = {name: (EXAMPLE / name).read_text() for name in ("train.py", "prepare.py")}
    contract = parse(text, file="program.md", sources=sources)
    assert contract.inferred
    assert contract.objective.metric == "val_bpb"
    assert contract.objective.direction == "minimize"
    assert contract.edit == ("train.py",)
    assert "train.py" in contract.run
