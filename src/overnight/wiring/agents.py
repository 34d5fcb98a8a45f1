"""An agent's name or command line, made into an Agent."""

import shlex
import sys
from pathlib import Path

from overnight.agents import CommandAgent, Scripted, Tuner, parameters_of, script_mounts
from overnight.errors import UsageError
from overnight.model.box import Limits, Mount
from overnight.model.value import Words
from overnight.ports import Agent
from overnight.program.findings import nearest
from overnight.sandbox import resolve
from overnight.wiring.options import AGENTS
from overnight.wiring.rooms import Rooms
from overnight.wiring.shown import hidden_folders, readable

_LONGEST_NAME = 255


AGENT_MEMORY = 16 * 1024**3
AGENT_DISK = 8 * 1024**3
AGENT_PIDS = 1024
AGENT_OUTPUT = 8 * 1024**2
"""Bounds on an agent's box: wide, because they only protect the machine; the contract's budget is the candidate's."""


def split_agent(name: str) -> tuple[str, str]:
    """("tuner", ""), ("scripted", FILE) or ("command", LINE).

    Raises:
        UsageError: anything else; names the nearest known one.
    """
    word, _, rest = name.strip().partition(" ")
    if word == "tuner" and not rest.strip():
        return word, ""
    if word in {"command", "scripted"} and rest.strip():
        return word, rest.strip()
    if word in {"command", "scripted"}:
        raise UsageError(f'--agent "{word}" needs something behind the word, as in --agent "{word} ./improve.sh"')
    near = nearest(word, ("tuner", "command", "scripted"))
    hint = f" Did you mean {near}?" if near else ""
    raise UsageError(
        f"there is no agent {name!r}.{hint} Choose one of {', '.join(AGENTS)}; any program can be an agent: "
        f'--agent "command {name}"'
    )


def build_agent(name: str, rooms: Rooms, tree: str, segment: int) -> Agent:
    """The agent that `name` describes, for a study on git tree `tree`.

    Raises:
        UsageError: no such agent, a missing script, or an environment variable that is not set.
    """
    kind, rest = split_agent(name)
    if kind == "tuner":
        return Tuner()
    if kind == "scripted":
        path = Path(rest).expanduser()
        if not path.is_file():
            raise UsageError(f'there is no script {path}: --agent "scripted FILE" takes a JSON or TOML file of steps')
        return Scripted.load(path)
    _refuse_lost_files(rest, rooms, tree)
    return _command(rest, rooms, segment)


def baseline_parameters(name: str, rooms: Rooms, tree: str) -> Words:
    """What the tuner would have recorded of git tree `tree`, so that it does not propose it again; () for others."""
    if split_agent(name)[0] != "tuner":
        return ()
    folder = rooms.scratch / "baseline"
    rooms.trees.checkout(tree, folder)
    return parameters_of(folder / rooms.contract.folder, rooms.contract.edit)


def _command(line: str, rooms: Rooms, segment: int) -> Agent:
    contract, environment = rooms.contract, rooms.options.environment
    spec, root = contract.agent, rooms.site.repository.root
    missing = [variable for variable in spec.pass_env if variable not in environment]
    if missing:
        raise UsageError(f"agent.pass_env names {', '.join(missing)}, which your environment lacks: set it first")
    toolchain = resolve(
        (line,),
        environment=environment,
        cwd=rooms.site.program.parent,
        read=(),
        interpreter=sys.executable,
        stubs=rooms.scratch / "agent-stubs",
    )
    scripts = script_mounts(
        line, Path.cwd(), repository=root, home=Path(toolchain.home), hidden=hidden_folders(contract, root)
    )
    return CommandAgent(
        line,
        sandbox=rooms.sandbox,
        toolchain=toolchain,
        scratch=rooms.scratch / "agent-files",
        transcripts=rooms.site.folder / "transcripts",
        network=spec.network is not None,
        env={variable: environment[variable] for variable in spec.pass_env},
        label=f"{segment}-" if segment > 1 else "",
        read=(*(_shown(path, rooms) for path in spec.read), *scripts),
        limits=Limits(
            wall=spec.wall,
            memory=max(contract.budget.memory, AGENT_MEMORY),
            pids=max(contract.budget.pids, AGENT_PIDS),
            disk=max(contract.budget.disk, AGENT_DISK),
            output=AGENT_OUTPUT,
            grace=contract.budget.grace,
        ),
    )


def _refuse_lost_files(line: str, rooms: Rooms, tree: str) -> None:
    """Refuse a relative word that names a file here which the checkout will not hold.

    Otherwise the command would fail in every experiment, each of them recorded as an agent that changed nothing.
    """
    repository = rooms.site.repository
    tracked = repository.files(tree)
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # an open quote: the shell will say so better than we can
        return
    for word in words:
        path = Path.cwd() / word
        if word.startswith(("/", "~")) or len(word) > _LONGEST_NAME or "\0" in word or not path.is_file():
            continue
        place = path.resolve()
        inside = place.is_relative_to(repository.root)
        if inside and place.relative_to(repository.root).as_posix() in tracked:
            continue
        raise UsageError(
            f"the agent's command names {word}, which is not in the commit that the agent gets a checkout of: write "
            f"its absolute path, {place}"
        )


def _shown(path: str, rooms: Rooms) -> Mount:
    place = str(readable("agent.read", path, rooms.site, rooms.contract, rooms.options.environment))
    return Mount(source=place, target=place)
