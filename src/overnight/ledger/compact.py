"""Our loose objects into packs of ours, and our packs kept few.

Loose objects that pile up would make the person's own git start a garbage collection. Order makes every step safe
to be killed after: a pack is whole and synced before its index is visible, and what it replaces goes last. A pack
of ours has its name in `overnight/.packs`, written before the pack; no other pack is ever touched.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from overnight.ledger import packfile
from overnight.ledger.disk import exclusive, make_folders, sync_folder
from overnight.ledger.objects import Objects
from overnight.ledger.place import Place
from overnight.ledger.reach import Reach

_GROUP = 256 * 1024**2
_FULL = 512 * 1024**2


class _Step(NamedTuple):
    """One entry's loose objects, its own commit last; `size` is what they take on the disk, in bytes."""

    loose: tuple[str, ...]
    size: int


class Compaction:
    """Packs what one study brought into the repository at `place`, whose store is `objects`."""

    def __init__(self, place: Place, objects: Objects) -> None:
        self._place = place
        self._objects = objects
        self._folder = place.objects / "pack"
        self._spare = packfile.Spare(self._folder / "tmp_pack_overnight", self._folder / "tmp_idx_overnight")

    def run(self, tip: str) -> bool:
        """Pack the loose objects of the history that ends at entry `tip`, then merge packs of ours.

        All of that history is on the disk when this returns True; False: another process is at it.

        Raises:
            OSError: the disk failed; nothing is lost.
        """
        make_folders(self._folder)
        make_folders(self._place.packs)
        with exclusive(self._place.packs / "lock", wait=False) as had:
            if not had:
                return False
            self._clear_remains()
            group: list[_Step] = []
            size = 0
            for step in self._steps(tip):
                group.append(step)
                size += step.size
                if size > _GROUP:
                    self._move(group)
                    group, size = [], 0
            self._move(group)
            self._merge()
            return True

    def _steps(self, tip: str) -> list[_Step]:
        """Oldest first, no object twice."""
        seen: set[str] = set()
        found = []
        for objects in Reach(self._objects).steps(tip):
            sizes = {oid: self._objects.loose_bytes(oid) for oid in dict.fromkeys(objects) if oid not in seen}
            loose = tuple(oid for oid, size in sizes.items() if size >= 0)
            seen.update(objects)
            found.append(_Step(loose, sum(sizes[oid] for oid in loose)))
        return found[::-1]

    def _move(self, group: Sequence[_Step]) -> None:
        """Loose objects into a pack, then away, an entry's own commit last: it is what finds the others again."""
        loose = [oid for step in group for oid in step.loose]
        if not loose:
            return
        self._write(self._pack_loose(loose))
        for oid in loose:
            self._objects.remove(oid)

    def _pack_loose(self, oids: Sequence[str]) -> Iterator[packfile.Packed]:
        reader = self._objects.reader()
        for oid in oids:
            kind, content = reader.object(oid)
            yield packfile.packed(bytes.fromhex(oid), kind, content)

    def _write(self, objects: Iterator[packfile.Packed]) -> str:
        name = packfile.write_pack(objects, self._spare)
        (self._place.packs / name).touch()
        sync_folder(self._place.packs)
        packfile.publish(self._spare, self._folder, name)
        return name

    def _clear_remains(self) -> None:
        """Remove what a killed compaction left: spare files, packs without index, names without pack."""
        self._spare.remove()
        for marker in self._markers():
            pack = self._folder / f"{marker.name}.pack"
            if not pack.with_suffix(".idx").exists():
                pack.unlink(missing_ok=True)
                marker.unlink(missing_ok=True)

    def _markers(self) -> list[Path]:
        return sorted(self._place.packs.glob("pack-*"))

    def _merge(self) -> None:
        """Merge the smallest packs until each is at least twice the size of all smaller ones together."""
        packs = sorted((packfile.count(pack.with_suffix(".idx")), pack) for pack in self._ours())
        old = [pack for _, pack in packs[: _smallest([size for size, _ in packs])]]
        while sum(pack.stat().st_size for pack in old) > 2 * _FULL:
            old.pop()
        if len(old) < 2:
            return
        try:
            name = self._write(one for pack in old for one in packfile.copy(pack))
        except packfile.ForeignPackError:
            for pack in old:
                self._disown_if_foreign(pack)
            return
        for pack in old:
            if pack.stem != name:
                self._remove(pack)

    def _disown_if_foreign(self, pack: Path) -> None:
        try:
            for _ in packfile.copy(pack):
                pass
        except packfile.ForeignPackError:
            (self._place.packs / pack.stem).unlink(missing_ok=True)

    def _remove(self, pack: Path) -> None:
        for suffix in (".idx", ".pack", ".rev"):
            pack.with_suffix(suffix).unlink(missing_ok=True)
        sync_folder(self._folder)
        (self._place.packs / pack.stem).unlink(missing_ok=True)

    def _ours(self) -> list[Path]:
        """Packs that may be merged: ours, not full, not kept, and in nobody's index over many packs."""
        indexed = b"".join(path.read_bytes() for path in self._folder.glob("multi-pack-index*") if path.is_file())
        indexed += b"".join(path.read_bytes() for path in self._folder.glob("multi-pack-index.d/*") if path.is_file())
        found = []
        for marker in self._markers():
            pack = self._folder / f"{marker.name}.pack"
            with suppress(FileNotFoundError):
                kept = pack.with_suffix(".keep").exists() or os.fsencode(f"{marker.name}.idx") in indexed
                if pack.stat().st_size < _FULL and not kept and pack.with_suffix(".idx").exists():
                    found.append(pack)
        return found


def _smallest(sizes: Sequence[int]) -> int:
    """How many of the ascending `sizes` to merge so that every remaining one is at least twice the sum below it."""
    total = 0
    chosen = 0
    for at, size in enumerate(sizes):
        if size < 2 * total:
            chosen = at + 1
        total += size
    return chosen
