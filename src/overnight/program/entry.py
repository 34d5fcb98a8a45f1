"""Which editable files the contract's command runs, and in which language an attack on each is written."""

import re
from collections.abc import Callable, Collection, Mapping
from posixpath import basename, splitext
from typing import Literal

from overnight.model.contract import Contract
from overnight.model.value import Value
from overnight.program.commands import script_of, simple_commands
from overnight.program.imports import imported

Language = Literal["python", "sh", "node"]
MOST = 3
Matches = Callable[[tuple[str, ...], str], bool]

_WORDS: tuple[tuple[str, Language], ...] = (
    (r"(?:.*/)?(?:python|pypy)[0-9.]*|\$OVERNIGHT_PYTHON|uv", "python"),
    (r"(?:.*/)?(?:sh|bash|dash|zsh|ksh)", "sh"),
    (r"(?:.*/)?(?:node|nodejs|bun)", "node"),
)
_SUFFIXES: Mapping[str, Language] = {
    ".py": "python", ".sh": "sh", ".bash": "sh", ".js": "node", ".mjs": "node", ".cjs": "node",
}  # fmt: skip


class Entry(Value, frozen=True, kw_only=True):
    """Where attacking code goes: `path` from the folder of program.md, its `text` as it is now."""

    path: str
    language: Language
    text: str


def entries(
    contract: Contract, tracked: Collection[str], sources: Mapping[str, str], *, matches: Matches
) -> tuple[Entry, ...] | str:
    """The editable files that are executed, the likeliest first, at most MOST; or a sentence why there is none that an
    attack is written for.

    A file that is imported or named may turn out never to be run. `tracked` are paths from the folder of program.md,
    `sources` the texts of the small ones. `matches(globs, path)` is the scope's own rule for git-style globs.
    """
    lines = [line for line in (contract.run, contract.drive.serve if contract.drive else "") if line]
    started = [(path, line) for line in lines for path in script_of(line, tracked)]
    inner = [module for path, _ in started for module in imported(path, sources, tracked)]
    named = [path for script, _ in started for path in _mentioned(sources.get(script, ""), tracked)]
    places = dict.fromkeys((*inner, *named), "") | dict(reversed(started))
    order = dict.fromkeys((*(path for path, _ in started), *places))
    made = [_made(path, places[path], sources) for path in order if matches(contract.edit, path)]
    found = tuple(one for one in made if isinstance(one, Entry))[:MOST]
    if made:
        return found or next(one for one in made if isinstance(one, str))
    kinds = sorted({splitext(path)[1] or basename(path) for path in tracked if matches(contract.edit, path)})
    if not any(kind in _SUFFIXES for kind in kinds):
        return f"no attack is written for {', '.join(kinds) or 'an empty `edit`'}"
    scripts = ", ".join(path for path, _ in started)
    what = f"starts {scripts}, which may not be edited and imports" if started else "starts"
    return f"the command {what} no editable file that an attack could be written into"


def _mentioned(text: str, tracked: Collection[str]) -> list[str]:
    """The code files whose name a script mentions (to run them by path, say), in order."""
    code = [path for path in tracked if splitext(path)[1] in _SUFFIXES]
    places = {path: found.start() for path in code if (found := re.search(rf"\b{re.escape(basename(path))}\b", text))}
    return sorted(places, key=lambda path: places[path])


def _made(path: str, line: str, sources: Mapping[str, str]) -> Entry | str:
    text = sources.get(path)
    if text is None:
        return f"{path} is too large or no text"
    language = _started_by(path, line) or _SUFFIXES.get(splitext(path)[1]) or _shebang(text)
    if language is None:
        return f"no attack is written for {splitext(path)[1] or path}"
    return Entry(path=path, language=language, text=text)


def _started_by(path: str, line: str) -> Language | None:
    for _, words in simple_commands(line):
        if any(word.endswith(basename(path)) for word in words[1:]):
            return _language(words[0])
    return None


def _shebang(text: str) -> Language | None:
    if not text.startswith("#!"):
        return None
    words = text[2:].split("\n", 1)[0].split()
    return next((language for word in reversed(words) if (language := _language(word))), None)


def _language(word: str) -> Language | None:
    return next((language for pattern, language in _WORDS if re.fullmatch(pattern, word)), None)
