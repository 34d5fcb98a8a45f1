"""Which tracked files a shell command names: a reading of its words, not of what it does."""

import re
import shlex
from collections.abc import Collection
from posixpath import normpath

_OPERATORS = frozenset({"&&", "||", ";", "|", "&", "(", ")", "|&", ";;"})
_TEST_FILE = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test|conftest)\.py")
_TEST_FOLDER = re.compile(r"(?:.*/)?tests?(?:/.*)?")
_STEERING = frozenset({"conftest.py", "pytest.ini", "sitecustomize.py"})
_RUNNERS = frozenset({"pytest", "py.test", "unittest"})
_INTERPRETER = re.compile(r"(?:.*/)?(?:python[0-9.]*|pypy[0-9.]*|node|ruby|perl|bash|sh|zsh|Rscript|julia|deno|bun)")


def files_named(command: str, tracked: Collection[str]) -> tuple[str, ...]:
    """The tracked files that the command's words name: as paths, as `--option=path`, as `-m module`, below a `cd`."""
    found: dict[str, None] = {}
    for folder, words in simple_commands(command):
        for index, word in enumerate(words):
            for candidate in _spellings(word, words[index - 1] if index else ""):
                path = folder_below(folder, candidate)
                if path in tracked:
                    found[path] = None
    return tuple(found)


def script_of(command: str, tracked: Collection[str]) -> tuple[str, ...]:
    """The tracked files that the command executes: of each simple command, the first word that names one.

    A word that follows a program that is no interpreter (`ruff check app.py`) is its input, not executed.
    """
    found: dict[str, None] = {}
    for folder, words in simple_commands(command):
        runs_next = True
        for index, word in enumerate(words):
            names = [folder_below(folder, spelled) for spelled in _spellings(word, words[index - 1] if index else "")]
            hit = next((path for path in names if path in tracked), None)
            if hit and runs_next:
                found[hit] = None
                break
            if not (word.startswith("-") or "=" in word):
                runs_next = bool(_INTERPRETER.fullmatch(word)) or word in {"uv", "run", "exec", "env", "time", "nice"}
                runs_next = runs_next or word == "$OVERNIGHT_PYTHON"
                runs_next = runs_next or (index > 0 and words[index - 1] == "-m")
            if not runs_next:
                break
    return tuple(found)


def tests_of(command: str, tracked: Collection[str]) -> tuple[str, ...]:
    """The tracked test files that a test runner's command would collect, by the conventions of pytest and unittest."""
    found: dict[str, None] = {}
    for folder, words in simple_commands(command):
        if any(word.rpartition("/")[2] in _RUNNERS for word in words):
            roots = [folder_below(folder, word.partition("::")[0]) for word in words if not word.startswith("-")]
            found |= dict.fromkeys(_collected(roots, tracked))
    return tuple(found)


def _collected(roots: Collection[str], tracked: Collection[str]) -> list[str]:
    named = [root for root in roots if root in tracked or any(path.startswith(f"{root}/") for path in tracked)]
    collected = []
    for path in sorted(tracked):
        below = not named or any(path.startswith(f"{root}/") for root in named)
        is_test = _TEST_FILE.fullmatch(path) or _TEST_FOLDER.fullmatch(path)
        if path in named or path in _STEERING or (below and is_test):
            collected.append(path)
    return collected


def simple_commands(command: str) -> list[tuple[str, list[str]]]:
    """The command cut where the shell starts another one, each part with the folder that earlier `cd`s lead to.

    Redirections stay in their part: the operator, and then the file.
    """
    lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        words = command.split()
    parts: list[tuple[str, list[str]]] = []
    folder, current = "", list[str]()
    for word in [*words, ";"]:
        if word not in _OPERATORS:
            current.append(word)
            continue
        if len(current) == 2 and current[0] == "cd":
            folder = folder_below(folder, current[1])
        elif current:
            parts.append((folder, current))
        current = []
    return parts


def _spellings(word: str, before: str) -> list[str]:
    spellings = [word.partition("::")[0]]
    if "=" in word:
        spellings.append(word.partition("=")[2])
    if before == "-m":
        module = word.replace(".", "/")
        spellings += [f"{module}.py", f"{module}/__main__.py", f"src/{module}.py", f"src/{module}/__main__.py"]
    return spellings


def folder_below(folder: str, word: str) -> str:
    """The path that `word` names after a `cd` to `folder`; absolute ones stay as they are."""
    if not word or word.startswith(("/", "~")):
        return word
    path = normpath(f"{folder}/{word}" if folder else word)
    return "" if path == "." else path
