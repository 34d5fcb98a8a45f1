"""`overnight check`: the whole contract with its defaults, and the holes that a cheater would use."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overnight.cli.options import HERE, Json, Repo, Study, present_folder
from overnight.cli.run import IsolationName

if TYPE_CHECKING:
    from overnight.model.contract import Contract
    from overnight.model.problem import Problem
    from overnight.wiring import Site
    from overnight.wiring.contract import Loaded
    from overnight.wiring.options import Options
    from overnight.wiring.probe import Probe


def check(
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the front matter, for your editor.")
    ] = False,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Also run the judge: on the unchanged code, and on deliberately broken code."),
    ] = False,
    isolation: IsolationName = None,
    study: Study = None,
    repo: Repo = HERE,
    json: Json = False,
) -> None:
    """Print the whole contract with its defaults, and everything that is wrong with it. Changes nothing."""
    from overnight.cli.console import say, say_json
    from overnight.program import schema as published
    from overnight.wiring import find_site
    from overnight.wiring.contract import inspect_contract
    from overnight.wiring.options import Options

    if schema:
        say_json(published())
        return
    site = find_site(present_folder(repo), study)
    options = Options(isolation=isolation, with_changes=False, environment=dict(os.environ))
    loaded = inspect_contract(site, options)
    problems = list(loaded.problems)
    tunables = _tunables(site, loaded.contract)
    refused = any(problem.severity == "error" for problem in problems)
    probed = _probe(site, options, loaded, problems) if measure and not refused else None
    errors = [problem for problem in problems if problem.severity == "error"]
    if json:
        say_json(_document(site, loaded.contract, problems, tunables, probed, ok=not errors))
    else:
        say(_words(site, loaded, problems, tunables, probed))
    if errors:
        raise typer.Exit(2)


def _tunables(site: "Site", contract: "Contract") -> list[str]:
    from overnight.agents import tunables

    return [tunable.name for tunable in tunables(site.program.parent, contract.edit)]


def _probe(site: "Site", options: "Options", loaded: "Loaded", problems: "list[Problem]") -> "Probe":
    from overnight.cli.console import warn
    from overnight.model.problem import Problem
    from overnight.wiring.probe import open_rooms, probe

    warn("running the judge on the unchanged code and on broken code ...")
    with open_rooms(site, options, loaded.contract) as rooms:
        found = probe(rooms, loaded.tree)
    file = str(site.program)
    failure = found.unchanged.failure
    if failure is not None:
        tail = f"\n  its last output: {failure.tail}" if failure.tail else ""
        problems.append(
            Problem(
                code="no-number",
                file=file,
                message=f"the unchanged code gives no number in the box ({failure.code}): {failure.detail}{tail}",
                fix="If it works outside the box, show it what it misses: `isolation: {read: [/the/path]}`.",
            )
        )
    if found.blind:
        problems.append(
            Problem(
                code="blind-judge",
                file=file,
                message="the number still comes back when every editable file is broken: what is measured is not what "
                "is edited (an installed copy of the code, or a command that does not use it)",
                fix="Make `run` use the files of the repository, for example through PYTHONPATH in `isolation.env`.",
            )
        )
    return found


def _document(
    site: "Site",
    contract: "Contract",
    problems: "list[Problem]",
    tunables: list[str],
    probed: "Probe | None",
    *,
    ok: bool,
) -> dict[str, Any]:
    import msgspec

    return {
        "ok": ok,
        "study": site.study,
        "program": str(site.program),
        "inferred": contract.inferred,
        "contract": msgspec.to_builtins(_plain(contract)),
        "problems": [msgspec.structs.asdict(problem) for problem in problems],
        "tunables": tunables,
        "measured": None if probed is None else dict(probed.unchanged.values),
        "trust": None if probed is None else probed.unchanged.trust.value,
    }


def _plain(value: Any) -> Any:
    """A contract with its defaults written out, as plain dictionaries."""
    import msgspec

    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _words(
    site: "Site", loaded: "Loaded", problems: "list[Problem]", tunables: list[str], probed: "Probe | None"
) -> str:
    from overnight.program import describe
    from overnight.report.text import block, plural

    contract = loaded.contract
    origin = "inferred, because the file has no front matter" if contract.inferred else "with its defaults"
    lines = [f"# the contract of {site.program}, {origin}", describe(contract).rstrip(), ""]
    lines.append(f"measured: commit {loaded.commit[:10]}; study: {site.study}")
    if tunables:
        shown = ", ".join(tunables[:8]) + (f" and {len(tunables) - 8} more" if len(tunables) > 8 else "")
        lines.append(f"the tuner would turn: {shown}")
    else:
        lines.append("the tuner finds nothing to turn in the editable files: another agent is needed")
    if probed is not None and probed.unchanged.failure is None:
        values = ", ".join(f"{name} {value:.6g}" for name, value in probed.unchanged.values)
        lines.append(f"one reading of the unchanged code: {values} (trust: {probed.unchanged.trust})")
        if not probed.blind:
            lines.append("the same judge on broken code: no number, as it should be")
    lines.append("")
    lines += [problem.text() for problem in problems]
    errors = sum(problem.severity == "error" for problem in problems)
    lines.append(f"{plural(errors, 'error')}, {plural(len(problems) - errors, 'warning')}")
    return block("\n".join(lines))
