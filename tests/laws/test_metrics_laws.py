"""What must hold for every output that a judge, or somebody who pretends to be one, can print."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.metrics import parse
from overnight.model.experiment import Failure

finite = st.floats(min_value=-1e150, max_value=1e150, allow_nan=False)
spellings = st.sampled_from(["METRIC {0}={1!r}", "{0}: {1!r}", "  {0}:      {1!r}  ", '{{"{0}": {1!r}}}'])
unrelated = st.lists(
    st.sampled_from(
        [b"", b"epoch 3", b"---", b"{not json", b"METRICS loss=4", b"other: nan", b'{"other": true}', b"\xff", b"99%"]
    ),
    max_size=5,
)
numberlike = st.text(alphabet="0123456789.eE+-_ xnaifNAIF\u0661", max_size=12)
no_number = st.recursive(
    st.none() | st.booleans() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.binary())
def test_no_output_makes_the_parser_raise(output):
    assert isinstance(parse(output, ("loss",)), dict | Failure)


@given(st.lists(st.one_of(numberlike.map(lambda text: f"loss: {text}"), st.text()), max_size=5))
def test_a_value_is_finite_or_there_is_none(lines):
    values = parse("\n".join(lines).encode(errors="surrogatepass"), ("loss", "other"))
    if isinstance(values, dict):
        assert "loss" in values
        assert all(math.isfinite(value) for value in values.values())


@given(finite, spellings, unrelated, unrelated, st.sampled_from([b"\n", b"\r"]))
def test_a_number_comes_through_exactly_whatever_stands_around_it(number, spelling, before, after, end):
    line = spelling.format("loss", number).encode()
    assert parse(end.join([*before, line, *after]), ("loss",)) == {"loss": number}


@given(st.permutations([b"epoch 3", b"METRIC loss=1.5", b"acc: 2", b"other: x", b'{"x": 1}']))
def test_the_order_of_lines_does_not_matter(lines):
    assert parse(b"\n".join(lines), ("loss", "acc")) == {"loss": 1.5, "acc": 2.0}


@given(finite, finite, spellings, spellings, unrelated)
def test_a_second_value_always_fails(first, second, spelling, again, between):
    lines = [spelling.format("loss", first).encode(), *between, again.format("loss", second).encode()]
    failure = parse(b"\n".join(lines), ("loss",))
    assert isinstance(failure, Failure)
    assert failure.code == "twice"


@given(no_number)
def test_only_a_json_number_is_a_number(value):
    failure = parse(json.dumps({"loss": value}).encode(), ("loss",))
    assert isinstance(failure, Failure)
    assert failure.code == "malformed"


@pytest.mark.parametrize("name", ["wall_seconds", "cpu_seconds", "peak_memory_mb", "loc", "diff_lines"])
@pytest.mark.parametrize("line", ["{0}: 1", "{0}: nan", "METRIC {0}=1\nMETRIC {0}=2", '{{"{0}": true}}'])
def test_a_built_in_metric_is_never_read(name, line):
    output = f"{line.format(name)}\nloss: 3".encode()
    assert parse(output, ("loss", name)) == {"loss": 3.0}
    assert parse(output, (name, "loss")) == {"loss": 3.0}
