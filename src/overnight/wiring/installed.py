"""Environments in which the repository itself is installed in editable form: they import the original files.

A box shows the measured tree at the repository's own path, so that such an installation leads there. Without a box it
leads to the person's files, and every candidate would be measured as the original. Reads metadata; starts nothing.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from overnight.model.contract import Contract
from overnight.program.starts import starts_of
from overnight.sandbox.executables import Shell
from overnight.wiring.commands import keyed_commands

_SITES = ("lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages")
_LONGEST = 65536
_OURS = "$OVERNIGHT_PYTHON"


class Editable(NamedTuple):
    """What an environment imports from `source` instead of a copy: `said` is the file that says so, `key` the command's
    dotted key in program.md.
    """

    key: str
    said: Path
    source: Path


def editable_installs(contract: Contract, folder: Path, root: Path, shell: Shell) -> Iterator[Editable]:
    """Every editable installation of something below `root` that a command of the candidate's would import.

    `folder` is program.md's; only programs that a command plainly starts are looked up.
    """
    for key, line in keyed_commands(contract):
        if key in ("run", "drive.serve") or key.startswith("guards."):
            for prefix in _prefixes(line, folder, shell):
                for site in (site for pattern in _SITES for site in sorted(prefix.glob(pattern))):
                    for said, source in _sources(site):
                        if source.is_relative_to(root):
                            yield Editable(key, said, source)


def _prefixes(line: str, folder: Path, shell: Shell) -> Iterable[Path]:
    """Where the programs of a command are installed: the environment, and what lies behind a link or a shim."""
    found: dict[Path, None] = {}
    for start in starts_of(line):
        names = [start.program] if start.program else list(start.files[:1])
        programs = [path for name in names if (path := _program(name, folder, shell)) is not None]
        if line.startswith(_OURS):
            programs.append(Path(sys.executable))
        for program in programs:
            real = shell.behind_shim(program) or program
            found |= dict.fromkeys((real.parent.parent, real.resolve().parent.parent))
    home = shell.environment.get("HOME")
    return (*found, Path(home, ".local")) if home and found else tuple(found)


def _program(name: str, folder: Path, shell: Shell) -> Path | None:
    if "/" not in name:
        return shell.find(name)
    path = folder / name
    return path if path.is_file() and path.parent.name == "bin" else None


def _sources(site: Path) -> Iterator[tuple[Path, Path]]:
    """(file that says so, folder) of everything that `site` imports from elsewhere."""
    for record in sorted(site.glob("*.dist-info/direct_url.json")):
        with suppress(OSError, ValueError, AttributeError):
            told = json.loads(_text(record))
            if told.get("dir_info", {}).get("editable"):
                yield record, Path(unquote(urlsplit(told["url"]).path))
    for pattern in ("*.pth", "*.egg-link"):
        for listing in sorted(site.glob(pattern)):
            with suppress(OSError):
                for line in _text(listing).splitlines():
                    if line and not line.startswith(("#", "import ", "import\t")):
                        yield listing, (site / line.strip()).resolve()


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_LONGEST)
