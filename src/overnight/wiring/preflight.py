"""What stops a night before anything is started: the contract against this machine. `check` and `run` share it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from overnight.errors import IsolationError, RepositoryError, UsageError
from overnight.model.contract import Contract
from overnight.model.problem import Problem
from overnight.program import places
from overnight.program.findings import nearest, spelled
from overnight.program.starts import starts_of
from overnight.rules.scope import matches
from overnight.sandbox.executables import Shell
from overnight.wiring.agents import split_agent
from overnight.wiring.commands import keyed_commands
from overnight.wiring.installed import editable_installs
from overnight.wiring.options import Options
from overnight.wiring.rooms import box_for
from overnight.wiring.shown import readable
from overnight.wiring.site import Site
from overnight.workspace.checkout import refuse_leaving_links

_BOX_KEYS = ("budget.strict", "drive.over")


@dataclass(frozen=True, slots=True)
class _Finder:
    site: Site
    options: Options
    contract: Contract
    tree: str
    places: Mapping[str, tuple[int, int]]

    def problem(self, code: str, at: str, message: str) -> Problem:
        key = at
        while key and key not in self.places:
            key = key.rpartition(".")[0]
        line, column = self.places.get(key, (0, 0))
        return Problem(code=code, file=str(self.site.program), line=line, column=column, message=_sentence(message))


def preflight(site: Site, options: Options, contract: Contract, text: str, tree: str) -> tuple[Problem, ...]:
    """Everything on this machine that stops a night which measures `tree` by the contract in `text`, in file order.

    Cheap: starts no process. The box is another question: `box_problem`.

    Raises:
        UsageError: the agent that was named with --agent cannot work.
    """
    finder = _Finder(site, options, contract, tree, places(text))
    found = [*_agent(finder), *_reads(finder), *_links(finder), *_commands(finder), *_originals(finder)]
    return tuple(sorted(found, key=lambda problem: (problem.line, problem.column)))


def box_problem(site: Site, options: Options, contract: Contract, text: str) -> tuple[Problem, ...]:
    """Why this machine has no box for the contract; runs a trial command in the box that it has."""
    try:
        box_for(contract, options)
    except IsolationError as error:
        at = next((key for key in _BOX_KEYS if str(error).startswith(key)), "isolation.require")
        finder = _Finder(site, options, contract, "", places(text))
        return (finder.problem("no-box", at, str(error)),)
    return ()


def _agent(finder: _Finder) -> Iterator[Problem]:
    given, spec = finder.options.agent, finder.contract.agent
    at = "agent.use" if "agent.use" in finder.places else "agent"
    try:
        kind, line = split_agent(given or spec.use)
        if kind == "command":
            _refuse_missing(finder, line)
    except UsageError as error:
        if given:
            raise
        yield finder.problem("no-agent", at, str(error))
        return
    missing = [name for name in spec.pass_env if name not in finder.options.environment]
    if kind == "command" and missing:
        names = ", ".join(missing)
        message = f"agent.pass_env names {names}, which your environment lacks: set it first"
        yield finder.problem("no-variable", "agent.pass_env", message)


def _refuse_missing(finder: _Finder, line: str) -> None:
    shell = Shell(finder.options.environment, Path.cwd())
    for start in starts_of(line):
        if start.program and not _found(shell, start.program):
            raise UsageError(
                f"the agent's command starts {start.program}, which is not on your PATH: {_hint(start.program)}"
            )


def _reads(finder: _Finder) -> Iterator[Problem]:
    contract = finder.contract
    for key, paths in (("agent.read", contract.agent.read), ("isolation.read", contract.isolation.read)):
        for index, path in enumerate(paths):
            try:
                readable(key, path, finder.site, contract, finder.options.environment)
            except UsageError as error:
                yield finder.problem("read", f"{key}.{index}", str(error))


def _links(finder: _Finder) -> Iterator[Problem]:
    try:
        refuse_leaving_links(finder.site.repository, finder.tree)
    except RepositoryError as error:
        yield finder.problem("link", "", str(error))


def _commands(finder: _Finder) -> Iterator[Problem]:
    contract, folder = finder.contract, finder.site.program.parent
    prefix = f"{finder.site.prefix}/" if finder.site.prefix else ""
    files = finder.site.repository.files(finder.tree)
    tracked = {path.removeprefix(prefix) for path in files if path.startswith(prefix)}
    shell = Shell(finder.options.environment, folder)
    own_path = any(name == "PATH" for name, _ in (*contract.isolation.env, *contract.variables))
    for key, line in keyed_commands(contract):
        for start in starts_of(line):
            word = start.program
            if word and not own_path and not _found(shell, word):
                message = f"`{spelled(key)}` starts `{word}`, which is not on your PATH: {_hint(word)}"
                yield finder.problem("no-program", key, message)
            for path in start.files if start.first else ():
                if not _present(finder, path, tracked):
                    yield finder.problem("no-file", key, _missing(key, path, tracked, on_disk=(folder / path).exists()))


def _originals(finder: _Finder) -> Iterator[Problem]:
    if finder.options.isolation != "none":
        return
    folder, root = finder.site.program.parent, finder.site.repository.root
    shell = Shell(finder.options.environment, folder)
    for found in editable_installs(finder.contract, folder, root, shell):
        message = (
            f"`{spelled(found.key)}` runs in an environment that imports {found.source} itself ({found.said} says so): "
            "without a box every candidate would be measured as these files, never as its own. Uninstall it there (pip "
            "uninstall) and set PYTHONPATH in `isolation.env`, or run in a box"
        )
        yield finder.problem("editable-install", found.key, message)
        return


def _present(finder: _Finder, path: str, tracked: set[str]) -> bool:
    """Whether the box will hold `path`: tracked, or shown beside the checkout."""
    contract = finder.contract
    place = Path(path).expanduser()
    if place.is_absolute() or path.startswith("../"):
        return (finder.site.program.parent / place).exists()
    if path in tracked:
        return True
    beside = (*contract.data, *contract.hide, *contract.env_dirs, *contract.isolation.read, *contract.artifacts)
    if matches(beside, path):
        return True
    return any(name.startswith(f"{path}/") for name in tracked)


def _missing(key: str, path: str, tracked: set[str], *, on_disk: bool) -> str:
    if on_disk:
        return f"`{spelled(key)}` starts `{path}`, which is on disk and not in the commit that is measured: commit it"
    near = nearest(path, tracked)
    meant = f" Did you mean `{near}`?" if near else ""
    return f"`{spelled(key)}` starts `{path}`, and there is no such file.{meant}"


def _found(shell: Shell, word: str) -> bool:
    return shell.find(word) is not None


def _hint(word: str) -> str:
    near = nearest(word, ("python", "python3", "node", "pytest", "uv", "bash", "make", "cargo", "npm"))
    return (f"did you mean `{near}`? " if near and near != word else "") + "correct it, or install it first"


def _sentence(message: str) -> str:
    return message if message.endswith((".", "?")) else f"{message}."
