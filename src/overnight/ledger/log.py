"""What a power cut could take from a history, kept a second time in one file that is synced as a whole.

Objects and the ref are written without a sync: the kernel keeps them when a process is killed, and only the end of the
whole machine can lose them. A durable append therefore puts everything since the last durable point (entries, and the
objects that their candidates brought) into one record of this file and syncs that: one sync instead of one for every
file and folder. Once a pack holds all of it, the log begins anew. Who finds a log of an earlier boot of the machine
compares the repository with it: see `recovery`.

A record is a length, the SHA-1 of its body, and the body: a line of JSON and the loose files of its objects. It counts
once length and SHA-1 are there; whatever follows the last whole record is the rest of an append that did not finish.
"""

import hashlib
import os
import shlex
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from overnight.errors import LedgerError
from overnight.ledger.disk import boot, read_file, sync_data, sync_folder, write_new

_FRAME = struct.Struct(">I20s")


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a record's body; `objects` are ids and lengths of what follows it, in order."""

    head: str
    boot: str
    at: float
    objects: tuple[tuple[str, int], ...] = ()


class Tail(NamedTuple):
    """What the log says last: `head` is the last durable entry ("" = there is no log), written in boot `boot`."""

    head: str
    boot: str


class _Seen(NamedTuple):
    stamp: tuple[int, int, int]
    end: int
    tail: Tail


_DECODE = msgspec.json.Decoder(_Line).decode
_NOTHING = _Seen((0, 0, 0), 0, Tail("", ""))


class Log:
    """The log of `study` at `path`; whoever writes holds the study's append lock."""

    def __init__(self, path: Path, study: str) -> None:
        self._path = path
        self._text = str(path)
        self._magic = f"overnight log 1 {study}\n".encode()
        self._seen = _NOTHING

    def tail(self) -> Tail:
        """The last whole record; the file is read only if it has changed since this object saw it.

        Raises:
            LedgerError: the file is the log of another study or of a newer overnight.
        """
        try:
            stamp = _stamp(os.stat(self._text))  # noqa: PTH116 - every append asks
        except FileNotFoundError:
            self._seen = _NOTHING
        else:
            if stamp != self._seen.stamp:
                self._look(stamp)
        return self._seen.tail

    def _look(self, stamp: tuple[int, int, int]) -> None:
        end, tail = 0, _NOTHING.tail
        for line, _, at in self._records():
            end, tail = at, Tail(line.head, line.boot)
        self._seen = _Seen(stamp, end, tail)

    def _records(self) -> Iterator[tuple[_Line, memoryview, int]]:
        """(line, bytes of its objects, where the record ends) of every whole record."""
        content = read_file(self._text)
        if not content.startswith(self._magic):
            self._require_torn(content)
            return
        whole = memoryview(content)
        at = len(self._magic)
        while len(content) - at >= _FRAME.size:
            length, checksum = _FRAME.unpack_from(content, at)
            body = whole[at + _FRAME.size : at + _FRAME.size + length]
            if len(body) != length or hashlib.sha1(body, usedforsecurity=False).digest() != checksum:
                return
            at += _FRAME.size + length
            first, _, _ = bytes(body).partition(b"\n")
            yield _DECODE(first), body[len(first) + 1 :], at

    def _require_torn(self, content: bytes) -> None:
        if content.strip(b"\0") and not self._magic.startswith(content):
            raise LedgerError(
                f"{self._path} is not a log that this overnight can read (it begins with {content[:40]!r}): it was "
                "copied from another study or written by a newer overnight. Put the right file or version back; or "
                f"remove it with `rm -f {shlex.quote(self._text)}`: it is needed only after a power cut"
            )

    def objects(self) -> dict[str, bytes]:
        """The loose files, by id, of everything that was appended since the log began."""
        found = {}
        for line, data, _ in self._records():
            at = 0
            for oid, length in line.objects:
                found[oid] = bytes(data[at : at + length])
                at += length
        return found

    def heads(self) -> set[str]:
        """The durable entries since the log began, the one that it began with among them."""
        return {line.head for line, _, _ in self._records()} - {""}

    def begun(self) -> float:
        """When the log began, in seconds since 1970; 0 without a log."""
        return next((line.at for line, _, _ in self._records()), 0.0)

    def begin(self, head: str) -> None:
        """Replace the log by one without objects: everything up to entry `head` is durable without it.

        Raises:
            OSError: the disk failed; the old log is as it was.
        """
        spare = self._path.with_name("log.new")
        spare.unlink(missing_ok=True)
        body = _body(head, {})
        write_new(spare, self._magic + _frame(body) + body)
        spare.replace(self._path)
        sync_folder(self._path.parent)
        self._seen = _NOTHING

    @contextmanager
    def record(self, head: str, objects: Mapping[str, bytes]) -> Iterator[None]:
        """Append a record around the body that makes `head` the head; durable when the block is left.

        The room on the disk is taken before the body, so that a full disk is noticed while nothing has happened, and
        the record counts only after it: an exception or a kill in between leaves none.

        Raises:
            OSError: the disk failed.
        """
        self.tail()
        if not self._seen.end:
            self.begin("")
            self.tail()
        end = self._seen.end
        body = _body(head, objects)
        descriptor = os.open(self._text, os.O_WRONLY | os.O_CLOEXEC)
        try:
            if self._seen.stamp[1] > end:
                os.ftruncate(descriptor, end)
            _write_at(descriptor, body, end + _FRAME.size)
            yield
            os.pwrite(descriptor, _frame(body), end)
            sync_data(descriptor)
            stamp = _stamp(os.fstat(descriptor))
        finally:
            os.close(descriptor)
        self._seen = _Seen(stamp, end + _FRAME.size + len(body), Tail(head, boot()))


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _body(head: str, objects: Mapping[str, bytes]) -> bytes:
    sizes = tuple((oid, len(data)) for oid, data in objects.items())
    line = msgspec.json.encode(_Line(head=head, boot=boot(), at=time.time(), objects=sizes))
    return b"".join((line, b"\n", *objects.values()))


def _frame(body: bytes) -> bytes:
    return _FRAME.pack(len(body), hashlib.sha1(body, usedforsecurity=False).digest())


def _write_at(descriptor: int, data: bytes, at: int) -> None:
    left = memoryview(data)
    while left:
        done = os.pwrite(descriptor, left, at)
        left, at = left[done:], at + done
