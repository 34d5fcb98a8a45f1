"""From kept changes to branches: trees replayed in memory, commits in the person's name, refs moved last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from overnight.errors import LedgerError, UsageError
from overnight.model.state import State
from overnight.program import slug
from overnight.rules.finish import Taken, named, themes
from overnight.wiring.site import Site
from overnight.workspace.branches import Branches
from overnight.workspace.objects import empty_tree, write_tree
from overnight.workspace.replay import Replay, Stage, Step


@dataclass(frozen=True, slots=True)
class Line:
    """One branch to be: `stages` become its commits, oldest first; `theme` is the first of its files, "" = everything.

    `paths` are the files that it changes, sorted, as they are in git.
    """

    branch: str
    theme: str
    stages: tuple[Stage, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A branch as it is now: a commit for each stage, and whether it was there before (`kept_at` holds its old tip)."""

    line: Line
    commits: tuple[str, ...]
    was: Literal["new", "same", "replaced"]
    kept_at: str = ""


Message = Callable[[Line, Stage], str]


def plan(site: Site, state: State, taken: Taken, branch: str, *, by_theme: bool) -> tuple[Line, ...]:
    """The branches that tell the changes of `taken` one by one, on top of the segment's base; nothing is moved yet.

    Raises:
        UsageError: the changes come to nothing.
        LedgerError: the study's history does not add up.
    """
    stages = _stages(site, state, taken)
    if not stages:
        raise UsageError("the kept changes leave the code as it was, so there is nothing to finish")
    touched = _touched(site, state, stages)
    if not by_theme:
        paths = tuple(sorted({path for found in touched.values() for path in found}))
        return (Line(branch, "", stages, paths),)
    groups = themes(touched)
    firsts = [min(path for place in group for path in touched[place]) for group in groups]
    names = named([f"{branch}--{slug(first)}" for first in firsts])
    return tuple(
        _themed(site, state, Line(name, first, tuple(stages[place] for place in group), ()), touched, group)
        for name, first, group in zip(names, firsts, groups, strict=True)
    )


def finish(
    site: Site, state: State, lines: Sequence[Line], message: Message, *, replace: bool
) -> tuple[Made, ...]:  # fmt: skip
    """Write every line's commits and make its branch. Refused before any branch is made or moved where one cannot be.

    The same changes give the same commits, so that a branch that is there already is left as it is. Another one in
    its place is refused, or with `replace` moved, and its old tip kept under refs/overnight/<study>/replaced/.

    Raises:
        UsageError: a name that git does not allow, a branch that is checked out, or one that holds something else.
        RepositoryError: git could not write it.
    """
    branches = Branches(site.repository)
    for line in lines:
        branches.require_name(line.branch)
    written = [_write(branches, state, line, message) for line in lines]
    there = [branches.tip(line.branch) for line in lines]
    for line, commits, tip in zip(lines, written, there, strict=True):
        if tip != commits[-1]:
            _require_free(branches, line.branch, tip, replace=replace)
    return tuple(
        _place(branches, state.study, line, commits, tip)
        for line, commits, tip in zip(lines, written, there, strict=True)
    )


def _stages(site: Site, state: State, taken: Taken) -> tuple[Stage, ...]:
    assert state.contract is not None  # noqa: S101 - a study with kept changes was opened with a contract
    steps = {}
    for number in taken.line:
        one = state.experiments[number]
        steps[number] = Step(site.repository.tree_of(one.parent_commit or state.base), one.tree)
    ends = [site.repository.tree_of(state.base), *(step.after for step in steps.values())]
    if ends[:-1] != [step.before for step in steps.values()]:
        raise LedgerError(
            f"the changes behind #{taken.final} are not built on each other as the history of study {state.study} "
            "says: it does not add up; run `git fsck`"
        )
    return Replay(site.repository, state.contract).line(steps, taken.numbers, taken.tree)


def _touched(site: Site, state: State, stages: Sequence[Stage]) -> dict[int, frozenset[str]]:
    """The files that each stage changes, by its place."""
    found = {}
    before = site.repository.files(site.repository.tree_of(state.base))
    for place, stage in enumerate(stages):
        after = site.repository.files(stage.tree)
        found[place] = frozenset(path for path in {*before, *after} if before.get(path) != after.get(path))
        before = after
    return found


def _themed(
    site: Site, state: State, line: Line, touched: dict[int, frozenset[str]], group: tuple[int, ...]
) -> Line:  # fmt: skip
    """`line` with its own files alone: no other theme touches them, so its trees need no merge."""
    paths = sorted({path for place in group for path in touched[place]})
    base = site.repository.tree_of(state.base)
    stages = []
    for stage in line.stages:
        files = site.repository.files(stage.tree)
        entries = {path: (files[path].mode, files[path].id) if path in files else None for path in paths}
        tree = write_tree(site.repository.pygit, base, entries) or empty_tree(site.repository.pygit)
        stages.append(Stage(stage.numbers, tree))
    return Line(line.branch, line.theme, tuple(stages), tuple(paths))


def _write(branches: Branches, state: State, line: Line, message: Message) -> tuple[str, ...]:
    commits = []
    parent = state.base
    for stage in line.stages:
        at = max(int(state.experiments[number].judged_at or state.opened_at) for number in stage.numbers)
        parent = branches.commit(stage.tree, parent, message(line, stage), at)
        commits.append(parent)
    return tuple(commits)


def _require_free(branches: Branches, name: str, tip: str, *, replace: bool) -> None:
    folder = branches.worktree_of(name)
    if folder:
        raise UsageError(
            f"the branch {name} is checked out in {folder}, and what is checked out is never moved: check out another "
            "there, or choose another name with --branch NAME"
        )
    if tip and not replace:
        raise UsageError(
            f"the branch {name} exists and holds something else ({tip[:10]}), so nothing was changed: move it with "
            "--replace, which keeps the old one, or choose another name with --branch NAME"
        )


def _place(branches: Branches, study: str, line: Line, commits: tuple[str, ...], tip: str) -> Made:
    if tip == commits[-1]:
        return Made(line, commits, "same")
    if not tip:
        branches.create(line.branch, commits[-1])
        return Made(line, commits, "new")
    kept_at = f"refs/overnight/{study}/replaced/{tip[:12]}"
    branches.move(line.branch, tip, commits[-1], kept_at)
    return Made(line, commits, "replaced", kept_at)
