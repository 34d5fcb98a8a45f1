"""Which programs and scripts a shell command is certain to start: only what can be told without running it."""

import re
from typing import NamedTuple

from overnight.program.commands import folder_below, simple_commands

_INTERPRETER = re.compile(r"(?:.*/)?(?:python|pypy|node|ruby|perl|bash|sh|zsh|Rscript|julia)[0-9.]*|\$OVERNIGHT_PYTHON")
_REDIRECTION = re.compile(r"&?[<>]+[&|]?")
_OURS = "$OVERNIGHT_PYTHON"
_FLAG = re.compile(r"-[uBEIOsSb]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=.*", re.DOTALL)
_WRAPPERS = frozenset({"env", "exec", "nohup", "time"})
_KEYWORDS = frozenset({
    "if", "then", "else", "elif", "fi", "for", "do", "done", "while", "until", "case", "esac", "select", "function",
    "{", "}", "!", "[[", "coproc", "in",
})  # fmt: skip
_BUILTINS = frozenset({
    ":", "[", "break", "builtin", "cd", "command", "continue", "declare", "echo", "exit", "false", "getopts", "hash",
    "kill", "let", "local", "printf", "pwd", "read", "return", "shift", "test", "times", "true", "type", "ulimit",
    "umask", "unset", "wait",
})  # fmt: skip
_UNCERTAIN = frozenset({"source", ".", "eval", "export", "alias", "set", "trap"})
_OPEN = re.compile(r"[$`*?\[{'\"]")


class Start(NamedTuple):
    """A program that a command starts by name ("" when it is a path or cannot be told), and the files it starts.

    `files` are the program itself where it is written as a path, and what an interpreter is given; relative to where
    the command begins. `first` is false for what an earlier part of the command might have made.
    """

    program: str
    files: tuple[str, ...]
    first: bool


def starts_of(command: str) -> tuple[Start, ...]:
    """Every program that the command names plainly, in order, up to where its meaning can no longer be told."""
    if any(mark in command for mark in ("<<", "||", "()", "PATH=")):
        return ()
    found: list[Start] = []
    for index, (folder, words) in enumerate(simple_commands(command.replace("\\\n", " "))):
        plain = _unwrapped(_without_redirections(words))
        if not plain:
            continue
        program = plain[0]
        if program in _UNCERTAIN or program in _KEYWORDS or _OPEN.search(folder):
            break
        told = program == _OURS or not _OPEN.search(program)
        is_path = told and "/" in program
        by_name = told and not is_path and program not in _BUILTINS and program != _OURS
        files = [word for word in (program if is_path else "", _script(plain)) if word]
        below = tuple(folder_below(folder, word) for word in files)
        found.append(Start(program if by_name else "", below, index == 0))
    return tuple(found)


def _without_redirections(words: list[str]) -> list[str]:
    marks = [bool(_REDIRECTION.fullmatch(word)) for word in words]
    return [word for word, mark, target in zip(words, marks, [False, *marks], strict=False) if not (mark or target)]


def _unwrapped(words: list[str]) -> list[str]:
    """The words from the program on, without assignments and programs that only start another one."""
    rest = list(words)
    while rest and (_ASSIGNMENT.fullmatch(rest[0]) or (rest[0] in _WRAPPERS and len(rest) > 1)):
        if rest[0] in _WRAPPERS and rest[1].startswith("-"):
            return rest[:1]
        rest = rest[1:]
    return rest


def _script(words: list[str]) -> str:
    """The file that an interpreter at the head of the words is given, or ""."""
    if words[:2] == ["uv", "run"]:
        words = words[1:]
        if len(words) < 2 or not words[1].endswith(".py"):
            return ""
    elif not _INTERPRETER.fullmatch(words[0]):
        return ""
    rest = [word for word in words[1:] if not _FLAG.fullmatch(word)]
    return rest[0] if rest and not rest[0].startswith("-") and not _OPEN.search(rest[0]) else ""
