"""An agent that plays a list of edits: for tests, for replays, and as the smallest example of an agent."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from overnight.agents.patch import apply_hunks, parse_patch
from overnight.errors import UsageError
from overnight.model.brief import AgentBudget, Brief
from overnight.model.experiment import Proposal
from overnight.model.value import Value


class Step(Value, frozen=True, kw_only=True):
    """The edits of one experiment, made in this order; paths are relative to the folder of program.md.

    `files` are (path, whole text) pairs, None deletes. `replace` are (path, old, new) triples; `old` must occur
    exactly once. `patch` is a unified diff that must fit exactly. The rest are the words of the Proposal.
    """

    summary: str = ""
    hypothesis: str = ""
    files: tuple[tuple[str, str | None], ...] = ()
    replace: tuple[tuple[str, str, str], ...] = ()
    patch: str = ""
    ideas: tuple[str, ...] = ()


class _Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    steps: list[dict[str, Any]]


class Scripted:
    """Plays `steps[brief.number - 1]`, so that a resumed study goes on with the right one.

    An edit that does not fit changes nothing: the whole step is left out and the Proposal's note says why. Behind the
    last step the agent is unavailable.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)

    @classmethod
    def load(cls, path: Path) -> "Scripted":
        """Read `steps` from a .json or .toml file; there `files` is a table of path to text (JSON: null deletes).

        Raises:
            UsageError: the file is missing or not such a list; the message names the place.
        """
        try:
            data = path.read_bytes()
            raw = tomllib.loads(data.decode()) if path.suffix == ".toml" else json.loads(data)
            script = msgspec.convert(raw, _Script)
            return cls([_step(table, index) for index, table in enumerate(script.steps)])
        except OSError as error:
            raise UsageError(f"cannot read the script {path}: {error.strerror}") from error
        except ValueError as error:
            raise UsageError(f"cannot read the script {path}: {error}") from error

    def propose(self, brief: Brief, workdir: Path, budget: AgentBudget) -> Proposal:  # noqa: ARG002 - takes no time
        """Make the edits of this experiment's step below `workdir`."""
        if not 1 <= brief.number <= len(self.steps):
            return Proposal(unavailable=f"the script has no step {brief.number}: it ends with step {len(self.steps)}")
        step = self.steps[brief.number - 1]
        try:
            edits = _edits(step, workdir)
        except ValueError as error:
            return Proposal(summary=step.summary, note=f"step {brief.number} was left out: {error}")
        for path, text in edits.items():
            _put(path, text)
        return Proposal(summary=step.summary, hypothesis=step.hypothesis, ideas=step.ideas)


def _step(table: dict[str, Any], index: int) -> Step:
    files = table.get("files", {})
    pairs = list(files.items()) if isinstance(files, dict) else files
    unknown = sorted(set(table) - set(Step.__struct_fields__))
    if unknown:
        raise ValueError(f"step {index + 1} has unknown keys: {', '.join(unknown)}")
    try:
        return msgspec.convert({**table, "files": pairs}, Step)
    except msgspec.ValidationError as error:
        raise ValueError(f"step {index + 1}: {error}") from error


def _edits(step: Step, workdir: Path) -> dict[Path, str | None]:
    """The new text of every file that the step touches (None = deleted), all of it worked out before any is written."""
    edits: dict[Path, str | None] = {}

    def present(name: str) -> str:
        path = _inside(workdir, name)
        text = edits[path] if path in edits else _get(path)
        if text is None:
            raise ValueError(f"{name} does not exist")
        return text

    for name, text in step.files:
        edits[_inside(workdir, name)] = text
    for name, old, new in step.replace:
        text = present(name)
        if text.count(old) != 1:
            raise ValueError(f"{name} holds the text to replace {text.count(old)} times, not once")
        edits[_inside(workdir, name)] = text.replace(old, new)
    for change in parse_patch(step.patch) if step.patch else ():
        new_text = apply_hunks("" if change.old is None else present(change.old), change)
        if change.old is not None:
            edits[_inside(workdir, change.old)] = None
        if change.new is not None:
            edits[_inside(workdir, change.new)] = new_text
    return edits


def _inside(workdir: Path, name: str) -> Path:
    """The path of `name` below `workdir`, without links on the way: a script never writes anywhere else."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise ValueError(f"`{name}` is not a path below the folder of program.md")
    path = workdir
    for part in parts:
        path /= part
        if path.is_symlink():
            raise ValueError(f"`{name}` leads through a link")
    return path


def _get(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not UTF-8 text") from error
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from error


def _put(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
