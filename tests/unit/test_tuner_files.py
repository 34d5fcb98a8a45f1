"""What the tuner finds in files, and that turning it keeps every other byte."""

import ast
import json
import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from overnight.agents import tunables
from overnight.agents.tunables import replaced, survey
from overnight.agents.tunables.python import scan_python
from overnight.agents.tunables.tunable import bind

KARPATHY = '''\
"""
Pretraining script. Usage: uv run train.py
"""
import os
import time

# Model architecture
ASPECT_RATIO = 64       # model_dim = depth * ASPECT_RATIO
HEAD_DIM = 128          # target head dimension for attention
WINDOW_PATTERN = "SSSL" # sliding window pattern: L=full, S=half context

# Optimization
TOTAL_BATCH_SIZE = 2**19 # ~524K tokens per optimizer step
EMBEDDING_LR = 0.6      # learning rate for token embeddings (Adam)
WEIGHT_DECAY = 0.2
ADAM_BETAS = (0.8, 0.95) # Adam beta1, beta2
WARMUP_RATIO = 0.0
DEPTH = 8               # number of transformer layers
DEVICE_BATCH_SIZE = 128
H100_BF16_PEAK_FLOPS = 989.5e12

t_start = time.time()
step = 0
smooth_train_loss = 0
while True:
    smooth_train_loss = 0.9 * smooth_train_loss
    step += 1
    break
'''


def found(tmp_path, name, text):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return {item.name: item for item in tunables(tmp_path, ("**",))}


def turn(tmp_path, name, text, **values):
    """The file with tunables of these keys set, after the same through a fresh reading."""
    items = found(tmp_path, name, text)
    wanted = {f"{name}:{key}": value for key, value in values.items()}
    assert wanted.keys() <= items.keys()
    return replaced(text.encode(), items.values(), wanted).decode()


def test_a_stock_karpathy_file_offers_its_constants_and_none_of_its_variables(tmp_path):
    assert {name: item.present for name, item in found(tmp_path, "train.py", KARPATHY).items()} == {
        "train.py:ASPECT_RATIO": 64,
        "train.py:HEAD_DIM": 128,
        "train.py:TOTAL_BATCH_SIZE": 524288,
        "train.py:EMBEDDING_LR": 0.6,
        "train.py:WEIGHT_DECAY": 0.2,
        "train.py:ADAM_BETAS[0]": 0.8,
        "train.py:ADAM_BETAS[1]": 0.95,
        "train.py:WARMUP_RATIO": 0.0,
        "train.py:DEPTH": 8,
        "train.py:DEVICE_BATCH_SIZE": 128,
    }


def test_a_power_of_two_stays_one_and_is_written_as_it_was(tmp_path):
    space = found(tmp_path, "train.py", KARPATHY)["train.py:TOTAL_BATCH_SIZE"].space
    assert all(value & (value - 1) == 0 for value in space.options)
    assert "TOTAL_BATCH_SIZE = 2**17 # ~524K" in turn(tmp_path, "train.py", KARPATHY, TOTAL_BATCH_SIZE=2**17)


def test_turning_constants_touches_only_their_own_text(tmp_path):
    new = turn(tmp_path, "train.py", KARPATHY, EMBEDDING_LR=0.35, DEPTH=12, **{"ADAM_BETAS[1]": 0.99})
    expected = KARPATHY.replace("= 0.6 ", "= 0.35 ").replace("DEPTH = 8 ", "DEPTH = 12 ").replace("0.95)", "0.99)")
    assert new == expected


names = st.from_regex(r"[A-Z]{2,5}_?[A-Z]{1,3}", fullmatch=True).filter(lambda name: "SEED" not in name)
numbers = st.integers(-(10**9), 10**9) | st.floats(1e-6, 1e6) | st.floats(-1e6, -1e-6) | st.booleans()
junk = st.sampled_from(
    [
        "",
        "# ünïcode → comment",
        "def f(a=1):\n\treturn a",
        "x = [i for i in range(9)]",
        "S = '''\nA = 3\n'''",
        "\f",
        "if 1:\n  Q = 3",
    ]
)


@given(
    st.lists(st.tuples(names, numbers, numbers, junk), max_size=6, unique_by=lambda row: row[0]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_replacing_keeps_every_other_byte_and_says_the_new_value(rows, newline):
    lines = [line for name, old, _, extra in rows for line in (extra, f"{name} =  {old!r}   # {name} était là")]
    data = newline.join(lines).encode()
    items = bind("a.py", data, "python", scan_python(data)).tunables
    wanted = {f"a.py:{name}": new for name, _, new, _ in rows}
    new = replaced(data, items, wanted)
    kept = [0, *(place for item in items for place in (item.start, item.end)), len(data)]
    pieces = [re.escape(data[start:end]) for start, end in zip(kept[::2], kept[1::2], strict=True)]
    assert re.fullmatch(b"(.+?)".join(pieces), new, re.DOTALL)
    reread = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(new).body if is_constant(node)}
    before = {name: old for name, old, _, _ in rows}
    for item in items:
        name = item.name.removeprefix("a.py:")
        assert (type(item.present), item.present) == (type(before[name]), before[name])
        assert reread[name] == wanted[item.name]


def is_constant(node):
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper()


@pytest.mark.parametrize(
    "line",
    [
        "SEED = 42",
        "MODEL_VERSION = 3",
        "PORT = 8080",
        "START_YEAR = 2026",
        "__depth__ = 3",
        "DATA_PATH = 7",
        "NAME = 'x'",
        "MASK = 0xFF",
        "TABLE = [1, 2, 3, 4, 5, 6, 7, 8, 9]",
        "DEPTH = 8  # fixed",
        "K = 3\nK = 4",
        "flag = True",
        "N = 0\ndef f():\n    global N\n    N = 1",
        "A = B = 3",
        "D = compute(3)",
        "HUGE = 1e999",
    ],
)
def test_what_is_no_setting_is_left_alone(tmp_path, line):
    assert found(tmp_path, "a.py", line + "\n") == {}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("DEPTH: int = 8", 8),
        ("lr = 3e-4", 3e-4),
        ("BIAS = -2", -2),
        ("DECAY = - 0.5", -0.5),
        ("WIDE = 64 * 12", 768),
        ("FLASH = True", True),
        ("N = 1_000", 1000),
        ("OPT = {'lr': 0.1}", 0.1),
        ("SEED = 3  # range: 1..9", 3),
    ],
)
def test_constants_in_many_spellings_are_found(tmp_path, line, value):
    (item,) = found(tmp_path, "a.py", line + "\n").values()
    assert item.present == value
    assert type(item.present) is type(value)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("LR = 0.1  # range: 1e-4..0.5 log", 1e-4, 0.5),
        ("# range: -1 .. 1\nX = 0.0", -1.0, 1.0),
        ("N = 3 # range: 2..40 log int", 2, 40),
    ],
)
def test_a_range_comment_binds_the_space(tmp_path, text, low, high):
    (item,) = found(tmp_path, "a.py", text).values()
    assert (item.space.at(0.0), item.space.at(1.0)) == (low, high)
    assert type(item.space.at(0.4)) is type(item.present)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("MODE = 'add'  # choices: add, kn, 'a, b'", {"add", "kn", "a, b"}),
        ("N = 4  # choices: 1, 2, 4", {1, 2, 4}),
        ("# choices: 0.5, 1\nX = 1.0", {0.5, 1.0}),
        ("mode = 'x' # choices: x, y # why", {"x", "y"}),
    ],
)
def test_a_choices_comment_binds_the_space(tmp_path, text, options):
    (item,) = found(tmp_path, "a.py", text).values()
    assert set(item.space.options) == options


def test_a_chosen_string_is_quoted_as_before(tmp_path):
    assert turn(tmp_path, "a.py", "M = 'a'  # choices: a, it\n", M="it's") == "M = 'it\\'s'  # choices: a, it\n"
    assert turn(tmp_path, "b.py", 'M = "a"  # choices: a, b\n', M="b") == 'M = "b"  # choices: a, b\n'


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("# range: 1-10", "LOW..HIGH"),
        ("# range: 9..1", "empty"),
        ("# range: 0..1 log", "above 0"),
        ("# choices: 8", "at least two"),
        ("# choices: a, b", "not a number"),
    ],
)
def test_a_comment_that_cannot_be_read_is_said_with_its_place(tmp_path, comment, said):
    (tmp_path / "a.py").write_text(f"\nDEPTH = 8  {comment}\n")
    scan = survey(tmp_path, ("a.py",))
    assert scan.tunables == ()
    (problem,) = scan.problems
    assert problem.startswith("a.py:2: ")
    assert said in problem


@pytest.mark.parametrize("value", [0.001, 0.5, 0.95, 0.9999, 3.0, 250.0, -0.2, 1, 2, 7, 100, -5, 64, 0, 0.0])
def test_a_guessed_space_holds_the_present_value_and_its_sign(tmp_path, value):
    (item,) = found(tmp_path, "a.py", f"X = {value}\n").values()
    space = item.space
    reached = [space.at(space.top * step / 50) for step in range(51)]
    assert min(reached) <= value <= max(reached)
    assert len(set(reached)) >= 4
    assert all(type(other) is type(value) for other in reached)
    assert all((other > 0) == (value > 0) for other in reached if value != 0)
    if 0 < value < 1 and isinstance(value, float):
        assert all(0 < other < 1 for other in reached)


TOML = '''\
# top comment
title = "a"   # choices: a, b
born = 1979-05-27 07:32:00
[model]
depth = 8     # layers
lr    = 1e-3  # range: 1e-4..1e-1 log
sizes = [ 1, 2.5, # mixed
  3 ]
inner = { a = 1, b.c = true, s = "x = 3" }
text = """
y = 3
"""
[[opt]]
x = 10
[[opt]]
"x y" = -2
'''


def test_toml_keeps_comments_and_layout(tmp_path):
    new = turn(
        tmp_path,
        "c.toml",
        TOML,
        title="b",
        **{"model.depth": 12, "model.lr": 1e-05, "model.inner.b.c": False, "opt[1].x y": -3},
    )
    expected = (
        TOML.replace('"a"', '"b"')
        .replace("= 8 ", "= 12 ")
        .replace("1e-3 ", "1.0e-05 ")
        .replace("true", "false")
        .replace("= -2", "= -3")
    )
    assert new == expected
    assert tomllib.loads(new)["model"]["lr"] == 1e-05


YAML_TEXT = """\
# très important
model: {depth: 8, drop: 0.1}   # inline
# choices: adam, sgd
opt: adam
layers:
- 3      # first
- rate: 1e-4
shared: &s 5
again: *s
country: no
quoted: 'x'  # choices: x, y
"""


def test_yaml_keeps_comments_anchors_and_layout(tmp_path):
    new = turn(
        tmp_path, "c.yaml", YAML_TEXT, opt="sgd", quoted="y", shared=6, **{"model.depth": 4, "layers[1].rate": 2e-05}
    )
    expected = YAML_TEXT.replace("depth: 8", "depth: 4").replace("opt: adam", "opt: sgd").replace("1e-4", "2.0e-05")
    assert new == expected.replace("&s 5", "&s 6").replace("'x'", '"y"')
    assert YAML(typ="safe", pure=True).load(new)["layers"][1]["rate"] == 2e-05


def test_json_keeps_its_layout(tmp_path):
    text = (
        '{"a": {"b": [1,  2.5e-3], "ü": "x\\" 3", "t": true, "n": null},\n\t"seed": 3, "big": 12345678901234567890}\n'
    )
    assert set(found(tmp_path, "c.json", text)) == {"c.json:a.b[0]", "c.json:a.b[1]", "c.json:a.t"}
    new = turn(tmp_path, "c.json", text, **{"a.b[0]": 2, "a.t": False})
    assert new == text.replace("[1,", "[2,").replace("true", "false")
    assert json.loads(new)["a"]["b"] == [2, 0.0025]


def test_an_env_file_keeps_its_layout(tmp_path):
    text = '# settings\nLR=0.1 # range: 0..1\nexport N="16"\nNAME=foo\nAPI_URL=http://x/3\n'
    assert set(found(tmp_path, ".env", text)) == {".env:LR", ".env:N"}
    assert turn(tmp_path, ".env", text, LR=0.25, N=32) == text.replace("0.1", "0.25").replace("16", "32")


def test_only_editable_files_are_read_and_no_link_is_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("DEPTH = 8\n")
    room = tmp_path / "room"
    (room / "src").mkdir(parents=True)
    (room / "src" / "a.py").write_text("DEPTH = 8\n")
    (room / "judge.py").write_text("LIMIT = 8\n")
    (room / "src" / "b.py").symlink_to(outside / "secret.py")
    (room / "src" / "c").symlink_to(outside)
    assert [item.name for item in tunables(room, ("src/**", "!judge.py"))] == ["src/a.py:DEPTH"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.py", b"def (:\n"),
        ("a.py", b"X = 3\n# \xff\n"),
        ("a.json", b"{"),
        ("a.toml", b"a = = 3"),
        ("a.yaml", b"a: [1"),
        ("a.json", b"[" * 100_000),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_does_not_stop_the_others(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.py").write_text("DEPTH = 8\n")
    scan = survey(tmp_path, ("*",))
    assert [item.name for item in scan.tunables] == ["good.py:DEPTH"]
    assert scan.problems[0].startswith(f"{name}: ")
