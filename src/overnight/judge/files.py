"""What is on the person's disk below the places that globs name, seen without following links."""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from overnight.rules.globs import literal_prefix
from overnight.rules.scope import matches

Kind = Literal["file", "folder", "link", "other"]

_WILD = re.compile(r"([*?\[\\])")


class Place(NamedTuple):
    """One glob of the person: as `written`, the absolute `anchor` (its part without wildcards) and the whole as
    an absolute glob.
    """

    written: str
    anchor: str
    glob: str


class Fingerprint(NamedTuple):
    """What changes when a file's bytes change: size in bytes, times in nanoseconds, the inode."""

    size: int
    mtime: int
    ctime: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Fingerprint":
        """The fingerprint in a file's status."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class Found(NamedTuple):
    """One directory entry. `source` is what to read: the target of a link that stays inside, else the place."""

    place: str
    source: str
    kind: Kind
    fingerprint: Fingerprint


def place(written: str, folder: Path, home: Path) -> Place:
    """Where a glob of program.md points: relative to `folder`, below `home` after `~/`, or absolute."""
    body = written.removeprefix("!")
    base = str(folder)
    if body.startswith("~/"):
        base, body = str(home), body[2:]
    elif body.startswith("/"):
        base, body = "/", body[1:]
    fixed = literal_prefix(body)
    anchor = os.path.normpath(os.path.join(base, fixed))  # noqa: PTH118 -- text on both sides
    rest = body.removeprefix("./")[len(fixed) :].lstrip("/")
    if rest or body.endswith("/"):
        rest = "/" + rest
    sign = "!" if written.startswith("!") else ""
    return Place(written, anchor, sign + _WILD.sub(r"\\\1", anchor) + rest)


def matched(places: Sequence[Place], path: str) -> bool:
    """Whether the absolute `path` is matched by the globs; the last match wins."""
    return matches([place.glob for place in places], path.lstrip("/"))


def listing(places: Iterable[Place]) -> dict[str, list[Found]]:
    """Every folder that the globs can reach, with all of its entries: the walk stays below the anchors, follows
    no link except an anchor itself, and leaves `.git` out. Single files are listed under "".

    Raises:
        OSError: a folder cannot be read.
    """
    folders: dict[str, dict[str, Found]] = {}
    for item in places:
        if item.glob.startswith("!"):
            continue
        try:
            real = os.path.realpath(item.anchor, strict=True)
            status = os.stat(real)  # noqa: PTH116 -- text in, text out: a hundred thousand files
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(status.st_mode):
            for path, found in _walk(item, real):
                folders.setdefault(path, {}).update({entry.place: entry for entry in found})
        else:
            found_file = Found(item.anchor, real, _kind(status), Fingerprint.of(status))
            folders.setdefault("", {})[item.anchor] = found_file
    return {path: list(entries.values()) for path, entries in folders.items()}


def _walk(item: Place, real: str) -> Iterator[tuple[str, list[Found]]]:
    pending = [(item.anchor, real)]
    while pending:
        folder, source = pending.pop()
        with os.scandir(source) as entries:
            found = [_found(folder, entry, real) for entry in sorted(entries, key=lambda entry: entry.name)]
        yield folder, found
        pending += [
            (entry.place, entry.source) for entry in found if entry.kind == "folder" and _reaches(item, entry.place)
        ]


def _found(folder: str, entry: os.DirEntry[str], anchor: str) -> Found:
    path = f"{folder.rstrip('/')}/{entry.name}"
    status = entry.stat(follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        return Found(path, entry.path, _kind(status), Fingerprint.of(status))
    real = os.path.realpath(entry.path)
    if real.startswith(anchor.rstrip("/") + "/") and os.path.isfile(real):  # noqa: PTH113 -- text
        return Found(path, real, "file", Fingerprint.of(os.stat(real)))  # noqa: PTH116 -- text
    return Found(path, entry.path, "link", Fingerprint.of(status))


def _kind(status: os.stat_result) -> Kind:
    if stat.S_ISREG(status.st_mode):
        return "file"
    return "folder" if stat.S_ISDIR(status.st_mode) else "other"


def _reaches(item: Place, folder: str) -> bool:
    """Whether something below `folder` can match."""
    if folder.endswith("/.git"):
        return False
    path, glob = folder.lstrip("/"), item.glob.strip("/")
    parts = glob.split("/")
    if "**" in parts or matches([glob], path):
        return True
    depth = path.count("/") + 1
    return depth < len(parts) and matches(["/".join(parts[:depth])], path)
