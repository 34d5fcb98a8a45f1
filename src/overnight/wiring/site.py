"""Where a study lives: repository, program.md, the study's own folder, its ledger."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from overnight.errors import UsageError
from overnight.ledger import Journal, StudyLock
from overnight.model.state import State
from overnight.program import check_name, slug
from overnight.rules.fold import Folding
from overnight.workspace import Repository

_PROGRESS = 256
_REF = re.compile(r"^refs/overnight/(?P<study>[^/]+)/ledger$")


@dataclass(frozen=True, slots=True)
class Site:
    """`program` is program.md on disk (it may not exist yet), `folder` is <git common dir>/overnight/<study>."""

    repository: Repository
    study: str
    program: Path
    folder: Path
    ledger: Journal

    @property
    def prefix(self) -> str:
        """program.md's folder relative to the repository's root, "" for the root."""
        relative = self.program.parent.relative_to(self.repository.root).as_posix()
        return "" if relative == "." else relative

    def running(self) -> int | None:
        """The pid of the process that runs this study now, None when nobody does."""
        return StudyLock(self.folder / "lock").holder()


def studies(repository: Repository) -> tuple[str, ...]:
    """Names of all studies with a ledger in this repository, sorted."""
    return tuple(sorted(match["study"] for name in repository.refs("refs/overnight/") if (match := _REF.match(name))))


def find_site(start: Path, study: str | None = None) -> Site:
    """The study of the folder `start` (or of a program.md given as `start`).

    Without a name: the study of the nearest program.md at or above `start`; else the only study there is.

    Raises:
        UsageError: no repository, a name with odd characters, several studies and none named.
    """
    start = start.resolve()
    if start.is_file():
        if start.name != "program.md":
            raise UsageError(f"{start} is no program.md: name that file, or the folder that it is in")
        start = start.parent
    if not start.is_dir():
        raise UsageError(f"{start} is not a folder: name the folder of your repository")
    repository = Repository.discover(start)
    program = _nearest(start, repository.root)
    if study is not None:
        check_name(study)
        name = study
    elif program is not None:
        name = slug(program.parent.name)
    else:
        known = studies(repository)
        if len(known) > 1:
            raise UsageError(f"this repository has several studies ({', '.join(known)}): choose one with --study NAME")
        name = known[0] if known else slug(start.name)
    folder = repository.common_dir / "overnight" / name
    return Site(
        repository=repository,
        study=name,
        program=program or start / "program.md",
        folder=folder,
        ledger=Journal(repository.common_dir, name),
    )


def require_whole(site: Site) -> None:
    """Refuse to read candidates that a power cut has left half-written.

    Raises:
        UsageError: there are such; with what puts it right.
    """
    count = site.ledger.unfinished()
    if count:
        raise UsageError(
            f"the machine went down while git's objects were written, and {count} in {site.repository.common_dir} "
            f"{'is' if count == 1 else 'are'} only half there, which nobody can read. The history itself is whole: "
            "`overnight run` puts it right when it goes on, and `overnight status` and `overnight log` work meanwhile"
        )


def read_state(site: Site, segment: int | None = None) -> State:
    """The study's state, folded from its ledger: of its last segment, or as `segment` (1 = the first) ended.

    An empty State when it was never run.

    Raises:
        UsageError: the study has no such segment; the message names the range.
    """
    folding = Folding(segment)
    for _, events in site.ledger.read():
        folding.add(events)
    state = folding.state()
    if segment is not None and state.segments and not 1 <= segment <= state.segments:
        only = "only segment 1" if state.segments == 1 else f"the segments 1 to {state.segments}"
        raise UsageError(f"there is no segment {segment}: study {site.study} has {only}")
    return state


def cache_folder(environment: Mapping[str, str]) -> Path:
    """$XDG_CACHE_HOME/overnight: what may be deleted whenever nothing runs. Not made here."""
    home = Path(environment.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 - HOME may be unset
    return Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "overnight"


def scratch_folder(site: Site, environment: Mapping[str, str]) -> Path:
    """This study's scratch in $XDG_CACHE_HOME/overnight: may be deleted whenever nothing runs. Not made here.

    Raises:
        UsageError: the cache cannot hold it.
    """
    mark = f"{os.stat(site.repository.common_dir).st_ino:x}"  # noqa: PTH116 - one call
    place = cache_folder(environment)
    variable = "XDG_CACHE_HOME" if environment.get("XDG_CACHE_HOME") else "HOME"
    try:
        place.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(place, os.W_OK | os.X_OK) else "it is not writable"
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        raise UsageError(
            f"scratch files cannot be written to {place} ({why}): it follows from {variable}; set XDG_CACHE_HOME to a "
            "folder that you can write to"
        )
    return place / f"{site.study}-{mark}"


def write_progress(site: Site, phase: str, number: int, since: float, limit: float | None) -> None:
    """Tell whoever watches what is going on; a hint that may be lost, never the truth."""
    text = json.dumps({"phase": phase, "number": number, "since": since, "limit": limit, "pid": os.getpid()})
    with suppress(OSError):
        file = os.open(f"{site.folder}/progress.json", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            # Always as long, so that one write in place replaces all of it.
            os.pwrite(file, text.ljust(_PROGRESS).encode(), 0)
        finally:
            os.close(file)


def _nearest(start: Path, root: Path) -> Path | None:
    for folder in (start, *start.parents):
        candidate = folder / "program.md"
        if candidate.is_file():
            return candidate
        if folder == root:
            break
    return None
