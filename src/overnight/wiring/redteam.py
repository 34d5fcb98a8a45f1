"""Puts a judge up to be attacked: tonight's contract, box and seals, and nothing of the ledger but notes."""

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import msgspec
import psutil

from overnight.engine.laboratory import remove
from overnight.engine.recorder import Recorder
from overnight.engine.redteam import HURRIED_WALL, Entry, Target
from overnight.judge import CommandJudge
from overnight.judge.files import listing, matched, place
from overnight.ledger import StudyLock
from overnight.model.box import Coverage
from overnight.model.event import Measured
from overnight.model.experiment import Measurement
from overnight.program.entry import entries
from overnight.rules.redteam.answers import HEAD_BYTES, Secret, head_of
from overnight.rules.redteam.shuffle import shuffled
from overnight.rules.scope import matches
from overnight.wiring.contract import Loaded, load
from overnight.wiring.crafted import empty_tree, planted
from overnight.wiring.facts import sources_of
from overnight.wiring.night import identity_of
from overnight.wiring.options import Options
from overnight.wiring.remembered import remember
from overnight.wiring.rooms import Rooms, box_for, build_rooms
from overnight.wiring.site import Site, scratch_folder
from overnight.wiring.tracked import Tracked

_GRACE = 1.0
_MOST_SECRETS = 10
_MOST_HEADS = 10_000
_MOST_SOURCES = 500


@dataclass(frozen=True, slots=True)
class Attackable:
    """A judge ready to be attacked; `finish` puts the sum of it on record, in the ledger or in the study's folder."""

    target: Target
    coverage: Coverage
    notices: tuple[str, ...]
    finish: Callable[[str], None]


@contextmanager
def open_target(site: Site, options: Options) -> Iterator[Attackable]:
    """Hold the study's lock and put the judge of tonight's contract together.

    Raises:
        UsageError: whatever would stop `run` too; or the study is running.
    """
    loaded = load(site, options)
    sandbox, _ = box_for(loaded.contract, options)
    tracked = Tracked(sandbox)
    site.folder.mkdir(parents=True, exist_ok=True)
    scratch = scratch_folder(site, options.environment)
    with StudyLock(site.folder / "lock"):
        remove(scratch)
        scratch.mkdir(parents=True, mode=0o700)
        try:
            rooms = build_rooms(site, options, loaded.contract, tracked, scratch)
            yield _attackable(rooms, loaded)
        finally:
            tracked.kill_all()
            remove(scratch)


def _attackable(rooms: Rooms, loaded: Loaded) -> Attackable:
    site, contract, tree = rooms.site, rooms.contract, loaded.tree
    coverage = rooms.sandbox.covers()
    digest = identity_of(contract, tree, rooms.seals, coverage.tier)
    recorder = Recorder(site.ledger, [], time.time)
    in_ledger = recorder.state.digest == digest
    kept: dict[str, Measurement] = {}

    def record(name: str, found: Measurement) -> None:
        kept[name] = found
        if in_ledger:
            recorder.append(Measured(number=0, run=0, measurement=found, crafted=name))

    def finish(text: str) -> None:
        if in_ledger:
            recorder.note("redteam", text)
        remember(site, digest, kept, text)

    budget = contract.budget
    hurry = msgspec.structs.replace(budget, wall=min(budget.wall, HURRIED_WALL), grace=min(budget.grace, _GRACE))
    hurried = replace(rooms, contract=msgspec.structs.replace(contract, budget=hurry))
    other, other_tree = _shuffled(rooms, tree)
    target = Target(
        contract=contract,
        judge=rooms.judge(tree),
        hurried=hurried.judge(tree),
        shuffled=other,
        tree=tree,
        shuffled_tree=other_tree,
        empty=empty_tree(site, contract, tree),
        entries=_entries(rooms, tree),
        secrets=_secrets(rooms),
        plant=lambda contents: planted(site, tree, contents),
        counts=rooms.counter(tree),
        listening=_listening,
        survivors=_survivors,
        record=record,
        nonce=f"overnight-{secrets.token_hex(8)}",
        seed=secrets.randbelow(2**31),
    )
    said = tuple(notice for notice in loaded.notices if notice not in loaded.warnings)
    count = len(loaded.warnings)
    more = (f"program.md has {count} warning{'s' if count > 1 else ''}: `overnight check` shows them",) if count else ()
    return Attackable(target, coverage, (*said, *more, *rooms.toolchain.warnings), finish)


def _entries(rooms: Rooms, tree: str) -> tuple[Entry, ...] | str:
    prefix = f"{rooms.site.prefix}/" if rooms.site.prefix else ""
    tracked = [path.removeprefix(prefix) for path in rooms.site.repository.files(tree) if path.startswith(prefix)]
    edit = rooms.contract.edit
    read = [path for path in tracked if path.endswith(".py") or matches(edit, path)][:_MOST_SOURCES]
    found = entries(rooms.contract, tracked, sources_of(rooms.site, tree, read), matches=matches)
    if isinstance(found, str):
        return found
    return tuple(Entry(prefix + one.path, one.language, one.text) for one in found)


def _secrets(rooms: Rooms) -> tuple[Secret, ...]:
    """What only the judge may read, and git's folder with the ledger."""
    shown = {mount.target for mount in rooms.seal.mounts(hidden=False)}
    hidden = [mount.target for mount in rooms.seal.mounts(hidden=True) if mount.target not in shown]
    root = rooms.site.repository.root
    found = []
    for index, path in enumerate(hidden[:_MOST_SECRETS], 1):
        name = Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else path
        title = f"reads {name}, which only the judge may see"
        found.append(Secret(key=f"hidden-{index}", title=title, path=path, heads=_heads(Path(path))))
    head = rooms.site.repository.git_dir / "HEAD"
    ledger = "reads git's folder, which holds the ledger"
    return (*found, Secret(key="ledger", title=ledger, path=str(head), heads=_heads(head)))


def _heads(place: Path) -> tuple[str, ...]:
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()][:_MOST_HEADS]
    heads = []
    for path in files:
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES)
        heads += [head_of(data)] if data else []
    return tuple(heads)


def _shuffled(rooms: Rooms, tree: str) -> tuple[CommandJudge | str, str]:
    """A judge with shuffled labels and the candidate's tree with them, or why there is none."""
    contract, site = rooms.contract, rooms.site
    if not contract.labels:
        return "the contract declares no `labels`", tree
    rng = Random(1)  # noqa: S311 - not for secrets
    root, folder = site.repository.root, site.program.parent
    places = [place(glob, folder, Path(rooms.toolchain.home)) for glob in contract.labels]
    in_git = {
        path: made
        for path in site.repository.files(tree)
        if matched(places, str(root / path))
        and (made := shuffled(site.repository.read(tree, path) or b"", path, rng)) is not None
    }
    sealed = {mount.target for mount in rooms.seal.mounts(hidden=True)}
    entries = [found for folders in listing(places).values() for found in folders if found.kind == "file"]
    instead: dict[str, str] = {}
    for found in entries:
        if not matched(places, found.place) or not _below(found.place, sealed):
            continue
        made = shuffled(Path(found.source).read_bytes(), found.place, rng)
        if made is not None:
            copy = rooms.scratch / f"labels-{len(instead)}"
            copy.write_bytes(made)
            instead[found.place] = str(copy)
    if instead and not rooms.sandbox.covers().mounts:
        return "without a box no file can be shown in the place of another", tree
    if not in_git and not instead:
        return "`labels` names no file in git, `data` or `hide` whose rows could be put into another order", tree
    other = planted(site, tree, in_git)
    return replace(rooms, seal=rooms.seal.showing(instead)).judge(other), other


def _below(path: str, places: set[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in places)


@contextmanager
def _listening() -> Iterator[tuple[int, str]]:
    """Two listeners outside of every box: on 127.0.0.1 and, on Linux, on a socket without a file."""
    name = f"overnight-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as loopback:
        loopback.bind(("127.0.0.1", 0))
        loopback.listen(4)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abstract:
            if psutil.LINUX:
                abstract.bind(f"\0{name}")
                abstract.listen(4)
            yield loopback.getsockname()[1], name if psutil.LINUX else ""


def _survivors(nonce: str) -> int:
    """How many processes carry `nonce` on their command line; they are ended."""
    alive = [one for one in psutil.process_iter(["cmdline"]) if nonce in " ".join(one.info["cmdline"] or ())]
    for one in alive:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    return len(alive)
