"""What `init --honest` reads from the sources of a karpathy repository, without running them."""

import pytest

from overnight.program import describe, parse
from overnight.program.honest import NEEDED, honest, missing, validation_file

SOURCE = """
import os, requests
from limits import MAX_SEQ_LEN, TIME_BUDGET as TIME_BUDGET
CACHE_DIR = os.path.join(os.path.expanduser("~"), ".cache", "autoresearch")
DATA_DIR = os.path.join(CACHE_DIR, "data")
LAST = 17
VAL_SHARD = LAST
VAL_FILENAME = f"part_{VAL_SHARD:05d}.parquet"
EVAL_TOKENS = 40 * 1024
class Tokenizer: ...
def get_token_bytes(device): ...
def make_dataloader(tokenizer, B, T, split): ...
def evaluate_bpb(model, tokenizer, batch_size): ...
"""


def test_the_names_are_found_however_they_are_defined():
    assert missing(SOURCE) == ()
    assert missing("") == NEEDED
    assert missing(SOURCE.replace("class Tokenizer", "class Words")) == ("Tokenizer",)


def test_the_file_of_the_validation_text_is_read_from_the_source():
    assert validation_file(SOURCE) == "~/.cache/autoresearch/data/part_00017.parquet"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("VAL_SHARD = LAST", "VAL_SHARD = newest()"),
        ("VAL_FILENAME =", "NAME ="),
        ('os.path.expanduser("~")', 'os.environ["HOME"]'),
        (":05d}", ":05q}"),
    ],
)
def test_what_cannot_be_seen_is_not_guessed(old, new):
    assert old in SOURCE
    assert validation_file(SOURCE.replace(old, new)) == ""


@pytest.mark.parametrize("lock", [{}, {"uv.lock": ""}])
def test_the_honest_contract_has_a_judge_of_its_own_and_reads_back(lock):
    sources = {"prepare.py": SOURCE, "train.py": "print('val_bpb:', 1)", **lock}
    prose = "# Night\n\n`uv run train.py`: get the lowest val_bpb.\n"
    plain = parse(prose, file="program.md", sources=sources)
    made = honest(plain, ("~/.cache/autoresearch/data/part_00017.parquet",))
    assert made.drive is not None
    assert made.drive.serve == ("uv run honest/serve.py" if lock else "python honest/serve.py")
    assert (made.run, made.edit, made.budget, made.objective.metric) == ("", plain.edit, plain.budget, "val_bpb")
    assert made.hide == ("honest/hidden/**", "~/.cache/autoresearch/data/part_00017.parquet")
    read = parse(describe(made) + prose, file="program.md")
    assert (read.drive, read.hide, read.holdout, read.data) == (made.drive, made.hide, made.holdout, made.data)


def test_an_audit_exports_the_model_and_serves_it_twice():
    prose = "# Night\n\nGet the lowest val_bpb.\n"
    plain = parse(prose, file="program.md", sources={"prepare.py": SOURCE, "train.py": "print('val_bpb:', 1)"})
    made = honest(plain, (), audit=True, gpus=1)
    assert made.drive is not None
    assert made.run == "python honest/serve.py --export"
    assert (made.drive.serve, made.drive.copies) == ("python honest/serve.py --replay", 2)
    assert made.drive.judge.endswith("judge.py --audit")
    assert made.holdout is not None
    assert made.holdout.certify == f"{made.drive.judge} --split certify"
    assert made.budget.gpus == 1
    read = parse(describe(made) + prose, file="program.md")
    assert (read.run, read.drive, read.budget) == (made.run, made.drive, made.budget)
