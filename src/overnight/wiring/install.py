"""Templates: whole small repositories that the package ships."""

import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import pygit2

from overnight.errors import UsageError
from overnight.program.findings import nearest

_RENAMED = {"gitignore": ".gitignore"}


def templates() -> dict[str, str]:
    """Name and one-line description of every template."""
    text = (resources.files("overnight") / "templates" / "catalogue.toml").read_text(encoding="utf-8")
    return {name: str(entry["description"]) for name, entry in tomllib.loads(text).items() if isinstance(entry, dict)}


def install(name: str, folder: Path) -> None:
    """Copy template `name` into `folder`, make it a git repository and commit what is not ignored.

    Raises:
        UsageError: no such template, or `folder` is not empty.
    """
    known = templates()
    if name not in known:
        near = nearest(name, known)
        hint = f" Did you mean {near}?" if near else ""
        raise UsageError(f"there is no template {name!r}.{hint} Choose one of {', '.join(known)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is not an empty folder, and a template never overwrites anything: name a new folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    copy_files(name, folder)
    _first_commit(folder, f"The {name} template of overnight")


def copy_files(name: str, folder: Path) -> None:
    """Copy the shipped files `name` into the existing, empty `folder`."""
    _copy(resources.files("overnight") / "templates" / name, folder)


def _copy(source: Traversable, into: Path) -> None:
    for item in source.iterdir():
        if item.name == "__pycache__":
            continue
        target = into / _RENAMED.get(item.name, item.name)
        if item.is_dir():
            target.mkdir()
            _copy(item, target)
        else:
            target.write_bytes(item.read_bytes())


def _first_commit(folder: Path, message: str) -> None:
    repository = pygit2.init_repository(str(folder), initial_head="main")
    index = repository.index
    index.add_all()
    index.write()
    try:
        author = repository.default_signature
    except (KeyError, pygit2.GitError):
        author = pygit2.Signature("overnight", "overnight@localhost")
    repository.create_commit("refs/heads/main", author, author, message, index.write_tree(), [])
