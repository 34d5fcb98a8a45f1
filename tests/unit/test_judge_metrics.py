import pytest

from overnight.judge.metrics import parse
from overnight.judge.tail import tail
from overnight.model.experiment import Failure


def failure_of(output: bytes, *names: str) -> Failure:
    result = parse(output, names or ("val_bpb",))
    assert isinstance(result, Failure)
    return result


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"METRIC val_bpb=0.9979", 0.9979),
        (b"val_bpb:          0.997900", 0.9979),
        (b'{"val_bpb": 0.9979, "note": "fine"}', 0.9979),
        (b"val_bpb: 1e-4", 0.0001),
        (b"val_bpb: +.5", 0.5),
        (b"val_bpb: 5.", 5.0),
        (b"step 1\rstep 2\rval_bpb: 3\r", 3.0),
        (b"val_bpb: 3\r\n", 3.0),
    ],
)
def test_each_accepted_spelling(line, value):
    assert parse(line, ("val_bpb",)) == {"val_bpb": value}


def test_minus_zero_is_zero():
    assert str(parse(b"val_bpb: -0.0", ("val_bpb",))) == "{'val_bpb': 0.0}"


@pytest.mark.parametrize("spelled", ["nan", "-inf", "Infinity", "1e999", "-1e999", "NAN"])
def test_what_is_not_finite_fails_and_is_quoted(spelled):
    failure = failure_of(f"val_bpb: {spelled}".encode())
    assert failure.code == "non-finite"
    assert repr(spelled) in failure.detail


@pytest.mark.parametrize("spelled", ["NaN", "-Infinity", "1e999"])
def test_json_that_is_not_finite_fails(spelled):
    assert failure_of(b'{"val_bpb": %s}' % spelled.encode()).code == "non-finite"


@pytest.mark.parametrize(
    "spelled",
    ["1_000", "0x10", "\u0661\u0662", "True", "0.9 (best)", "0,9", "", "1e", "--1", "1 2", "\u22121", "1\x0b"],
)
def test_what_is_not_a_decimal_number_fails(spelled):
    assert failure_of(f"val_bpb: {spelled}".encode()).code == "malformed"


@pytest.mark.parametrize("value", [b"true", b"null", b'"0.9"', b"[0.9]", b'{"x": 1}'])
def test_json_that_is_not_a_number_fails(value):
    assert failure_of(b'{"val_bpb": %s}' % value).code == "malformed"


def test_what_was_read_is_quoted_without_its_escape_codes():
    assert "\x1b" not in failure_of(b"val_bpb: \x1b[31m9").detail


@pytest.mark.parametrize(
    "output",
    [
        b"val_bpb: 1\nval_bpb: 1",
        b"val_bpb: 1\rMETRIC val_bpb=1",
        b'{"val_bpb": 1, "val_bpb": 1}',
        b'val_bpb: 1\n{"val_\\u0062pb": 2}',
    ],
)
def test_one_name_twice_fails_in_whatever_spelling(output):
    assert failure_of(output).code == "twice"


def test_names_that_the_contract_does_not_mention_are_ignored():
    assert parse(b"loss: nan\nloss: 3\nval_bpb: 1\nx: y", ("val_bpb",)) == {"val_bpb": 1.0}


def test_a_missing_objective_says_what_to_print_and_shows_the_end_of_the_output():
    failure = failure_of(b"Traceback\nKeyError: 'x'")
    assert failure.code == "no-metric"
    assert '"val_bpb: NUMBER"' in failure.detail
    assert failure.tail == "Traceback\nKeyError: 'x'"


def test_another_metric_may_be_missing():
    assert parse(b"val_bpb: 1", ("val_bpb", "p95_ms")) == {"val_bpb": 1.0}


def test_json_nested_to_exhaust_the_stack_is_an_ordinary_line():
    assert failure_of(b'{"a":' * 100_000).code == "no-metric"


def test_the_tail_has_no_escape_codes_controls_or_invisible_characters():
    said = tail("\x1b]0;title\x07\x1b[31mred\x1b[0m \u202eevil\x00 \x9b1mx\x1b".encode())
    assert said == "red evil x"


def test_the_tail_is_the_last_fifty_lines():
    assert tail(b"\n".join(b"%d" % number for number in range(900))).splitlines() == [str(n) for n in range(850, 900)]


def test_the_tail_is_at_most_four_thousand_and_ninety_six_bytes():
    assert len(tail(b"\xc3\xa9" * 100_000).encode()) <= 4096
