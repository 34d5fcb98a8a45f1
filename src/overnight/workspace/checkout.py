"""Writing a git tree below an empty folder, with nothing of git's own machinery.

No filter, hook or line-ending conversion runs: a file holds its blob's bytes. What it does not know: large files
kept elsewhere (git-lfs) stay the small pointer files that git itself holds.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from overnight.errors import MachineError, RepositoryError
from overnight.rules.paths import is_git, printable
from overnight.workspace.objects import FOLDER, LINK, SUBMODULE, Item
from overnight.workspace.repository import Repository

DEEPEST = 200
"""Folders inside folders that a tree may have."""

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_CHAIN = 40


def write_checkout(repository: Repository, tree: str, into: Path) -> None:
    """Write every file of `tree` below `into`, which is made if needed and must be empty.

    Modes are 0o644 and 0o755 whatever the umask; tracked links are made again; a submodule is an empty folder.

    Raises:
        RepositoryError: a link leaves the tree, a name cannot be a file's, or an object is damaged.
        MachineError: the disk is full or `into` cannot be written.
    """
    refuse_leaving_links(repository, tree)
    try:
        into.mkdir(parents=True, exist_ok=True)
        with _opened(os.open(into, _FOLDER_FLAGS)) as folder:
            _write_folder(repository, tree, folder)
    except OSError as error:
        raise MachineError(f"files could not be written below {into}: {error.strerror or error}") from error


def _write_folder(repository: Repository, tree: str, folder: int) -> None:
    for item in repository.listing(tree):
        _require_name(item)
        if item.mode in (FOLDER, SUBMODULE):
            os.mkdir(item.name, 0o755, dir_fd=folder)
            if item.mode == FOLDER:
                with _opened(os.open(item.name, _FOLDER_FLAGS, dir_fd=folder)) as inner:
                    _write_folder(repository, item.id, inner)
        elif item.mode == LINK:
            os.symlink(repository.blob(item.id), os.fsencode(item.name), dir_fd=folder)
        else:
            _write_file(repository.blob(item.id), item, folder)


def _write_file(data: bytes, item: Item, folder: int) -> None:
    mode = 0o755 if item.mode & 0o100 else 0o644
    file = os.open(item.name, _FILE_FLAGS, mode, dir_fd=folder)
    try:
        os.fchmod(file, mode)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def _require_name(item: Item) -> None:
    if item.name in ("", ".", "..") or "/" in item.name or is_git(item.name):
        raise RepositoryError(f"the tree has an entry named {printable(item.name)!r}, which no checkout may have")


@contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def refuse_leaving_links(repository: Repository, tree: str) -> None:
    """Return if every tracked link stays inside the tree, followed through other links as the system would.

    Raises:
        RepositoryError: some do not; at most five are named.
    """
    links = {path: os.fsdecode(repository.blob(oid)) for path, oid in _links(repository, tree, "", 0)}
    bad = sorted(path for path in links if _leaves(path, links))
    if bad:
        shown = ", ".join(f"{printable(path)} -> {printable(links[path])}" for path in bad[:5])
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise RepositoryError(
            f"tracked links lead out of the repository: {shown}{more}; a candidate could not be kept apart from what "
            "they name: commit the files themselves, or list the folder under `data:` in program.md"
        )


def _links(repository: Repository, tree: str, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > DEEPEST:
        raise RepositoryError(
            f"the tree has folders nested deeper than {DEEPEST}: overnight does not measure such trees"
        )
    for item in repository.listing(tree):
        if item.mode == LINK:
            yield prefix + item.name, item.id
        elif item.mode == FOLDER:
            yield from _links(repository, item.id, f"{prefix}{item.name}/", depth + 1)


def _leaves(path: str, links: Mapping[str, str]) -> bool:
    here = path.split("/")[:-1]
    pending = [links[path]]
    followed = 0
    while pending:
        target = pending.pop()
        if target.startswith("/"):
            return True
        first, slash, rest = target.partition("/")
        if slash:
            pending.append(rest.lstrip("/"))
        if first in ("", "."):
            continue
        if first == "..":
            if not here:
                return True
            here.pop()
            continue
        here.append(first)
        onward = links.get("/".join(here))
        if onward is not None:
            followed += 1
            if followed > _LONGEST_CHAIN:
                return False
            here.pop()
            pending.append(onward)
    return False
