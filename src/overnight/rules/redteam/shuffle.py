"""Labels that no longer belong to what they label: the rows of a file in another order."""

import csv
import io
import json
from random import Random
from typing import TypeVar

_Row = TypeVar("_Row")


def shuffled(data: bytes, name: str, rng: Random) -> bytes | None:
    """`data` with its rows permuted, None where that changes nothing (a single row, or all alike) or is not possible.

    `.npy`: rows of the array. `.csv`, `.tsv`, `.jsonl` with several columns: each column but the first for itself,
    since whole rows carry their names with them; a first line without a figure stays. `.json`: the items of a list.
    Everything else: lines.
    """
    suffix = name.rpartition(".")[2].lower()
    if data[:6] == b"\x93NUMPY" and len(data) > 12:
        made = _array(data, rng)
    elif suffix in ("csv", "tsv"):
        made = _table(data, "," if suffix == "csv" else "\t", rng)
    elif suffix == "jsonl":
        made = _objects(data, rng)
    elif suffix == "json":
        made = _list(data, rng)
    else:
        made = _lines(data, rng)
    return made if made != data else None


def _permuted(rows: list[_Row], rng: Random) -> list[_Row]:
    """Another order; a few attempts, for two rows come out as they were half of the time."""
    for _ in range(20):
        other = rng.sample(rows, len(rows))
        if other != rows:
            return other
    return rows


def _lines(data: bytes, rng: Random) -> bytes:
    lines = data.splitlines()
    end = b"\n" if data.endswith((b"\n", b"\r")) else b""
    other = _permuted(lines, rng)
    return data if other == lines else b"\n".join(other) + end


def _array(data: bytes, rng: Random) -> bytes | None:
    """Rows of an array in NumPy's own format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)."""
    wide = 2 if data[6] == 1 else 4
    start = 8 + wide + int.from_bytes(data[8 : 8 + wide], "little")
    head = data[:start].decode("latin-1")
    first = head.partition("'shape': (")[2].partition(",")[0]
    if not first.isdigit() or "'fortran_order': True" in head or int(first) < 2:
        return None
    body, count = data[start:], int(first)
    size = len(body) // count
    rows: list[bytes] = [body[index * size : (index + 1) * size] for index in range(count)]
    other = _permuted(rows, rng)
    return data[:start] + b"".join(other)


def _table(data: bytes, separator: str, rng: Random) -> bytes | None:
    try:
        rows = list(csv.reader(io.StringIO(data.decode()), delimiter=separator))
    except (UnicodeDecodeError, csv.Error):
        return None
    head = rows[:1] if rows and not any(char.isdigit() for cell in rows[0] for char in cell) else []
    body = rows[len(head) :]
    if not body or any(len(row) != len(body[0]) for row in body):
        return _lines(data, rng)
    columns = [list(column) for column in zip(*body, strict=True)]
    first = 1 if len(columns) > 1 else 0
    columns[first:] = [_permuted(column, rng) for column in columns[first:]]
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows([*head, *zip(*columns, strict=True)])
    return data if [list(row) for row in zip(*columns, strict=True)] == body else out.getvalue().encode()


def _objects(data: bytes, rng: Random) -> bytes | None:
    try:
        rows = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return _lines(data, rng)
    keys = list(rows[0]) if rows and isinstance(rows[0], dict) else []
    if len(keys) < 2 or any(not isinstance(row, dict) or list(row) != keys for row in rows):
        return _lines(data, rng)
    columns = {key: _permuted([row[key] for row in rows], rng) for key in keys[1:]}
    made = [{keys[0]: row[keys[0]], **{key: columns[key][place] for key in keys[1:]}} for place, row in enumerate(rows)]
    return data if made == rows else "".join(json.dumps(row) + "\n" for row in made).encode()


def _list(data: bytes, rng: Random) -> bytes | None:
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list):
        return None
    other = _permuted(rows, rng)
    return data if other == rows else json.dumps(other).encode()
