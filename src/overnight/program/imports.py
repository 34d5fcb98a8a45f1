"""Which local Python files a script imports, and theirs in turn.

Reads syntax only: imports by statement, and by a call of `import_module` or `__import__` with a literal name. Cannot
see names that are computed, nor paths added to `sys.path` at run time.
"""

import ast
from collections.abc import Collection, Iterator, Mapping


def imported(script: str, sources: Mapping[str, str], tracked: Collection[str]) -> tuple[str, ...]:
    """The tracked files that `script` imports, directly or not, without itself.

    A module is looked for beside the script, at the root, and in `src`.
    """
    bases = tuple(dict.fromkeys((_folder(script), "", "src")))
    seen: dict[str, None] = {script: None}
    queue = [script]
    while queue:
        path = queue.pop()
        for module in _modules(path, sources.get(path, "")):
            for found in _files(module, bases, tracked):
                if found not in seen:
                    seen[found] = None
                    queue.append(found)
    return tuple(path for path in seen if path != script)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _modules(path: str, text: str) -> Iterator[str]:
    """Slashed paths of the modules that a file imports; a leading "/" counts from the root (a relative import)."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # A file that Python cannot read imports nothing; running it will say why.
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.replace(".", "/") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node, path)
        elif (
            isinstance(node, ast.Call)
            and node.args
            and _name(node.func) in {"import_module", "__import__", "run_module"}
        ):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value.replace(".", "/")


def _from(node: ast.ImportFrom, path: str) -> Iterator[str]:
    base = (node.module or "").replace(".", "/")
    if node.level:
        folders = _folder(path).split("/") if _folder(path) else []
        kept = folders[: len(folders) - (node.level - 1)]
        base = "/" + "/".join([*kept, base] if base else kept)
    yield base
    yield from (f"{base.rstrip('/')}/{alias.name}" for alias in node.names if alias.name != "*")


def _name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _files(module: str, bases: tuple[str, ...], tracked: Collection[str]) -> Iterator[str]:
    """Every file that importing the module would run: its packages' `__init__.py`, and itself."""
    roots = ("",) if module.startswith("/") else bases
    parts = [part for part in module.split("/") if part]
    for root in roots:
        prefix = f"{root}/" if root else ""
        for count in range(1, len(parts) + 1):
            stem = prefix + "/".join(parts[:count])
            yield from (path for path in (f"{stem}/__init__.py", f"{stem}.py") if path in tracked)
