"""`overnight doctor`: is everything ready for the night?"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.options import HERE, Json, Repo, Study, present_folder
from overnight.cli.redteam import passing
from overnight.cli.run import IsolationName

if TYPE_CHECKING:
    from overnight.rules.doctor import Finding

_COLOURS = {"ok": "32", "warning": "33", "problem": "31"}
_WORD = 9


def doctor(
    program: Annotated[
        Path | None, typer.Argument(metavar="[PROGRAM]", help="program.md or its folder, if not this one.")
    ] = None,
    isolation: IsolationName = None,
    study: Study = None,
    repo: Repo = HERE,
    json: Json = False,
) -> None:
    """Look at everything that a night needs: the box, git, disk, clock, sleep, agents, and the judge against itself.

    Works without program.md too. Each line is ok, a warning, or a problem, with what to do next. Exit code 1 when a
    problem makes `overnight run` impossible, 0 otherwise. Nothing is changed.
    """
    from overnight.cli.console import say, say_json
    from overnight.wiring import find_site
    from overnight.wiring.doctor import examine, site_or_none
    from overnight.wiring.options import Options

    named = program is not None or repo != HERE
    site = site_or_none(lambda: find_site(present_folder(program or repo), study), named=named)
    options = Options(isolation=isolation, environment=dict(os.environ))
    found: list[Finding] = []
    with passing() as status:
        for finding in examine(site, options, lambda text: status(f"{text} ...")):
            status("")
            found.append(finding)
            if not json:
                say(_line(finding))
    problems = [one.name for one in found if one.health == "problem"]
    if json:
        import msgspec

        findings = [msgspec.to_builtins(msgspec.structs.asdict(one)) for one in found]
        say_json({"ok": not problems, "problems": problems, "findings": findings})
    else:
        say(_ending(found))
    if problems:
        raise typer.Exit(1)


def _line(finding: "Finding") -> str:
    from textwrap import wrap

    from overnight.cli.console import styled, width
    from overnight.report.text import block, one_line

    word = f"{finding.health.value:<{_WORD}}"
    if styled(sys.stdout):
        word = f"\x1b[{_COLOURS[finding.health.value]}m{word}\x1b[0m"
    columns = max(40, width(sys.stdout)) - _WORD
    lines = wrap(f"{one_line(finding.name, 40)}: {one_line(finding.text, 600)}", columns)
    for part in block(finding.next).split("\n") if finding.next else ():
        lines += wrap(f"-> {part}", columns, subsequent_indent="   ")
    return word + f"\n{' ' * _WORD}".join(lines)


def _ending(found: "list[Finding]") -> str:
    from overnight.report.text import plural

    problems = sum(one.health == "problem" for one in found)
    warnings = sum(one.health == "warning" for one in found)
    if problems:
        return f"\n{plural(problems, 'problem')} to mend before a night can run, {plural(warnings, 'warning')}."
    return f"\nNothing stands in the way of a night; {plural(warnings, 'warning')}."
