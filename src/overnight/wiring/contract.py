"""program.md from disk, checked against the repository: what will be measured, and what is wrong with it."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from overnight.errors import ContractError, UsageError
from overnight.model.contract import Contract
from overnight.model.problem import Problem
from overnight.program import lint, parse
from overnight.rules.scope import matches
from overnight.wiring.commands import commands_of
from overnight.wiring.concerned import warnings_of
from overnight.wiring.environments import environments
from overnight.wiring.facts import gather_facts
from overnight.wiring.options import Options
from overnight.wiring.preflight import box_problem, preflight
from overnight.wiring.site import Site

_SOURCES = ("train.py", "prepare.py", "pyproject.toml", "uv.lock")
_SOURCE_LIMIT = 512 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """The contract and the commit it is applied to. `warnings` go into the record, `notices` to the person."""

    contract: Contract
    text: str
    commit: str
    tree: str
    dirty: tuple[str, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    notices: tuple[str, ...]


def read_contract(site: Site) -> tuple[Contract, str]:
    """program.md as Contract, and its text.

    Raises:
        UsageError: no program.md, or not readable as text.
        ContractError: it cannot be enforced as written.
    """
    path = site.program
    if not path.is_file():
        raise UsageError(
            f"there is no program.md in {path.parent} or above it: `overnight init` writes one, or name its folder "
            "with --repo DIR"
        )
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    contract = parse(text, file=str(path), folder=site.prefix, program=path.name, sources=_sources(path.parent))
    if "env_dirs" not in contract.written:
        contract = replace(contract, env_dirs=environments(path.parent))
    return contract, text


def inspect_contract(site: Site, options: Options) -> Loaded:
    """The contract and every finding, without refusing anything but a file that cannot be read as a contract.

    Whatever `load` and the box would refuse is among the errors; what it would refuse only until something is
    committed is a warning.

    Raises:
        UsageError: no repository state to check against, no program.md.
        ContractError: it cannot be enforced as written.
    """
    contract, text = read_contract(site)
    commit, tree = site.repository.head()
    dirty = site.repository.dirty()
    problems = (*_problems(site, options, contract, text, tree), *box_problem(site, options, contract, text))
    problems = _in_order((*problems, *_uncommitted(site, contract, dirty), *warnings_of(site, contract, text)))
    return Loaded(contract, text, commit, tree, dirty, problems, tuple(problem.text() for problem in problems), ())


def _problems(site: Site, options: Options, contract: Contract, text: str, tree: str) -> tuple[Problem, ...]:
    """What is wrong with the contract, in itself and on this machine."""
    found = lint(contract, gather_facts(site, contract, text, tree), matches=matches)
    return _in_order((*found, *preflight(site, options, contract, text, tree)))


def _in_order(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.severity != "error", problem.line)))


def _uncommitted(site: Site, contract: Contract, dirty: Iterable[str]) -> tuple[Problem, ...]:
    try:
        _refuse_uncommitted(site, contract, dirty)
    except UsageError as error:
        return (Problem(severity="warning", code="uncommitted", file=str(site.program), message=f"{error}."),)
    return ()


def load(site: Site, options: Options) -> Loaded:
    """Read, check and place the contract; every error is reported before anything runs.

    Raises:
        ContractError: something in it cannot be enforced, or cannot work on this machine.
        UsageError: a file that program.md names is not committed as it is.
    """
    contract, text = read_contract(site)
    commit, tree = site.repository.head()
    dirty = site.repository.dirty()
    notices: list[str] = []
    if dirty and options.with_changes:
        commit, tree = site.repository.snapshot(lambda _path: True, "the working tree as it was when the study began")
        notices.append(f"measuring the working tree with its {_changes(len(dirty))}, as commit {commit[:10]}")
    elif dirty:
        _refuse_uncommitted(site, contract, dirty)
        others = [path for path in dirty if path != _inside(site, contract.program)]
        if others:
            shown = ", ".join(others[:3]) + (" ..." if len(others) > 3 else "")
            notices.append(f"measuring commit {commit[:10]}; not in it: {_changes(len(others))} ({shown})")
    problems = _problems(site, options, contract, text, tree)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise ContractError(errors)
    warnings = tuple(problem.text() for problem in problems)
    return Loaded(contract, text, commit, tree, dirty, problems, warnings, (*notices, *warnings))


def _changes(count: int) -> str:
    return f"{count} uncommitted {'change' if count == 1 else 'changes'}"


def _sources(folder: Path) -> dict[str, str]:
    found = {}
    for name in _SOURCES:
        path = folder / name
        if path.is_file() and path.stat().st_size <= _SOURCE_LIMIT:
            found[name] = path.read_text(encoding="utf-8", errors="replace")
    return found


def _inside(site: Site, path: str) -> str:
    return f"{site.prefix}/{path}" if site.prefix else path


def named_files(site: Site, contract: Contract) -> frozenset[str]:
    """Repository paths of existing files that program.md names in its commands."""
    words = {word for line in commands_of(contract) for word in _words(line)}
    base = site.program.parent
    return frozenset(_inside(site, word) for word in words if not Path(word).is_absolute() and (base / word).is_file())


def _words(line: str) -> Iterable[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()


def _refuse_uncommitted(site: Site, contract: Contract, dirty: Iterable[str]) -> None:
    named = named_files(site, contract)
    prefix = f"{site.prefix}/" if site.prefix else ""

    def matters(path: str) -> bool:
        inner = path.removeprefix(prefix)
        if path == _inside(site, contract.program) or matches(contract.hide, inner) or matches(contract.data, inner):
            return False
        return path in named or (path.startswith(prefix) and matches(contract.edit, inner))

    wrong = sorted(path for path in dirty if matters(path))
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise UsageError(
            f"{shown}: program.md names it, but what is on disk is not committed, and a commit is what is measured. "
            "Commit it (`git add` and `git commit`), or measure the working tree as it is with --with-changes"
        )
