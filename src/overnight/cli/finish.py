"""From a night to a branch that can be reviewed: `finish`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.options import HERE, Json, Repo, Segment, Study, open_study

if TYPE_CHECKING:
    from overnight.model.state import State
    from overnight.rules.finish import Taken
    from overnight.wiring import Site
    from overnight.wiring.finish import Made

_LISTED = 40


def finish(
    *,
    study: Study = None,
    repo: Repo = HERE,
    segment: Segment = None,
    branch: Annotated[
        str | None,
        typer.Option("--branch", metavar="NAME", help="Name of the branch; overnight/STUDY if not given.",
                     show_default=False),
    ] = None,
    by_theme: Annotated[
        bool, typer.Option("--by-theme", help="One branch for each group of changes that touch the same files.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything behind the best so far, also what is not certified.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move a branch that holds something else; the old one is kept.")
    ] = False,
    body: Annotated[
        str | None,
        typer.Option("--body", metavar="FILE", help="Write the text of a pull request to FILE, or - for the screen.",
                     show_default=False),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Make a branch of the certified wins: one clean commit each, ready to be reviewed and merged.

    What an ablation found to be worthless is left out. Your own branch, index and files stay as they are.
    """
    from overnight.cli.console import say, say_json, warn
    from overnight.report.finish import message
    from overnight.rules.finish import taken
    from overnight.wiring.finish import finish as make
    from overnight.wiring.finish import plan

    site, state = open_study(repo, study, segment)
    chosen = taken(state, everything=everything)
    name = f"overnight/{state.study}" if branch is None else branch
    lines = plan(site, state, chosen, name, by_theme=by_theme)
    made = make(
        site,
        state,
        lines,
        lambda line, stage: message(state, chosen, stage.numbers, theme=line.theme if len(lines) > 1 else ""),
        replace=replace,
    )
    text = "\n---\n\n".join(_body(state, chosen, one, alone=len(made) == 1) for one in made)
    if body not in (None, "-"):
        _write(Path(str(body)), text)
    if json:
        say_json(_facts(state, chosen, made))
        return
    tell = warn if body == "-" else say
    tell(finish_text(state, chosen, made, signs=_signs(site)))
    if body == "-":
        sys.stdout.write(text)
    else:
        tell(f"pull request: {f'wrote {body}' if body else 'its text comes with --body FILE; --body - shows it'}")


def finish_text(state: "State", chosen: "Taken", made: "tuple[Made, ...]", *, signs: bool) -> str:
    """What `finish` prints for people. Every word of an agent is escaped."""
    from overnight.report.finish import subject
    from overnight.report.text import one_line, plural

    lines: list[str] = []
    was = {"new": "", "same": ", as it was already", "replaced": ", moved"}
    for one in made:
        name = one_line(one.line.branch, 120)
        count = plural(len(one.commits), "commit")
        lines.append(f"branch {name}: {count} on {state.base[:10]}{was[one.was]}")
        if one.kept_at:
            lines.append(f"  what it held before is kept at {one.kept_at}")
        for commit, stage in list(zip(one.commits, one.line.stages, strict=True))[:_LISTED]:
            changes = [state.experiments[number] for number in stage.numbers]
            numbers = ", ".join(f"#{number}" for number in stage.numbers)
            doubt = "" if set(stage.numbers) <= set(chosen.certified) else " (not certified)"
            lines.append(f"  {commit[:10]}  {numbers}  {one_line(subject(changes), 100)}{doubt}")
        if len(one.commits) > _LISTED:
            lines.append(f"  and {len(one.commits) - _LISTED} more: git log --oneline {state.base[:10]}..{name}")
    if chosen.left_out:
        gone = ", ".join(f"#{number}" for number in chosen.left_out[:_LISTED])
        lines.append(f"left out, because nothing measurable is lost without: {gone}")
    if any(len(stage.numbers) > 1 for one in made for stage in one.line.stages):
        lines.append("changes in one commit were built on what is left out, or leave nothing behind on their own")
    if len(made) > 1:
        lines.append("the certificate speaks of all branches together, not of each alone")
    if signs:
        lines.append("the commits are not signed: `git rebase --force-rebase --gpg-sign` on the branch signs them")
    quoted = [shlex.quote(one_line(one.line.branch, 120)) for one in made[:_LISTED]]
    lines += ["", f"look:   git log --stat {state.base[:10]}..{quoted[0]}"]
    lines += [f"merge:  git merge {name}" for name in quoted]
    return "\n".join(lines)


def _body(state: "State", chosen: "Taken", one: "Made", *, alone: bool) -> str:
    from overnight.report.finish import pull_request

    told = [(commit, stage.numbers) for commit, stage in zip(one.commits, one.line.stages, strict=True)]
    return pull_request(state, chosen, told, theme="" if alone else one.line.theme)


def _facts(state: "State", chosen: "Taken", made: "tuple[Made, ...]") -> dict[str, object]:
    from overnight.report.finish import title

    branches = []
    for one in made:
        theme = one.line.theme if len(made) > 1 else ""
        branches.append(
            {
                "branch": one.line.branch,
                "was": one.was,
                "kept_at": one.kept_at or None,
                "theme": theme or None,
                "paths": [path.encode("utf-8", "backslashreplace").decode() for path in one.line.paths],
                "commits": [
                    {
                        "commit": commit,
                        "experiments": stage.numbers,
                        "certified": set(stage.numbers) <= set(chosen.certified),
                    }
                    for commit, stage in zip(one.commits, one.line.stages, strict=True)
                ],
                "title": title(state, chosen, theme),
                "body": _body(state, chosen, one, alone=len(made) == 1),
            }
        )
    return {"study": state.study, "base": state.base, "left_out": chosen.left_out, "branches": branches}


def _signs(site: "Site") -> bool:
    from overnight.workspace.branches import Branches

    return Branches(site.repository).signs()


def _write(file: Path, text: str) -> None:
    from overnight.errors import UsageError

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}; the branch is made, choose another --body FILE"
                         ) from error  # fmt: skip
