"""What lint must know of the repository, looked up."""

from collections.abc import Iterable
from pathlib import Path

from overnight.errors import UsageError
from overnight.judge.files import listing, matched, place
from overnight.model.contract import Contract
from overnight.program import Facts, places
from overnight.program.commands import files_named
from overnight.rules.scope import REGULAR, editable
from overnight.wiring.commands import keyed_commands
from overnight.wiring.site import Site
from overnight.workspace.objects import LINK, SUBMODULE

_SOURCE_LIMIT = 512 * 1024
_SOURCES = 500
_JUDGES = frozenset({"score", "drive.judge"})
_POINTER = "version https://git-lfs.github.com/"
_POINTER_SIZES = range(100, 400)


def gather_facts(site: Site, contract: Contract, text: str, tree: str) -> Facts:
    """A snapshot of the repository at `tree`, with paths relative to the folder of program.md."""
    prefix = f"{site.prefix}/" if site.prefix else ""
    files = site.repository.files(tree)
    tracked = {path.removeprefix(prefix): entry for path, entry in files.items() if path.startswith(prefix)}
    try:
        counts, shown_hidden = _counts(site, contract)
    except OSError as error:
        raise UsageError(
            f"{error.filename} is data or hidden, and cannot be read ({error.strerror}): make it readable, or take it "
            f"out of `data` and `hide` in {site.program}"
        ) from error
    judges = {word for key, line in keyed_commands(contract) if key in _JUDGES for word in files_named(line, tracked)}
    python = [
        path
        for path, entry in tracked.items()
        if (path.endswith(".py") or path in judges) and entry.size <= _SOURCE_LIMIT
    ]
    return Facts(
        file=str(site.program),
        tracked=tuple(tracked),
        sources={path: _text(site, tree, prefix + path) for path in python[:_SOURCES]},
        hidden_in_git={
            path.removeprefix(prefix): commit
            for path, commit in site.repository.ever_tracked(contract.hide, site.prefix).items()
        },
        data_counts=counts["data"],
        hide_counts=counts["hide"],
        shown_hidden=shown_hidden,
        links={path: _text(site, tree, prefix + path) for path, entry in tracked.items() if entry.mode == LINK},
        submodules=tuple(path for path, entry in tracked.items() if entry.mode == SUBMODULE),
        pointers=tuple(
            path
            for path, entry in tracked.items()
            if entry.size in _POINTER_SIZES and _text(site, tree, prefix + path).startswith(_POINTER)
        ),
        places=places(text),
    )


def sources_of(site: Site, tree: str, paths: Iterable[str]) -> dict[str, str]:
    """The texts of those files of git tree `tree`, by path from program.md's folder, that are not too large."""
    prefix = f"{site.prefix}/" if site.prefix else ""
    files = site.repository.files(tree)
    small = [
        path for path in paths if files[prefix + path].size <= _SOURCE_LIMIT and files[prefix + path].mode in REGULAR
    ]
    return {path: _text(site, tree, prefix + path) for path in small}


def _text(site: Site, tree: str, path: str) -> str:
    return (site.repository.read(tree, path) or b"").decode("utf-8", errors="replace")


def _counts(site: Site, contract: Contract) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
    """Files on disk for each pattern of `data` and `hide`, counted as the seal takes them; and, for a pattern of
    `data`, the pattern of `hide` that names one of its files too.
    """
    folder, home, root = site.program.parent, Path("~").expanduser(), site.repository.root
    hidden = [place(glob, folder, home) for glob in contract.hide]
    counts: dict[str, dict[str, int]] = {"data": {}, "hide": {}}
    both: dict[str, str] = {}
    for key in ("data", "hide"):
        for glob in getattr(contract, key):
            item = place(glob, folder, home)
            entries = [entry for found in listing([item]).values() for entry in found if entry.kind in {"file", "link"}]
            files = {entry.place for entry in entries if matched([item], entry.place)}
            if key == "data":
                twice = [one.written for one in hidden if any(matched([one], path) for path in files)]
                both.update((glob, written) for written in twice[:1])
                files = {path for path in files if not _is_editable(contract, root, path)}
            counts[key][glob] = len(files)
    return counts, both


def _is_editable(contract: Contract, root: Path, path: str) -> bool:
    inside = path.startswith(f"{root}/")
    return inside and editable(contract, path[len(str(root)) + 1 :])
