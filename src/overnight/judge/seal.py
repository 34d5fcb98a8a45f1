"""The seal on what the judge uses but git does not hold: `data` for everybody, `hide` for the judge alone, and the
installed environments.

Knows the bytes of every sealed file by digest. Does not know the tracked files: the base tree's id seals those.
"""

import copy
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from overnight.errors import UsageError
from overnight.judge.environments import EnvironmentSeal
from overnight.judge.files import Fingerprint, Found, Place, listing, matched, place
from overnight.judge.tail import quote
from overnight.model.box import Mount
from overnight.model.contract import Contract
from overnight.model.experiment import Failure
from overnight.model.value import Words, digest
from overnight.rules.scope import editable

_ALWAYS_HASHED = 64 * 1024**2
"""Bytes; a hidden file below this size is hashed at every look, whatever its times say."""


class Seal:
    """The manifest of one segment's `data` and `hide` files and environments, made once and checked around every run.

    Not safe to share between threads while `verify` runs.
    """

    def __init__(self, contract: Contract, root: Path, home: Path) -> None:
        self._contract = contract
        self._root = str(root)
        folder = root / contract.folder
        self._guarded = {"", str(folder), str(root), str(home), *map(str, folder.parents), *map(str, home.parents)}
        self._data = [place(written, folder, home) for written in contract.data]
        self._hide = [place(written, folder, home) for written in contract.hide]
        self._files: dict[str, tuple[Fingerprint, str]] = {}
        self._mounts: dict[bool, tuple[Mount, ...]] = {}
        self._environments = EnvironmentSeal(folder, ())

    @classmethod
    def of(cls, contract: Contract, root: Path, home: Path) -> "Seal":
        """The seal on the disk as it is now: reads every sealed file once, whole.

        `root` is the repository's working folder; globs are relative to program.md's folder in it, or begin with
        `~/` (below `home`) or `/`. Links inside are sealed by their target's name, and followed only where they
        stay below the glob's fixed part. Files that the candidate may edit are not data.

        Raises:
            UsageError: a glob matches nothing, or a file or folder cannot be read.
        """
        seal = cls(contract, root, home)
        try:
            folders = seal._folders()
            for found in _sealed(folders):
                seal._files[found.place] = (found.fingerprint, _digest(found))
        except OSError as error:
            raise UsageError(
                f"{contract.program}: {error.filename} is data or hidden, and cannot be read ({error.strerror}). "
                f"Make it readable, or take it out of `data` and `hide`."
            ) from error
        seal._environments = EnvironmentSeal(root / contract.folder, contract.env_dirs)
        seal._refuse_empty()
        seal._mounts = {hidden: seal._mounted(folders, hidden=hidden) for hidden in (False, True)}
        return seal

    def words(self) -> Words:
        """One (`data GLOB` or `hide GLOB`, SHA-256 over its files' names and digests) for each glob as written, and
        one (`env NAME`, digest) for each installed environment.
        """
        words = []
        for kind, places in (("data", self._data), ("hide", self._hide)):
            for item in places:
                if not item.written.startswith("!"):
                    files = [(path.removeprefix(item.anchor), self._files[path][1]) for path in self._below(item)]
                    words.append((f"{kind} {item.written}", digest(files)))
        return (*words, *self._environments.words())

    def verify(self, *, everything: bool = False) -> Failure | None:
        """Whether every sealed file still has its bytes and none came or went; the failure names the first.

        A file is read again when its size, times or inode differ; hidden files under 64 MB are read always, and with
        `everything` all are.
        """
        environment = self._environments.changed(everything=everything)
        if environment:
            return _broken(environment, "has other files")
        if not self._data and not self._hide:
            return None
        try:
            now = {found.place: found for found in _sealed(self._folders())}
            for path in sorted(self._files.keys() | now.keys()):
                what = self._difference(path, now.get(path), everything=everything)
                if what:
                    return _broken(self._name(path), what)
        except OSError as error:
            return _broken(self._name(str(error.filename)), f"cannot be read any more ({error.strerror})")
        return None

    def mounts(self, *, hidden: bool) -> tuple[Mount, ...]:
        """The sealed files read-only, each at its own absolute path; `hidden` adds what only the judge may see.

        A folder is mounted whole only where all in it is sealed and shown; otherwise file by file.
        """
        return self._mounts[hidden]

    def showing(self, instead: Mapping[str, str]) -> "Seal":
        """The same seal whose boxes are shown the file `instead[place]` at `place`, the path of a sealed file."""
        other = copy.copy(self)
        other._mounts = {  # noqa: SLF001 - of a copy of this very object
            hidden: (
                *mounts,
                *(
                    Mount(target=place, source=source)
                    for place, source in sorted(instead.items())
                    if hidden or not self._is_hidden(place)
                ),
            )
            for hidden, mounts in self._mounts.items()
        }
        return other

    def _folders(self) -> dict[str, list[Found]]:
        """Every folder in reach; what is neither data nor hidden is marked "other"."""
        folders = listing([*self._data, *self._hide])
        return {folder: [self._marked(entry) for entry in entries] for folder, entries in folders.items()}

    def _marked(self, entry: Found) -> Found:
        return entry if entry.kind == "folder" or self._is_sealed(entry.place) else entry._replace(kind="other")

    def _is_sealed(self, path: str) -> bool:
        return self._is_hidden(path) or (matched(self._data, path) and not self._is_editable(path))

    def _is_hidden(self, path: str) -> bool:
        return matched(self._hide, path)

    def _is_editable(self, path: str) -> bool:
        inside = path.startswith(self._root + "/")
        return inside and editable(self._contract, path[len(self._root) + 1 :])

    def _difference(self, path: str, now: Found | None, *, everything: bool) -> str:
        if now is None:
            return "is gone"
        if path not in self._files:
            return "is new"
        fingerprint, sealed = self._files[path]
        always = everything or (now.fingerprint.size < _ALWAYS_HASHED and self._is_hidden(path))
        if now.fingerprint == fingerprint and not always:
            return ""
        if _digest(now) != sealed:
            return "has other bytes"
        self._files[path] = (now.fingerprint, sealed)
        return ""

    def _below(self, item: Place) -> list[str]:
        return [path for path in sorted(self._files) if matched([item], path)]

    def _name(self, path: str) -> str:
        return path.removeprefix(self._root + "/")

    def _refuse_empty(self) -> None:
        for kind, places in (("data", self._data), ("hide", self._hide)):
            for item in places:
                if not item.written.startswith("!") and not self._below(item):
                    raise UsageError(
                        f"{self._contract.program}: {kind}: {quote(item.written)} matches no file. Paths are relative "
                        f"to the folder of {self._contract.program}; correct the glob, or fetch the files first."
                    )

    def _mounted(self, folders: dict[str, list[Found]], *, hidden: bool) -> tuple[Mount, ...]:
        """The fewest mounts that show what is sealed, and nothing else."""
        whole: dict[str, bool] = {}
        for folder in sorted(folders, key=len, reverse=True):
            shown = all(
                whole.get(entry.place, False) if entry.kind == "folder"
                else entry.kind != "other" and (hidden or not self._is_hidden(entry.place))
                for entry in folders[folder]
            )  # fmt: skip
            whole[folder] = shown and folder not in self._guarded
        mounts = {}
        for folder, entries in folders.items():
            if whole[folder]:
                if not whole.get(os.path.dirname(folder), False):  # noqa: PTH120 -- text
                    mounts[folder] = os.path.realpath(folder)
                continue
            for entry in entries:
                covered = whole.get(os.path.dirname(entry.place), False)  # noqa: PTH120 -- text
                if entry.kind == "file" and not covered and (hidden or not self._is_hidden(entry.place)):
                    mounts[entry.place] = entry.source
        return tuple(Mount(target=target, source=source) for target, source in sorted(mounts.items()))


def _sealed(folders: dict[str, list[Found]]) -> Iterable[Found]:
    seen = {entry.place: entry for entries in folders.values() for entry in entries if entry.kind in ("file", "link")}
    return seen.values()


def _digest(found: Found) -> str:
    """SHA-256 of the bytes, or of a link's target.

    Raises:
        OSError: the file cannot be read, or kept changing while it was read.
    """
    if found.kind == "link":
        return hashlib.sha256(b"link\0" + os.fsencode(os.readlink(found.source))).hexdigest()  # noqa: PTH115 -- text
    with open(found.source, "rb", opener=_regular) as file:
        result = hashlib.file_digest(file, "sha256").hexdigest()
        if Fingerprint.of(os.fstat(file.fileno())) != found.fingerprint:
            raise OSError(0, "it changed while it was read", found.source)
    return result


def _regular(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _broken(name: str, what: str) -> Failure:
    return Failure(
        code="sealed",
        detail=f"{name} {what}: it was sealed when this segment began. Put it back, or start a new segment.",
    )
