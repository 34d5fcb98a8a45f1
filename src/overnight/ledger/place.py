"""Where a study's history lies in a git repository, and whether it is a repository that we can write.

Does not know: the working tree, HEAD, the index, or any configuration but the repository's own format.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pygit2

from overnight.errors import RepositoryError, UsageError

_SLUG = re.compile(r"[a-z0-9-]{1,40}")


class Place(NamedTuple):
    """`common` is the repository's common folder (`.git`), `folder` overnight's own for this study inside it."""

    common: Path
    study: str

    @property
    def folder(self) -> Path:
        """Everything of this study that is not an object or a ref; made on first use."""
        return self.common / "overnight" / self.study

    @property
    def packs(self) -> Path:
        """Names of the packs that overnight wrote, for all studies; no study can have this name."""
        return self.common / "overnight" / ".packs"

    @property
    def objects(self) -> Path:
        """The object store."""
        return self.common / "objects"

    @property
    def ref(self) -> str:
        """The full name of the ref that holds the history."""
        return f"refs/overnight/{self.study}/ledger"


def locate(git_dir: Path, study: str) -> Place:
    """The place of `study` in the repository whose git folder (also of a linked worktree) is `git_dir`.

    Raises:
        UsageError: `study` is not a slug.
        RepositoryError: not a git folder, or a format that overnight cannot write.
    """
    if not _SLUG.fullmatch(study):
        raise UsageError(
            f"{study!r} cannot name a study: use 1 to 40 of the characters a-z, 0-9 and -, for example --study my-study"
        )
    common = _common(git_dir.absolute())
    if not (common / "objects").is_dir():
        raise RepositoryError(f"{git_dir} is not the folder of a git repository: it has no objects/")
    _require_known_format(common)
    return Place(common, study)


def _common(git_dir: Path) -> Path:
    try:
        words = (git_dir / "commondir").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return git_dir
    return (git_dir / words).resolve()


def _require_known_format(common: Path) -> None:
    path = common / "config"
    if not path.exists():
        return
    try:
        config = pygit2.Config(str(path))
        values = {entry.name: entry.value for entry in config}
    except (pygit2.GitError, OSError) as error:
        raise RepositoryError(
            f"git's configuration file {path} cannot be read: {error}; mend it and run again"
        ) from error
    hashes = (values.get("extensions.objectformat") or "sha1").lower()
    if hashes != "sha1":
        raise RepositoryError(
            f"the repository {common} uses {hashes} object ids, which overnight cannot write yet; "
            "work on a clone with SHA-1 ids (`git init --object-format=sha1`)"
        )
    refs = (values.get("extensions.refstorage") or "files").lower()
    if refs != "files":
        raise RepositoryError(
            f"the repository {common} stores its refs as {refs}, which overnight cannot write yet; "
            "convert it with `git refs migrate --ref-format=files` or work on a clone"
        )
