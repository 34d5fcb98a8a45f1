"""How to reproduce: what has to be the same for the same numbers, and commands that make it so."""

import posixpath
import shlex
from itertools import groupby

from overnight.model.contract import Tier
from overnight.model.state import Experiment, State
from overnight.model.value import Value
from overnight.report.escape import code, fence, words
from overnight.report.text import escape

_SHOWN = 5


class Beside(Value, frozen=True, kw_only=True):
    """What the base commit alone does not bring: found on the person's disk when the report is written.

    `root` is the repository's working folder. `program` says which program.md has this segment's contract: the one
    on "disk", the one of the "base" commit, or "" for neither any more. `copies` are files and folders that git does
    not hold, `links` installed environments, `elsewhere` what is not below the root. Of `data` and `hide`, `lost` are
    globs that match nothing any more, `many` those with more files outside git than a command names. Paths are
    absolute.
    """

    root: str
    program: str
    copies: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    many: tuple[str, ...] = ()


def reproduce(state: State, version: str, beside: Beside | None) -> list[str]:
    """Section 8. Without `beside` the commands say only what the ledger knows."""
    runs = [run for one in state.experiments[:1] for run in one.readings]
    host = f" on {words(runs[-1].host, 120)}" if runs and runs[-1].host else ""
    limits = f", limits {words(runs[-1].limits, 20)}" if runs else ""
    best = state.best
    which = f"segment {max(1, state.segment)} of {max(1, state.segments)}"
    lines = [
        f"- segment {code(state.digest, 80)} (contract, judge and base; {which} of the study)",
        f"- base commit {code(state.base, 80)}",
        f"- best commit {code(best.commit or state.base, 80)}" if best else "- no best yet",
        f"- seed {state.seed}, box `{state.tier.value}`{limits}{host}",
    ]
    if version:
        lines.append(f"- report written by overnight {words(version, 40)}")
    lines += [f"- {remark}" for remark in _remarks(state, beside)]
    return [*lines, "", fence("\n".join(_commands(state, beside)), "sh", lines=60, width=1000)]


def _remarks(state: State, beside: Beside | None) -> list[str]:
    said = []
    if len(_stretches(state)) > _SHOWN:
        said.append("several agents took turns; the last command names only the last of them")
    if beside is None:
        said.append("program.md, `data` and `hide` may lie outside git: copy them into the folder first")
        return said
    if not beside.program:
        said.append(
            "program.md has changed since this segment began and the base commit does not have it as it was: "
            "put it back before the last command"
        )
    if beside.elsewhere:
        shown = ", ".join(code(path, 120) for path in beside.elsewhere[:_SHOWN])
        said.append(f"not in the repository, and used where they lie: {shown}")
    if beside.many:
        shown = ", ".join(code(glob, 80) for glob in beside.many[:_SHOWN])
        said.append(f"many files that git does not hold, to be copied to the same places: {shown}")
    if beside.lost:
        shown = ", ".join(code(glob, 80) for glob in beside.lost[:_SHOWN])
        said.append(f"named by program.md and gone from this disk, so put them back first: {shown}")
    return said


def _commands(state: State, beside: Beside | None) -> list[str]:
    root = beside.root if beside else ""
    copy = f"{posixpath.dirname(root)}/again" if root else "../again"
    folder = state.contract.folder if state.contract else ""
    target = posixpath.join(copy, folder) if folder else copy
    lines = [f"cd {_quoted(root)}"] if root else []
    lines.append(f"git worktree add --detach {_quoted(copy)} {_quoted(state.base[:12])}")
    if beside is not None:
        lines += _copying(state, beside, copy, target)
    lines.append(f"cd {_quoted(target)}")
    return [*lines, *_runs(state)]


def _copying(state: State, beside: Beside, copy: str, target: str) -> list[str]:
    lines = []
    if beside.program == "disk" and state.contract is not None:
        own = posixpath.join(beside.root, state.contract.folder, state.contract.program)
        lines += [f"mkdir -p {_quoted(target)}", f"cp {_quoted(own)} {_quoted(target)}/"]
    for verb, paths in (("cp -Rp", beside.copies), ("ln -s", beside.links)):
        for path in paths:
            there = posixpath.join(copy, posixpath.relpath(path, beside.root))
            lines.append(f"mkdir -p {_quoted(posixpath.dirname(there))}")
            lines.append(f"{verb} {_quoted(path)} {_quoted(posixpath.dirname(there))}/")
    return list(dict.fromkeys(lines))


def _stretches(state: State) -> list[Experiment]:
    """The last experiment of each stretch of judged experiments by the same agent."""
    judged = [one for one in state.experiments[1:] if one.outcome is not None]
    return [list(group)[-1] for _, group in groupby(judged, key=lambda one: (one.agent, one.policy))]


def _runs(state: State) -> list[str]:
    """One start for each stretch; for too many stretches one by the last agent."""
    stretches = _stretches(state)
    shown = stretches if len(stretches) <= _SHOWN else stretches[-1:]
    return [_run(state, last) for last in shown or (None,)]


def _run(state: State, last: Experiment | None) -> str:
    """The start that ends with experiment `last`."""
    agent = last.agent if last else state.contract.agent.use if state.contract else ""
    count = last.number if last else 1
    parts = ["overnight run --study again", f"--seed {state.seed}", f"--experiments {count}"]
    parts += [f"--agent {_quoted(agent)}"] if agent else []
    parts += [f"--policy {_quoted(last.policy)}"] if last and last.policy else []
    parts += ["--isolation none"] if state.tier is Tier.none else []
    return " ".join(parts)


def _quoted(text: str) -> str:
    """`text` for the shell; what cannot be shown safely is spelled out, and then the command fails aloud."""
    return shlex.quote(escape(text))
