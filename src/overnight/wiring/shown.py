"""What of the machine `read` may show to an agent or a candidate: never answers, the ledger, or a whole home."""

import os
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path

from overnight.errors import UsageError
from overnight.model.contract import Contract
from overnight.rules.globs import literal_prefix
from overnight.rules.scope import matches
from overnight.wiring.site import Site, scratch_folder


def hidden_folders(contract: Contract, root: Path) -> tuple[Path, ...]:
    """The fixed folder of each pattern of `hide`, absolute."""
    folder = root / contract.folder
    fixed = (
        takewhile(lambda part: not set(part) & set("*?["), Path(glob).expanduser().parts) for glob in contract.hide
    )
    return tuple(folder.joinpath(*parts) for parts in fixed)


def readable(key: str, path: str, site: Site, contract: Contract, environment: Mapping[str, str]) -> Path:
    """The absolute place of `path`, one of the paths under `key` ("agent.read"); relative ones count from program.md.

    Raises:
        UsageError: it does not exist; or it is, holds or lies in what `hide` names or git keeps; or it holds the
            repository, the home folder or the scratch.
    """
    home = Path(environment.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 - HOME may be unset
    written = home / path[2:] if path.startswith("~/") else site.program.parent / path
    place = Path(os.path.normpath(written))
    if not place.exists():
        raise UsageError(f"{key} names {path}, which does not exist: correct it, or remove it")
    reason = next(_reasons(place.resolve(), site, contract, home, scratch_folder(site, environment).parent), "")
    if reason:
        raise UsageError(
            f"{key} names {path}, which would show {reason}: name only the folder or the file that is needed"
        )
    return place


def _reasons(real: Path, site: Site, contract: Contract, home: Path, scratch: Path) -> Iterator[str]:
    repository = site.repository
    folders = hidden_folders(contract, repository.root)
    for pattern, folder in zip(contract.hide, folders, strict=True):
        if _meets(real, pattern, folder.resolve()):
            yield f"what `hide` keeps for the judge alone ({pattern})"
    for git in (repository.git_dir, repository.common_dir):
        inner = git.resolve()
        if real.is_relative_to(inner):
            yield "git's own folder, which holds the ledger and every version of every file"
    for folder, what in (
        (repository.root, "the whole repository with its git folder, which holds the ledger"),
        (repository.git_dir, "git's own folder, which holds the ledger"),
        (repository.common_dir, "git's own folder, which holds the ledger"),
        (home, "the whole home folder"),
        (scratch, "the folder in which overnight measures"),
    ):
        if folder.resolve().is_relative_to(real):
            yield what
    if real.is_relative_to(scratch.resolve()):
        yield "the folder in which overnight measures"


def _meets(real: Path, pattern: str, folder: Path) -> bool:
    """Whether the existing place `real` holds, is or lies in what a pattern with the fixed part `folder` can match."""
    if folder.is_relative_to(real):
        return True
    if not real.is_relative_to(folder):
        return False
    body = pattern.removeprefix("~/").lstrip("/").removeprefix("./")
    rest = body[len(literal_prefix(body)) :].strip("/")
    inner = real.relative_to(folder).as_posix()
    if not rest or matches((rest,), inner):
        return True
    return real.is_dir() and ("**" in rest or inner.count("/") < rest.count("/"))
