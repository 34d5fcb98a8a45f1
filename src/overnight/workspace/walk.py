"""Reading a folder that an agent has had to itself, as if it had been laid out to harm us.

Everything goes through descriptors of folders: no path is resolved twice, no link is followed, nothing but regular
files is opened, and what vanishes or changes meanwhile is a fact, not an error. Reading is bounded in entries,
depth, bytes and seconds. What it does not know: whether a change is allowed (see `gate`).
"""

import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from overnight.model.contract import Contract
from overnight.model.experiment import Breach
from overnight.rules.paths import is_git
from overnight.rules.scope import LARGEST_FILE, droppable, editable, matches, relative
from overnight.workspace.objects import LINK, SUBMODULE, Entry, blob_hash, blob_id

MOST_NEW = 20_000
"""Files and folders that are not in the parent."""

MOST_BYTES = 100 * 1024**2
"""Bytes of changed files together."""

DEEPEST = 128
"""Folders inside folders."""

LONGEST = 120.0
"""Seconds that the reading of one folder may take."""

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Non-blocking: should a FIFO take a file's place between lstat and open, nobody waits for its other end.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_CHUNK = 65_536


class Parent(NamedTuple):
    """What the parent's tree holds: files by path, its folders (submodules too), and its `.gitignore` texts."""

    files: Mapping[str, Entry]
    folders: frozenset[str]
    gitignores: Mapping[str, str]


class Seen(NamedTuple):
    """One path that is not a folder. `mode` is git's, or the type bits of what git has no mode for.

    `id` is "" where the content cannot be the parent's; `data` is there when the file may become part of the
    candidate.
    """

    mode: int
    size: int = 0
    links: int = 1
    id: str = ""
    data: bytes | None = None


class Walk:
    """One reading. `seen` by path, `dropped` litter, `breaches` found on the way (unreadable, too much).

    `unknown` are paths about which nothing can be said, nor about what lies below; `stopped` means that a bound
    was reached and the rest was not looked at.
    """

    def __init__(self, parent: Parent, contract: Contract) -> None:
        self.parent = parent
        self.contract = contract
        self.seen: dict[str, Seen] = {}
        self.dropped: list[str] = []
        self.breaches: list[Breach] = []
        self.unknown: list[str] = []
        self.stopped = False
        folder = contract.folder + "/" if contract.folder else ""
        self._mounted = frozenset(folder + name.strip("/") for name in contract.env_dirs)
        self._new = 0
        self._bytes = 0
        self._deadline = time.monotonic() + LONGEST

    def read(self, directory: Path) -> None:
        """Look at everything below `directory`; never raises for what it finds there."""
        try:
            root = os.open(directory, _FOLDER_FLAGS)
        except FileNotFoundError:
            return
        except OSError as error:
            self._unreadable("", error)
            return
        self._folder(root, "", 0)

    def _folder(self, descriptor: int, prefix: str, depth: int) -> None:
        """Read one folder and close its descriptor."""
        inside = self.parent.files.get(prefix.rstrip("/"))
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if self.stopped:
                        return
                    if inside is not None and inside.mode == SUBMODULE:
                        # A checkout leaves it empty; whatever is in there now makes it another one.
                        self.seen[prefix.rstrip("/")] = Seen(SUBMODULE)
                        return
                    self._entry(descriptor, prefix + entry.name, entry.name, depth)
        except OSError as error:
            self._unreadable(prefix.rstrip("/"), error)
        finally:
            os.close(descriptor)

    def _entry(self, within: int, path: str, name: str, depth: int) -> None:
        if path in self._mounted:
            self.unknown.append(path)
            return
        try:
            info = os.stat(name, dir_fd=within, follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            self._unreadable(path, error)
            return
        if stat.S_ISDIR(info.st_mode):
            self._subfolder(within, path, name, depth)
        elif path in self.parent.files:
            self._look(within, path, name, info)
        elif self._drops(path, info):
            self.dropped.append(path)
        elif self._counts(path):
            self._look(within, path, name, info)

    def _subfolder(self, within: int, path: str, name: str, depth: int) -> None:
        tracked = path in self.parent.folders
        if not tracked and droppable(self.contract, self.parent.gitignores, path + "/"):
            self.dropped.append(path + "/")
            return
        if is_git(name):
            self.seen[path] = Seen(SUBMODULE)
            return
        if depth >= DEEPEST:
            self._stop(path, f"folders nested deeper than {DEEPEST}")
        if self.stopped or not (tracked or self._counts(path)):
            return
        try:
            descriptor = os.open(name, _FOLDER_FLAGS, dir_fd=within)
        except FileNotFoundError:
            return
        except OSError as error:
            self._unreadable(path, error)
            return
        self._folder(descriptor, path + "/", depth + 1)

    def _drops(self, path: str, info: os.stat_result) -> bool:
        if droppable(self.contract, self.parent.gitignores, path):
            return True
        if info.st_size or not stat.S_ISREG(info.st_mode) or editable(self.contract, path):
            return False
        # A box leaves an empty file where it mounted one.
        local = relative(self.contract.folder, path)
        return local is not None and matches((*self.contract.data, *self.contract.hide), local)

    def _counts(self, path: str) -> bool:
        """Count one new entry; False when there are too many, or the time is over."""
        self._new += 1
        if self._new > MOST_NEW:
            self._stop(path, f"more than {MOST_NEW} new files and folders")
        return not self.stopped

    def _look(self, within: int, path: str, name: str, info: os.stat_result) -> None:
        if time.monotonic() > self._deadline:
            self._stop(path, f"reading the workspace took longer than {LONGEST:.0f} s")
            return
        try:
            if stat.S_ISLNK(info.st_mode):
                target = os.readlink(os.fsencode(name), dir_fd=within)
                self.seen[path] = Seen(LINK, len(target), info.st_nlink, blob_id(target))
            elif stat.S_ISREG(info.st_mode):
                self.seen[path] = self._file(within, path, name, info)
            else:
                self.seen[path] = Seen(stat.S_IFMT(info.st_mode))
        except FileNotFoundError:
            return
        except OSError as error:
            self._unreadable(path, error)

    def _file(self, within: int, path: str, name: str, info: os.stat_result) -> Seen:
        entry = self.parent.files.get(path)
        wanted = info.st_size <= LARGEST_FILE and editable(self.contract, path)
        mode = 0o100755 if info.st_mode & 0o100 else 0o100644
        if not wanted and (entry is None or entry.size != info.st_size):
            return Seen(mode, info.st_size, info.st_nlink)
        descriptor = os.open(name, _FILE_FLAGS, dir_fd=within)
        try:
            now = os.fstat(descriptor)
            if not stat.S_ISREG(now.st_mode):
                return Seen(stat.S_IFMT(now.st_mode))
            if not wanted:
                return Seen(mode, now.st_size, now.st_nlink, self._hash(descriptor, now.st_size))
            data = _read(descriptor, LARGEST_FILE + 1)
        finally:
            os.close(descriptor)
        oid = blob_id(data)
        if entry is not None and entry.id == oid:
            return Seen(mode, len(data), now.st_nlink, oid)
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self._stop(path, f"more than {MOST_BYTES} bytes changed")
        return Seen(mode, len(data), now.st_nlink, oid, data)

    def _hash(self, descriptor: int, size: int) -> str:
        """The blob id of an open file, "" if its size changes or the time runs out meanwhile."""
        running = blob_hash(size)
        done = 0
        while chunk := os.read(descriptor, _CHUNK):
            running.update(chunk)
            done += len(chunk)
            if done > size or time.monotonic() > self._deadline:
                return ""
        return running.hexdigest() if done == size else ""

    def _unreadable(self, path: str, error: OSError) -> None:
        self.unknown.append(path)
        self.breaches.append(Breach(path=path or ".", rule="mode", detail=f"cannot be read: {error.strerror}"))

    def _stop(self, path: str, why: str) -> None:
        if not self.stopped:
            self.stopped = True
            self.breaches.append(Breach(path=path, rule="too-large", detail=why))


def _read(descriptor: int, most: int) -> bytes:
    parts = []
    left = most
    while left and (chunk := os.read(descriptor, min(left, _CHUNK))):
        parts.append(chunk)
        left -= len(chunk)
    return b"".join(parts)
