"""An artefact is of the kind that its name says, and does not run code when it is loaded."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.artifacts import freeze
from overnight.judge.formats import wrong_format
from overnight.model.experiment import Failure

MEBIBYTE = 1024**2


def array(values):
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


def arrays(**values):
    file = io.BytesIO()
    np.savez_compressed(file, **values)
    return file.getvalue()


def archive(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(f"{name}.npy", content)
    return file.getvalue()


def tensors(header):
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + bytes(4)


NUMBERS = array(np.arange(6.0).reshape(2, 3))
RECORDS = array(np.zeros(3, dtype=[("at", "<f8"), ("name", "U4"), ("pair", [("x", "<i4"), ("y", "<i4", (2,))])]))
OBJECTS = array(np.array([{"a": 1}], dtype=object))
HIDDEN = array(np.zeros(3, dtype=[("at", "<f8"), ("inner", [("deep", "O")])]))
PICKLE = pickle.dumps([1, 2, 3])


@pytest.fixture
def handed(tmp_path):
    """What becomes of one artefact under `out/**`, or under other globs: "" or the failure's sentence."""

    def hand_over(name, content, *globs):
        left, judge = tmp_path / "left", tmp_path / "judge"
        (left / "out").mkdir(parents=True)
        judge.mkdir()
        (left / "out" / name).write_bytes(content)
        found = freeze(left, judge, globs or ("out/**",), largest=MEBIBYTE)
        if isinstance(found, Failure):
            assert found.code == "artifact"
            return found.detail
        assert (judge / "out" / name).read_bytes() == content
        return ""

    return hand_over


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", NUMBERS),
        ("a.NPY", NUMBERS),
        ("records.npy", RECORDS),
        ("empty.npy", array(np.zeros(0))),
        ("a.npz", arrays(x=np.arange(9), y=np.array(["a", "b"]))),
        ("a.json", b' {"a": 1}'),
        ("a.json", b"[1]"),
        ("a.json", b"\xef\xbb\xbf1.5"),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}\n'),
        ("a.csv", "naïve,1\n".encode() * 20_000),
        ("a.txt", b""),
        ("a.safetensors", tensors({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})),
        ("a.parquet", b"PAR1" + bytes(20) + b"PAR1"),
        ("a.png", b"\x89PNG\r\n\x1a\n123"),
        ("weights.bin", bytes(range(256))),
        ("pred", b"\x80\x04 no pickle"),
    ],
)
def test_a_file_of_its_kind_is_handed_over(handed, name, content):
    assert handed(name, content) == ""


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.npy", OBJECTS, "is an array of objects"),
        ("a.npy", HIDDEN, "is an array of objects"),
        ("a.npy", PICKLE, "is a pickle"),
        ("a.npz", archive(x=OBJECTS), "is an array of objects"),
        ("a.npz", archive(x=PICKLE), "is a pickle"),
        ("pred", PICKLE, "is a pickle"),
        ("pred.bin", PICKLE, "is a pickle"),
        ("model.pkl", PICKLE, "is a .pkl file"),
        ("model.PT", b"PK\x03\x04", "is a .pt file"),
        ("model.joblib", b"", "is a .joblib file"),
    ],
)
def test_what_runs_code_when_it_is_loaded_is_refused_with_the_reason(handed, name, content, why):
    detail = handed(name, content)
    assert why in detail
    assert "run the candidate's code in the judge" in detail


@pytest.mark.parametrize("glob", ["out/model.pt", "out/*.pt"])
def test_what_runs_code_is_handed_over_where_the_contract_names_its_suffix(handed, glob):
    assert handed("model.pt", PICKLE, glob) == ""


def test_taking_a_suffix_out_does_not_let_another_in(handed):
    assert "is a .pt file" in handed("model.pt", PICKLE, "out/**", "!out/other.pt")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", b""),
        ("a.npy", NUMBERS[:7]),
        ("a.npy", b"\x93NUMPY\x01\x00\xff\xff{"),
        ("a.npy", NUMBERS[:10] + b"(" * 64 + NUMBERS[74:]),
        ("a.npy", b"\x93NUMPY\x01\x00\x03\x00{} "),
        ("a.npz", b"PK\x03\x04 and no more"),
        ("a.npz", archive(x=b"text")),
        ("a.npz", b""),
        ("a.json", b""),
        ("a.json", b"loss: 1"),
        ("a.csv", b"a,b\0\n"),
        ("a.txt", b"caf\xe9\n"),
        ("a.jsonl", PICKLE),
        ("a.safetensors", struct.pack("<Q", 1 << 60) + b"{}"),
        ("a.safetensors", struct.pack("<Q", 2) + b"[]"),
        ("a.safetensors", struct.pack("<Q", 3) + b"{a}"),
        ("a.parquet", b"PAR1"),
        ("a.parquet", bytes(40)),
        ("a.png", b"GIF89a"),
    ],
)
def test_a_file_that_is_not_of_its_kind_is_one_clear_failure(handed, name, content):
    assert handed(name, content).startswith(f"Artefact 'out/{name}' ")


def test_an_archive_that_unpacks_to_more_than_may_be_handed_over_is_refused(handed):
    bomb = archive(x=array(np.zeros(4 * MEBIBYTE, dtype="u1")))
    assert len(bomb) < MEBIBYTE
    assert "unpacks to more than budget.disk" in handed("a.npz", bomb)


def test_an_archive_with_something_else_in_it_is_refused(handed):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("data.pkl", PICKLE)
    assert "something that is no array" in handed("a.npz", file.getvalue())


@given(
    suffix=st.sampled_from([".npy", ".npz", ".json", ".csv", ".safetensors", ".parquet", ".png", ""]),
    content=st.one_of(
        st.binary(max_size=300),
        st.tuples(
            st.sampled_from([NUMBERS, RECORDS, archive(x=NUMBERS), tensors({"a": 1})]),
            st.integers(0, 400),
            st.binary(max_size=8),
        ).map(lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + len(cut[2]) :]),
    ),
)
def test_no_bytes_whatever_break_the_look_at_them(suffix, content):
    said = wrong_format(f"a{suffix}", io.BytesIO(content), len(content), globs=(), largest=MEBIBYTE)
    assert isinstance(said, str)
