"""Writes a long history quickly: entries and candidates in one git pack, as the packing of a long night leaves them."""

import hashlib

from overnight.ledger import Journal, entry, packfile
from overnight.ledger.log import Log
from overnight.ledger.place import locate
from overnight.ledger.refs import Ref

COMMIT, TREE, BLOB = 1, 2, 3
_NAMES = {COMMIT: "commit", TREE: "tree", BLOB: "blob"}


def append_packed(git_dir, study, steps):
    """Append an entry for each of `steps`, (events, candidate or "", packed objects of the candidate)."""
    place = locate(git_dir, study)
    before = Journal(git_dir, study).head()
    tip, objects = before, []
    for events, candidate, parts in steps:
        objects += parts
        tip, packed = packed_object(COMMIT, entry.compose(events, tip, candidate))
        objects.append(packed)
    folder = git_dir / "objects" / "pack"
    folder.mkdir(exist_ok=True)
    spare = packfile.Spare(folder / "tmp_pack_history", folder / "tmp_idx_history")
    name = packfile.write_pack(objects, spare)
    place.packs.mkdir(parents=True, exist_ok=True)
    (place.packs / name).touch()
    packfile.publish(spare, folder, name)
    Ref(place.common, place.ref, place.folder / "ref.new").swap(before, tip)
    Log(place.folder / "log", study).begin(tip)


def packed_object(kind, content):
    """(id, pack entry) of a git object."""
    oid = hashlib.sha1(f"{_NAMES[kind]} {len(content)}\0".encode() + content).digest()
    return oid.hex(), packfile.packed(oid, kind, content)
