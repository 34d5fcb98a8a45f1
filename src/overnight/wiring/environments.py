"""Installed environments beside program.md (.venv, node_modules), found."""

from pathlib import Path

_VIRTUAL = (".venv", "venv")


def environments(folder: Path) -> tuple[str, ...]:
    """Names of the environments in `folder`: boxes get them read-only, at their place."""
    virtual = tuple(name for name in _VIRTUAL if (folder / name / "pyvenv.cfg").is_file())
    return virtual + (("node_modules",) if (folder / "node_modules").is_dir() else ())
