"""What a second run elsewhere needs beside the base commit, looked up on the person's disk."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from overnight.errors import OvernightError
from overnight.judge.files import Place, listing, matched, place
from overnight.model.contract import Contract
from overnight.model.state import State
from overnight.program import parse
from overnight.wiring.contract import read_contract
from overnight.wiring.site import Site

SOURCES = ("train.py", "prepare.py", "pyproject.toml", "uv.lock")
"""What a program.md of prose is read together with."""
_SINGLE_FILES = 20


@dataclass(frozen=True, slots=True)
class Missing:
    """Absolute paths below the root that git does not hold (`copies`, `links`), those outside (`elsewhere`), and the
    globs that match nothing (`lost`) or too many files to name (`many`). `program` is "disk", "base", or "" when
    neither has the segment's contract.
    """

    program: str
    copies: tuple[str, ...]
    links: tuple[str, ...]
    elsewhere: tuple[str, ...]
    lost: tuple[str, ...]
    many: tuple[str, ...]


def missing(site: Site, state: State, home: Path) -> Missing:
    """What a worktree of the segment's base commit lacks; `home` is the person's home folder."""
    contract = state.contract
    if contract is None:
        return Missing("", (), (), (), (), ())
    root, tree = site.repository.root, site.repository.tree_of(state.base)
    folder = root / contract.folder
    tracked = {str(root / path) for path in site.repository.files(tree)}
    sealed = _sealed(contract, folder, root, home, tracked)
    links = [str(folder / name) for name in contract.env_dirs if (folder / name).is_dir()]
    return Missing(program=_program(site, tree, contract), links=tuple(links), **sealed)


def _sealed(contract: Contract, folder: Path, root: Path, home: Path, tracked: set[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {"copies": {}, "elsewhere": {}, "lost": {}, "many": {}}
    for globs in (contract.data, contract.hide):
        places = [place(written, folder, home) for written in globs]
        for item in places:
            if item.written.startswith("!"):
                continue
            files = _files(item, places)
            if not files:
                found["lost"][item.written] = None
            elif not Path(item.anchor).is_relative_to(root):
                found["elsewhere"][item.anchor] = None
            elif new := [path for path in files if path not in tracked]:
                named = _whole(item, new, folder, tracked)
                few = len(named) <= _SINGLE_FILES
                found["copies" if few else "many"].update(dict.fromkeys(named if few else [item.written]))
    return {name: tuple(values) for name, values in found.items()}


def _files(item: Place, places: Sequence[Place]) -> list[str]:
    try:
        folders = listing([item])
    except OSError:  # what cannot be read any more is as good as gone
        return []
    found = (entry for entries in folders.values() for entry in entries if entry.kind != "folder")
    return sorted(entry.place for entry in found if matched(places, entry.place))


def _whole(item: Place, files: list[str], folder: Path, tracked: set[str]) -> list[str]:
    """The glob's own folder where git holds nothing of it, else file by file."""
    anchor = Path(item.anchor)
    if anchor.is_dir() and not folder.is_relative_to(anchor):
        below = f"{item.anchor}{os.sep}"
        if not any(path.startswith(below) for path in tracked):
            return [item.anchor]
    return files


def _program(site: Site, tree: str, contract: Contract) -> str:
    """Where a program.md lies that says what the segment's contract says: "base", "disk" or ""."""
    path = f"{contract.folder}/{contract.program}" if contract.folder else contract.program
    held = site.repository.read(tree, path)
    on_disk = site.repository.root / path
    if _says(lambda: read_contract(replace(site, program=on_disk))[0], contract):
        return "base" if on_disk.read_bytes() == held else "disk"
    if held is not None and _says(lambda: _parsed(held, contract, site, tree), contract):
        return "base"
    return ""


def _says(read: Callable[[], Contract], contract: Contract) -> bool:
    """Whether what `read` returns enforces the same; environments that are found by looking are left out."""
    try:
        found = read()
    except OvernightError:  # a program.md that is gone, or is no contract, is not the one
        return False
    if "env_dirs" not in found.written:
        found = structs.replace(found, env_dirs=contract.env_dirs)
    return found.identity() == contract.identity()


def _parsed(held: bytes, contract: Contract, site: Site, tree: str) -> Contract:
    folder = f"{contract.folder}/" if contract.folder else ""
    blobs = {name: site.repository.read(tree, folder + name) for name in SOURCES}
    sources = {name: blob.decode("utf-8", errors="replace") for name, blob in blobs.items() if blob is not None}
    text = held.decode("utf-8", errors="replace")
    return parse(text, file=contract.program, folder=contract.folder, program=contract.program, sources=sources)
