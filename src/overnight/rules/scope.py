"""What the contract lets a candidate change, decided from names and modes alone.

Paths are relative to the repository's root with forward slashes unless said otherwise; globs of a contract are
relative to the folder of program.md. This module reads no file: `overnight.workspace` tells it what is there.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

from overnight.model.contract import Contract
from overnight.model.experiment import Breach
from overnight.model.value import Value
from overnight.rules.globs import compile_glob, literal_prefix
from overnight.rules.paths import collisions, is_git, odd

Rule = Literal[
    "outside-edit", "link", "device", "submodule", "odd-name", "too-large", "case-collision", "mode", "program"
]

LARGEST_FILE = 10 * 1024**2
"""Bytes that one changed file may have."""

LITTER = (
    "__pycache__/", "*.py[cod]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/", ".coverage",
    ".ipynb_checkpoints/", "*.egg-info/", ".DS_Store", "Thumbs.db", "*.swp", "*~", ".bash_history", ".python_history",
    ".aider*", ".claude/", ".codex/", ".gemini/", ".opencode/", ".qwen/", ".cursor/", ".overnight-*",
)  # fmt: skip
"""What interpreters, editors and coding agents leave behind, in `.gitignore` spelling: newly created, it is dropped."""

REGULAR = (0o100644, 0o100755)
LINK = 0o120000
SUBMODULE = 0o160000


class Touched(Value, frozen=True, kw_only=True):
    """One path that differs from the parent. `old` and `new` are git modes (0 = not there); a `new` that git has
    no mode for is the file's type bits (`st_mode & 0o170000`). `links` is the number of hard links, `size` bytes.
    """

    path: str
    kind: Literal["created", "modified", "deleted", "mode"]
    old: int = 0
    new: int = 0
    size: int = 0
    links: int = 1


def matches(globs: Sequence[str], path: str) -> bool:
    """Whether `path` is matched, both relative to the same folder.

    Git-style globs anchored at that folder: `*`, `?` and `[..]` stay inside one component, a component `**` does
    not; a glob that names a folder matches everything below it; `!` in front negates and the last match wins; one
    leading `/` is tolerated; case counts. Use `**/*.py` for any depth.
    """
    for glob in reversed(globs):
        negated = glob.startswith("!")
        if compile_glob(glob[1:] if negated else glob, below=True).fullmatch(path):
            return not negated
    return False


def editable(contract: Contract, path: str) -> bool:
    """Whether the contract lets a candidate change `path`; program.md never is."""
    local = relative(contract.folder, path)
    return local is not None and local != contract.program and matches(contract.edit, local)


def relative(folder: str, path: str) -> str | None:
    """`path` as seen from `folder` ("" = the root), or None when it lies elsewhere."""
    if not folder:
        return path
    return path[len(folder) + 1 :] if path.startswith(folder + "/") else None


def ignored(gitignores: Mapping[str, str], path: str) -> bool:
    """Whether git would ignore the untracked `path`.

    `gitignores` maps a folder ("" = the root) to the text of its `.gitignore`. A trailing slash on `path` says
    that it is a folder. What lies below an ignored folder is ignored, whatever later patterns say.
    """
    folder = path.endswith("/")
    parts = path.rstrip("/").split("/")
    for count in range(1, len(parts) + 1):
        whole = "/".join(parts[:count])
        if _ignored_itself(gitignores, whole, folder=folder or count < len(parts)):
            return True
    return False


def _ignored_itself(gitignores: Mapping[str, str], path: str, *, folder: bool) -> bool:
    parts = path.split("/")
    for count in range(len(parts) - 1, -1, -1):
        text = gitignores.get("/".join(parts[:count]))
        if text is None:
            continue
        local = "/".join(parts[count:])
        for pattern, negated, only_folders in reversed(_patterns(text)):
            if (folder or not only_folders) and compile_glob(pattern, below=False).fullmatch(local):
                return not negated
    return False


@lru_cache(maxsize=256)
def _patterns(text: str) -> tuple[tuple[str, bool, bool], ...]:
    """(anchored glob, negated, only folders) of each line that holds a pattern."""
    found = []
    for raw in text.splitlines():
        line = raw.rstrip(" \t\r")
        if line.endswith("\\") and raw[len(line) : len(line) + 1] == " ":
            line += " "
        if not line or line.startswith("#"):
            continue
        negated = line.startswith("!")
        body = line[1:] if negated else line
        only_folders = body.endswith("/")
        body = body.rstrip("/")
        found.append((body if "/" in body else f"**/{body}", negated, only_folders))
    return tuple(found)


_LITTER = {"": "\n".join(LITTER)}


def litter(path: str) -> bool:
    """Whether `path` is one of the leavings of interpreters, editors and agents (see LITTER)."""
    return ignored(_LITTER, path)


def droppable(contract: Contract, gitignores: Mapping[str, str], path: str) -> bool:
    """Whether a newly created `path` (trailing slash = a folder) is left out without being a breach.

    Litter always is. What git ignores is, outside `edit`; an ignored folder also inside `edit`, unless a glob of
    `edit` names it or something in it. `gitignores` must be the parent's, never the agent's.
    """
    if litter(path):
        return True
    if not ignored(gitignores, path):
        return False
    if path.endswith("/"):
        return not _named(contract, path.rstrip("/"))
    return not editable(contract, path)


def _named(contract: Contract, folder: str) -> bool:
    local = relative(contract.folder, folder)
    if local is None:
        return contract.folder.startswith(folder + "/") or contract.folder == folder
    prefixes = [literal_prefix(glob) for glob in contract.edit if not glob.startswith("!")]
    return any(prefix == local or prefix.startswith(local + "/") for prefix in prefixes)


def breaches(contract: Contract, touched: Iterable[Touched], present: Iterable[str] = ()) -> tuple[Breach, ...]:
    """Every change that the contract does not allow, sorted by path, one for each path.

    `present` are the paths of the resulting tree; a new path that only differs from one of them in case or Unicode
    form is a breach. Litter must have been taken out before.
    """
    changes = sorted(touched, key=lambda change: change.path)
    created = [change.path for change in changes if change.kind == "created"]
    clashes = collisions(created, present) if created else {}
    found = []
    for change in changes:
        rule, detail = _rule(contract, change)
        if not rule and change.path in clashes:
            rule, detail = "case-collision", f"differs from {clashes[change.path]} only by case or Unicode form"
        if rule:
            found.append(Breach(path=change.path, rule=rule, detail=detail))
    return tuple(found)


def _rule(contract: Contract, change: Touched) -> tuple[Rule | Literal[""], str]:
    """The first rule that `change` breaks, with a few words; ("", "") when it is allowed."""
    path = change.path
    verb = {"created": "created", "modified": "changed", "deleted": "deleted", "mode": "given another mode"}
    git = any(is_git(part) for part in path.split("/"))
    reason = odd(path) if change.kind == "created" else ""
    allowed = editable(contract, path)
    checks: tuple[tuple[bool, Rule, str], ...] = (
        (git or SUBMODULE in (change.old, change.new), "submodule", "a repository inside the repository"),
        (bool(reason), "odd-name", reason),
        (relative(contract.folder, path) == contract.program, "program", f"program.md was {verb[change.kind]}"),
        (LINK in (change.old, change.new) and change.kind != "deleted", "link", "a symbolic link"),
        (change.new not in (0, LINK, SUBMODULE, *REGULAR), "device", "not a regular file"),
        (change.links > 1, "link", "a hard link"),
        (not allowed and change.kind == "mode", "mode", "given another mode, and outside edit"),
        (not allowed, "outside-edit", f"{verb[change.kind]}, and outside edit"),
        (change.size > LARGEST_FILE, "too-large", f"{change.size} bytes, at most {LARGEST_FILE}"),
    )
    return next(((rule, detail) for hit, rule, detail in checks if hit), ("", ""))
