"""What lint must know of the repository and cannot look up itself."""

from collections.abc import Mapping

import msgspec


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of the repository, gathered by the caller.

    All paths are relative to the folder of program.md, with forward slashes, and only files below it are listed.
    `tracked` are the files of the commit that is measured; `sources` the texts of its Python files and of the judges'
    scripts (a missing one is simply not searched). `links` are those of them that are symbolic links, with their
    targets, `submodules` and `pointers` those that are repositories inside it, and git-lfs pointers. `hidden_in_git`
    are the paths matched by `hide` that git knows, now or in history, each with the newest commit that holds it.
    `data_counts` and `hide_counts` give the number of files on disk for each pattern of `data` and `hide`; a pattern
    that is absent was not counted. `shown_hidden` gives for a pattern of `data` the one of `hide` that names one of
    its files on disk too. `places` is what `program.places` gave for the file.
    """

    file: str = "program.md"
    tracked: tuple[str, ...] = ()
    sources: Mapping[str, str] = msgspec.field(default_factory=dict)
    hidden_in_git: Mapping[str, str] = msgspec.field(default_factory=dict)
    data_counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    hide_counts: Mapping[str, int] = msgspec.field(default_factory=dict)
    shown_hidden: Mapping[str, str] = msgspec.field(default_factory=dict)
    links: Mapping[str, str] = msgspec.field(default_factory=dict)
    submodules: tuple[str, ...] = ()
    pointers: tuple[str, ...] = ()
    places: Mapping[str, tuple[int, int]] = msgspec.field(default_factory=dict)
