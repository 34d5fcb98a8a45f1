"""Candidates that overnight makes itself, to see what a judge says of them."""

from collections.abc import Mapping

from overnight.model.contract import Contract
from overnight.rules.scope import REGULAR, editable
from overnight.wiring.site import Site


def editable_files(site: Site, contract: Contract, tree: str) -> tuple[str, ...]:
    """The regular files of git tree `tree` that a candidate may change, as paths from the repository's root."""
    files = site.repository.files(tree)
    return tuple(path for path, entry in files.items() if entry.mode in REGULAR and editable(contract, path))


def planted(site: Site, tree: str, contents: Mapping[str, bytes]) -> str:
    """A git tree like `tree` with these files in it; no ref names it."""
    return site.repository.with_files(tree, contents)


def empty_tree(site: Site, contract: Contract, tree: str) -> str:
    """`tree` with every editable file emptied; "" when they are empty already or there are none."""
    empty = planted(site, tree, dict.fromkeys(editable_files(site, contract, tree), b""))
    return "" if empty == tree else empty
