"""Whether an artefact is of the kind that its name says: a cheap look at its head and structure, never a full read.

What a judge does with the content is its own affair; this keeps out what would run code in the judge merely by
being loaded under a harmless name, and what cannot be of its kind at all.
"""

import ast
import codecs
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import BinaryIO

from overnight.program.formats import runs_code

_HEAD = 65536
_LONGEST_HEADER = 1024**2
_MOST_MEMBERS = 10_000
_NUMPY = b"\x93NUMPY"
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_MAGIC = {
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff",
    ".jpeg": b"\xff\xd8\xff",
    ".gif": b"GIF8",
    ".pdf": b"%PDF-",
    ".gz": b"\x1f\x8b",
    ".zst": b"\x28\xb5\x2f\xfd",
    ".arrow": b"ARROW1",
    ".feather": b"ARROW1",
    ".h5": b"\x89HDF\r\n\x1a\n",
    ".hdf5": b"\x89HDF\r\n\x1a\n",
    ".sqlite": b"SQLite format 3\0",
    ".wav": b"RIFF",
}
_TEXT = (".txt", ".csv", ".tsv", ".jsonl", ".json", ".md", ".toml", ".yaml", ".yml", ".html", ".xml", ".svg")


def wrong_format(path: str, file: BinaryIO, size: int, *, globs: Sequence[str], largest: int) -> str:
    """Why the artefact `path`, open at its beginning, is refused: the rest of a sentence; "" when it is not.

    A kind that runs code when it is loaded is let through only where a glob of the contract names its suffix.
    `largest` bounds what a compressed archive of arrays may unpack to, in bytes.
    """
    suffix = runs_code(path)
    if suffix:
        named = any(glob.lower().endswith(suffix) for glob in globs if not glob.startswith("!"))
        return "" if named else _pickle(f"is a {suffix} file")
    try:
        return _wrong(path.lower(), file, size, largest)
    except (zipfile.BadZipFile, zlib.error, RuntimeError):  # a recursion too deep is one of these
        return "cannot be read as the kind that its name says"
    except (ValueError, SyntaxError, LookupError, OverflowError, MemoryError, EOFError):
        return "is not a file of the kind that its name says"


def _wrong(lower: str, file: BinaryIO, size: int, largest: int) -> str:
    for ending, check in _CHECKS.items():
        if lower.endswith(ending):
            return check(file, size, largest)
    head = file.read(_HEAD)
    if lower.endswith(_TEXT):
        return _text(head, whole=size <= _HEAD, is_json=lower.endswith(".json"))
    magic = next((magic for ending, magic in _MAGIC.items() if lower.endswith(ending)), b"")
    if not head.startswith(magic):
        return "does not begin like a file of the kind that its name says"
    return _pickle("is a pickle") if _is_pickle(head, file, size) else ""


def _pickle(what: str) -> str:
    return (
        f"{what}: to load it is to run the candidate's code in the judge. Hand over data (.npy, .json, .safetensors), "
        "or name the suffix in `artifacts` if that is what you want"
    )


def _is_pickle(head: bytes, file: BinaryIO, size: int) -> bool:
    if not _PICKLE.match(head) or size < 3:
        return False
    file.seek(size - 1)
    return file.read(1) == b"."


def _text(head: bytes, *, whole: bool, is_json: bool) -> str:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        return "is not text in UTF-8"
    if "\0" in text:
        return "holds null bytes, which no text does"
    if is_json and text.lstrip("\ufeff \t\r\n")[:1] not in tuple('{["-0123456789tfnNI'):
        return "does not begin like JSON"
    return ""


def _array(file: BinaryIO, size: int, largest: int) -> str:  # noqa: ARG001 -- all checks are called alike
    """NPY: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html."""
    begin = file.read(8)
    if not begin.startswith(_NUMPY) or len(begin) < 8:
        return _pickle("is a pickle") if _PICKLE.match(begin) else "does not begin like an array of NumPy"
    length = int.from_bytes(file.read(2 if begin[6] == 1 else 4), "little")
    if length > min(size, _LONGEST_HEADER):
        return "has a header that is longer than it may be"
    header = ast.literal_eval(file.read(length).decode("utf-8" if begin[6] >= 3 else "latin-1").strip())
    return _pickle("is an array of objects, which are pickled") if _has_objects(header["descr"]) else ""


def _has_objects(described: object) -> bool:
    if isinstance(described, str):
        return described.lstrip("<>|=").startswith("O")
    if isinstance(described, list | tuple):
        return any(_has_objects(part) for field in described for part in _kinds(field))
    return True


def _kinds(field: object) -> Sequence[object]:
    """The kind in a field of a structured array, (name, kind) or (name, kind, shape), or in a nested one."""
    return field[1:2] if isinstance(field, tuple) else [field]


def _arrays(file: BinaryIO, size: int, largest: int) -> str:  # noqa: ARG001 -- all checks are called alike
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > _MOST_MEMBERS:
            return f"holds more than {_MOST_MEMBERS} arrays"
        if sum(member.file_size for member in members) > largest:
            return "unpacks to more than budget.disk"
        for member in members:
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                return "is packed as NumPy never does it"
            if not member.filename.endswith(".npy"):
                return "holds something that is no array"
            with archive.open(member) as inner:
                head = io.BytesIO(inner.read(_HEAD))
            if reason := _array(head, member.file_size, largest):
                return f"holds an array that {reason}"
    return ""


def _tensors(file: BinaryIO, size: int, largest: int) -> str:  # noqa: ARG001 -- all checks are called alike
    """Safetensors: https://github.com/huggingface/safetensors#format."""
    length = int.from_bytes(file.read(8), "little")
    if size < 10 or length > size - 8:
        return "has a header that is longer than the file"
    head = file.read(min(length, _LONGEST_HEADER))
    if not head.startswith(b"{"):
        return "does not begin like a file of safetensors"
    if length <= _LONGEST_HEADER:
        json.loads(head)
    return ""


def _table(file: BinaryIO, size: int, largest: int) -> str:  # noqa: ARG001 -- all checks are called alike
    """Parquet: https://parquet.apache.org/docs/file-format/."""
    begin = file.read(4)
    file.seek(max(0, size - 4))
    return "" if size >= 12 and begin == file.read(4) == b"PAR1" else "does not begin and end like a Parquet file"


_CHECKS: dict[str, Callable[[BinaryIO, int, int], str]] = {
    ".npy": _array,
    ".npz": _arrays,
    ".safetensors": _tensors,
    ".parquet": _table,
}
