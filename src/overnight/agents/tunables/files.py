"""The tunables of the editable files of a folder, found without following any link."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from overnight.agents.tunables.tunable import Constant, Scan, Style, Tunable, bind
from overnight.rules.globs import literal_prefix
from overnight.rules.scope import matches

_STYLES: dict[str, Style] = {
    ".py": "python",
    ".json": "json",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".env": "env",
}
_LARGEST = 512 * 1024  # bytes; a larger file is data
_MOST = 64  # tunables; a search over more learns nothing in a night
_SKIPPED = frozenset([".git", "node_modules", "__pycache__", ".venv"])


def tunables(workdir: Path, edit: Sequence[str]) -> tuple[Tunable, ...]:
    """What the tuner would turn in the files below `workdir` that the globs `edit` match, by path and place."""
    return survey(workdir, edit).tunables


def survey(workdir: Path, edit: Sequence[str]) -> Scan:
    """The tunables, at most 64, and a sentence for each file or comment that could not be read."""
    found: list[Tunable] = []
    problems: list[str] = []
    for path, style in editable_files(workdir, edit):
        data = read_regular(workdir / path)
        if data is None:
            continue
        try:
            scan = bind(path, data, style, _constants(data, style))
        except ValueError as error:
            problems.append(f"{path}: {error}")
            continue
        found += scan.tunables
        problems += scan.problems
    if len(found) > _MOST:
        problems.append(f"{len(found)} tunable constants found, the first {_MOST} are turned: mark others `# fixed`")
    return Scan(tunables=tuple(found[:_MOST]), problems=tuple(problems))


def editable_files(workdir: Path, edit: Sequence[str]) -> Iterator[tuple[str, Style]]:
    """(path relative to `workdir`, style) of every regular file that can hold tunables and may be edited, sorted."""
    starts = sorted({literal_prefix(glob) for glob in edit if not glob.startswith("!")})
    listed = {path for start in starts for path in _walk(workdir, start)}
    for path in sorted(listed):
        style = _style(path)
        if style is not None and matches(edit, path):
            yield path, style


def read_regular(path: Path) -> bytes | None:
    """The bytes of a small regular file, None for anything else; a link at the end of `path` is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(_LARGEST)


def _constants(data: bytes, style: Style) -> tuple[Constant, ...]:
    if style == "python":
        from overnight.agents.tunables.python import scan_python  # noqa: PLC0415 - LibCST is loaded when a file needs it

        return scan_python(data)
    from overnight.agents.tunables.data import scan_data  # noqa: PLC0415 - same

    return scan_data(data, style)


def _style(path: str) -> Style | None:
    name = PurePosixPath(path).name
    return "env" if name == ".env" or name.startswith(".env.") else _STYLES.get(PurePosixPath(path).suffix)


def _walk(workdir: Path, start: str) -> Iterator[str]:
    """Paths of the regular files at or below `start`, none of them through a link."""
    place = workdir
    for part in PurePosixPath(start).parts:
        place /= part
        if place.is_symlink() or part in ("..", "/"):
            return
    if place.is_file():
        yield start
        return
    for folder, folders, files in os.walk(place):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                yield path.relative_to(workdir).as_posix()
