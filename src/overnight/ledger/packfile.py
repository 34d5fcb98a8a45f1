"""Git packs without deltas: written whole, merged by copying bytes, index version 2.

Format: https://git-scm.com/docs/gitformat-pack. Packs from elsewhere (with deltas) are refused, never misread.
"""

import hashlib
import itertools
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from overnight.ledger.disk import sync_folder

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_HEADER = struct.Struct(">4sII")
_LARGEST = 2**31
_FAN = 8
_NAMES = _FAN + 256 * 4


class Packed(NamedTuple):
    """One object as it stands in a pack: `id` in 20 bytes, `data` its header and compressed bytes."""

    id: bytes
    data: bytes


class ForeignPackError(Exception):
    """The pack is not one that this module wrote, or it is damaged."""


def packed(oid: bytes, kind: int, content: bytes) -> Packed:
    """Object `oid` of git's numeric `kind` as a pack entry."""
    size = len(content)
    first = kind << 4 | size & 15
    size >>= 4
    header = bytearray()
    while size:
        header.append(first | 128)
        first = size & 127
        size >>= 7
    header.append(first)
    return Packed(oid, bytes(header) + zlib.compress(content, 6))


class Spare(NamedTuple):
    """Where a pack is written before git may see it. git loads whatever ends in `.idx`: these names must not."""

    pack: Path
    idx: Path

    def remove(self) -> None:
        """Remove what is there."""
        self.pack.unlink(missing_ok=True)
        self.idx.unlink(missing_ok=True)


def write_pack(objects: Iterable[Packed], spare: Spare) -> str:
    """Write pack and index to `spare`, synced, and return the name that they should get.

    Objects that come twice are written once. git does not see the pack yet: see `publish`.

    Raises:
        OSError: not written; also when the pack would exceed 2 GiB.
    """
    rows: dict[bytes, tuple[int, int]] = {}
    with spare.pack.open("w+b") as file:
        file.write(_HEADER.pack(b"PACK", 2, 0))
        for one in objects:
            if one.id not in rows:
                rows[one.id] = (file.tell(), zlib.crc32(one.data))
                file.write(one.data)
        if file.tell() >= _LARGEST:
            raise OSError(f"a pack of {file.tell()} bytes is more than overnight writes")
        file.seek(0)
        file.write(_HEADER.pack(b"PACK", 2, len(rows)))
        file.seek(0)
        checksum = hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).digest()
        file.write(checksum)
        file.flush()
        os.fsync(file.fileno())
    with spare.idx.open("wb") as file:
        file.write(_index(rows, checksum))
        file.flush()
        os.fsync(file.fileno())
    for path in spare:
        path.chmod(0o444)
    return f"pack-{checksum.hex()}"


def publish(spare: Spare, folder: Path, name: str) -> None:
    """Give what `write_pack` wrote its place in `folder`; git sees the pack when its index arrives, last."""
    for path, suffix in ((spare.pack, ".pack"), (spare.idx, ".idx")):
        path.replace(folder / f"{name}{suffix}")
        sync_folder(folder)


def _index(rows: dict[bytes, tuple[int, int]], checksum: bytes) -> bytes:
    names = sorted(rows)
    fan = [0] * 256
    for name in names:
        fan[name[0]] += 1
    for at in range(1, 256):
        fan[at] += fan[at - 1]
    body = b"\xfftOc" + struct.pack(">I", 2) + struct.pack(">256I", *fan) + b"".join(names)
    body += struct.pack(f">{len(names)}I", *(rows[name][1] for name in names))
    body += struct.pack(f">{len(names)}I", *(rows[name][0] for name in names)) + checksum
    return body + hashlib.sha1(body, usedforsecurity=False).digest()


def count(index: Path) -> int:
    """How many objects a pack holds, from its index."""
    with index.open("rb") as file:
        file.seek(_NAMES - 4)
        return int.from_bytes(file.read(4), "big")


def copy(pack: Path) -> Iterator[Packed]:
    """Every object of a pack of ours, verified, in the order of its ids.

    Raises:
        ForeignPackError: damaged, or not written by `write_pack`.
    """
    index = pack.with_suffix(".idx").read_bytes()
    size = int.from_bytes(index[_NAMES - 4 : _NAMES], "big")
    if index[:_FAN] != b"\xfftOc\0\0\0\2" or len(index) != _NAMES + size * 28 + 40:
        raise ForeignPackError(f"{pack.name} has an index of an unknown form")
    names = [index[_NAMES + at * 20 : _NAMES + at * 20 + 20] for at in range(size)]
    sums = struct.unpack_from(f">{size}I", index, _NAMES + size * 20)
    offsets = struct.unpack_from(f">{size}I", index, _NAMES + size * 24)
    ends = [*sorted(offsets), pack.stat().st_size - 20]
    following = dict(itertools.pairwise(ends))
    with pack.open("rb") as file:
        for name, crc, offset in zip(names, sums, offsets, strict=True):
            file.seek(offset)
            data = file.read(following[offset] - offset)
            if zlib.crc32(data) != crc or data[0] >> 4 & 7 not in _KINDS:
                raise ForeignPackError(f"{pack.name} is damaged or holds deltas")
            yield Packed(name, data)
