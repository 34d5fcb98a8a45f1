# ruff: noqa: INP001 - a script beside the package
"""Fails when a file has more than 400 lines or a function more than 70: rooms that a tired person can read."""

import ast
import sys
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 70
ROOTS = ("src", "tests", "benchmarks", "tools")


def findings(path: Path) -> list[str]:
    """What is too long in one file."""
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    found = [f"{path}: {lines} lines, at most {FILE_LINES}"] if lines > FILE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(f"{path}:{node.lineno}: {node.name} has {length} lines, at most {FUNCTION_LINES}")
    return found


def main() -> int:
    """0 when every file and function is small enough."""
    root = Path(__file__).parent.parent
    found = [line for name in ROOTS for path in sorted((root / name).rglob("*.py")) for line in findings(path)]
    sys.stdout.write("\n".join([*found, f"sizes: {len(found)} findings\n"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
