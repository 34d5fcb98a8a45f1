# ruff: noqa: INP001 - a script beside the package
"""Write docs/reference/{contract,commands,events,json,flags}.md from the code: python tools/reference.py [--check].

With --check nothing is written; the exit code is 1 when a committed page is not what the code says.
"""

import inspect as introspect
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import typer
from flags import flags_page
from msgspec import inspect

from overnight.cli.main import app
from overnight.model import event, experiment
from overnight.model.contract import BUILT_IN_METRICS
from overnight.model.state import Experiment, State
from overnight.program import units
from overnight.program.document import Document
from overnight.program.refusals import not_enforced
from overnight.report.rows import row
from overnight.report.summary import Numbers

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "<!-- made by tools/reference.py: change the code, not this page -->"

_CONTRACT_HEAD = f"""# program.md: every key

{MADE}

The front matter of `program.md` is YAML (1.2, core schema) between two lines `---`; the text below is for agents.
Required are `metric`, `edit`, and `run` or `drive`. `overnight check` prints all of it with the defaults, `overnight
check --schema` a JSON Schema for your editor. An unknown key is an error that names the nearest known one.

## Keys
"""
_CONTRACT_TAIL = f"""## Spellings

- *duration*: `90s`, `5m`, `1h30m`, `500ms`, or a number of seconds. *size*: `512MiB` (powers of 1024), `2GB` (powers of
  1000), or a number of bytes. *percentage*: `5%`, or a fraction between 0 and 1. *rate*: `"0.001 per 20 lines"`, or one
  number, which is per 1.
- A *glob* is git's: `*` stays in its folder, `**` does not, a leading `!` in `edit` takes out. A list of one may be
  written without brackets.
- A *command* is a line for `sh -c`. `$OVERNIGHT_SEED`, `$OVERNIGHT_SPLIT` and `$OVERNIGHT_PYTHON` (the interpreter that
  runs overnight) are set. Paths are relative to the folder of program.md.

## Metrics that are always there

{", ".join(f"`{name}`" for name in BUILT_IN_METRICS)}.
The box measures the first three over the whole process tree. `loc` counts non-blank lines of the editable files,
`diff_lines` the lines added and deleted since the base. Each can be the metric itself, or stand in a guard or a
trade-off.

## What a judge prints

One line for each number: `METRIC name=0.123`, `name: 0.123`, or a JSON object `{{"name": 0.123}}`. Only names that
program.md mentions are read, other lines are ignored. A name printed twice, a number that is not finite, or none at all
is a failure, never a value.

## Known, but not enforced by this version

These keys are part of the language. Any value other than one in brackets is an error with exit code 2, so that nobody
relies on it:
"""
_EVENTS_HEAD = f"""# The ledger's events

{MADE}

The ledger is the git ref `refs/overnight/STUDY/ledger`; `git log` reads it. Every commit on it holds one or more events
that happened together: its message is a short line for people and the events as JSON. Its first parent is the commit
before, a further parent is the candidate that it speaks of. Times are seconds since 1970, durations seconds, sizes
bytes. A field that has its default is left out.
"""
_JSON_HEAD = f"""# JSON for programs

{MADE}

Every command takes `--json`. Each document is one line of ASCII. Numbers are finite; what is not known is `null`.

## `overnight status --json`
"""
_LOG_HEAD = """## `overnight log --json`

One object a line, in order of number: the baseline is number 0. Only judged experiments.

| field | type |
|---|---|"""

_KINDS = {
    "text": "text",
    "command": "command for `sh -c`",
    "metric": "metric's name",
    "glob": "glob",
    "inside": "path or glob below the folder",
    "anywhere": "path or glob, also `/...` and `~/...`",
    "env": "variable's name",
    "passed": "variable's name without KEY, TOKEN or SECRET",
    "raw": "text",
    "real": "number",
    "not_negative": "number, at least 0",
    "positive": "number above 0",
    "count": "whole number, at least 0",
    "at_least_one": "whole number, at least 1",
    "duration": "duration",
    "grace": "duration, may be 0",
    "size": "size",
    "fraction": "percentage or fraction",
    "share": "number between 0 and 0.5",
    "rate": "rate",
}
_SPELLED: dict[str, Callable[[Any], str]] = {
    "duration": units.duration_text,
    "grace": units.duration_text,
    "size": units.size_text,
}
_HELD = {
    "title": "shown in reports",
    "unit": "shown in reports",
    "metrics": "recorded",
    "agent.use": "yes, unless `--agent` says otherwise",
    "budget.memory": "yes; by the kernel in the tier capped, else softly: looked at every 20 ms",
    "budget.pids": "yes; by the kernel in the tier capped, else softly: looked at every 20 ms",
    "budget.cpu_seconds": "yes, softly: looked at every 20 to 50 ms",
    "budget.disk": "yes, softly: looked at every 100 ms; one file never grows beyond it",
    "budget.cpus": "yes: pinned to so many cores, which others may use too",
    "budget.strict": "yes; no box of this version has hard limits, so `true` is refused on every machine",
    "stop.usd": "yes, on what the agent claims to have spent",
    "holdout.queries": "yes, every look is counted in the ledger before it is taken",
    "agent.network": "yes; `shared` is recorded",
}


def contract_page() -> str:
    """docs/reference/contract.md."""
    sections: list[str] = []
    keys = _key_table("", Document, sections)
    lines = [_CONTRACT_HEAD, *keys, *sections, _CONTRACT_TAIL, *(f"- {text}" for text in not_enforced())]
    return "\n".join([*lines, ""])


def _key_table(prefix: str, struct: type, sections: list[str]) -> list[str]:
    lines = ["| key | type | default | meaning | enforced |", "|---|---|---|---|---|"]
    for field in _fields(struct):
        path = f"{prefix}{field.name}"
        says, kind, inner = _unwrapped(field.type)
        default = _default(field, kind, inner)
        held = _HELD.get(path, "yes")
        lines.append(f"| `{path}` | {_type(field.type)} | {default} | {_cell(says)} | {held} |")
        for section in inner:
            sections += [
                f"## `{path}`",
                "",
                _first(section.cls),
                "",
                *_key_table(f"{path}.", section.cls, sections),
                "",
            ]
    return [*lines, ""] if not prefix else lines


def _fields(struct: type) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - only structs are passed
    return info.fields


def _unwrapped(info: inspect.Type) -> tuple[str, str, list[inspect.StructType]]:
    """(description, kind, structs inside) of a key's type."""
    says, kind, inner = "", "", []
    for part in _parts(info):
        if isinstance(part, inspect.Metadata):
            says = says or str((part.extra_json_schema or {}).get("description", ""))
            kind = kind or str((part.extra or {}).get("kind", ""))
        if isinstance(part, inspect.StructType):
            inner.append(part)
    return says, kind, inner


def _parts(info: inspect.Type) -> Iterator[inspect.Type]:
    yield info
    below: Iterable[inspect.Type] = ()
    if isinstance(info, inspect.Metadata):
        below = (info.type,)
    elif isinstance(info, inspect.UnionType):
        below = info.types
    elif isinstance(info, inspect.VarTupleType):
        below = (info.item_type,)
    for part in below:
        yield from _parts(part)


def _type(info: inspect.Type) -> str:  # noqa: PLR0911 - one return a kind of type
    if isinstance(info, inspect.Metadata):
        kind = (info.extra or {}).get("kind")
        return _KINDS[str(kind)] if kind else _type(info.type)
    if isinstance(info, inspect.UnionType):
        return " or ".join(_type(part) for part in info.types)
    if isinstance(info, inspect.VarTupleType):
        return f"list of: {_type(info.item_type)}"
    if isinstance(info, inspect.StructType):
        return "section"
    if isinstance(info, inspect.DictType):
        return "names and values"
    if isinstance(info, inspect.LiteralType | inspect.EnumType):
        values = info.values if isinstance(info, inspect.LiteralType) else [item.value for item in info.cls]
        return ", ".join(f"`{value}`" for value in values)
    return {inspect.BoolType: "`true`, `false`", inspect.NoneType: "`null`"}.get(type(info), "text")


def _default(field: inspect.Field, kind: str, inner: list[inspect.StructType]) -> str:
    value = field.default
    if inner and value is not None:
        return ""
    if value == "" or field.name in _REQUIRED:
        return ""
    return f"`{_spelled(value, kind)}`"


def _spelled(value: Any, kind: str) -> str:
    fixed = {None: "null", (): "[]", msgspec.NODEFAULT: "{}"}
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple) or value is None or value is msgspec.NODEFAULT:
        return fixed[value]
    return _SPELLED.get(kind, lambda plain: f"{plain:g}" if isinstance(plain, float) else str(plain))(value)


_REQUIRED = {"edit", "guards", "tradeoffs"}


def commands_page() -> str:
    """docs/reference/commands.md."""
    root: Any = typer.main.get_command(app)
    lines = ["# Commands", "", MADE, "", *_folded(root.help), "", "`overnight VERB --help` says the same.",
             "Exit codes have [a page of their own](exit-codes.md).", ""]  # fmt: skip
    for name, command in root.commands.items():
        arguments = [param.metavar or param.name for param in command.params if param.param_type_name == "argument"]
        usage = " ".join(["overnight", name, "[OPTIONS]", *arguments])
        lines += [f"## `{name}`", "", f"`{usage}`", "", *_folded(command.help), ""]
        lines += ["| option | meaning | default |", "|---|---|---|"]
        for param in command.params:
            lines.append(f"| {_option(param)} | {_cell(param.help or '')} | {_set(param)} |")
        lines.append("")
    return "\n".join(lines)


def _option(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"`{param.metavar or param.name}`"
    words = ", ".join(f"`{word}`" for word in [*param.opts, *param.secondary_opts])
    return words if param.is_flag or not param.metavar else f"{words} `{param.metavar}`"


def _set(param: Any) -> str:
    if param.param_type_name == "argument" or param.is_flag or isinstance(param.default, bool):
        return ""
    return f"`{param.default}`" if isinstance(param.default, int) else ""


def events_page() -> str:
    """docs/reference/events.md."""
    lines = [_EVENTS_HEAD]
    for kind in event.Event.__args__:
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)  # noqa: S101 - every event is one
        lines += [f"## `{info.tag}`", "", *_folded(kind.__doc__), ""]
        lines += [*_value_table(kind), ""]
    lines += ["# Values inside events", ""]
    for kind in (experiment.Measurement, experiment.Failure, experiment.Breach):
        lines += [f"## {kind.__name__}", "", *_folded(kind.__doc__), "", *_value_table(kind), ""]
    for words in (experiment.Outcome, experiment.Trust, experiment.Certified):
        shown = ", ".join(f"`{word.value}`" for word in words)
        lines += [f"## {words.__name__}", "", *_folded(words.__doc__), "", shown + ".", ""]
    return "\n".join(lines)


def _value_table(struct: type) -> list[str]:
    lines = ["| field | type | default |", "|---|---|---|"]
    for field in _fields(struct):
        default = "required" if field.required else f"`{msgspec.json.encode(field.default).decode()}`"
        lines.append(f"| `{field.encode_name}` | {_plain(field.type)} | {default} |")
    return lines


def _plain(info: inspect.Type) -> str:  # noqa: PLR0911 - one return a kind of type
    if isinstance(info, inspect.Metadata):
        return _plain(info.type)
    if isinstance(info, inspect.UnionType):
        return " or ".join(_plain(part) for part in info.types)
    if isinstance(info, inspect.VarTupleType):
        return f"list of {_plain(info.item_type)}"
    if isinstance(info, inspect.TupleType):
        return f"[{', '.join(_plain(part) for part in info.item_types)}]"
    if isinstance(info, inspect.DictType):
        return f"object of {_plain(info.value_type)} by name"
    if isinstance(info, inspect.StructType):
        return info.cls.__name__
    if isinstance(info, inspect.EnumType):
        return info.cls.__name__
    if isinstance(info, inspect.LiteralType):
        return ", ".join(f"`{value}`" for value in info.values)
    names = {inspect.StrType: "text", inspect.IntType: "whole number", inspect.FloatType: "number",
             inspect.BoolType: "true, false", inspect.NoneType: "null"}  # fmt: skip
    return names[type(info)]


def json_page() -> str:
    """docs/reference/json.md."""
    lines = [
        _JSON_HEAD,
        *(line.replace("None", "`null`") for line in _folded(Numbers.__doc__)),
        "",
        "| field | type |",
        "|---|---|",
    ]
    lines += [f"| `{field.encode_name}` | {_plain(field.type)} |" for field in _fields(Numbers)]
    lines += ["| `running` | true, false |", "| `pid` | whole number or null |", ""]
    shown = row(State(), Experiment(number=1, parent=0))
    kinds = {field.encode_name: _plain(field.type) for field in _fields(Experiment)}
    lines += [_LOG_HEAD]
    lines += [f"| `{name}` | {_ROW.get(name) or kinds[name]} |" for name in shown]
    return "\n".join([*lines, ""])


_ROW = {
    "segment": "whole number, the segment that it belongs to",
    "commit": "text, the candidate's commit",
    "parent": "whole number or null, the experiment it was built on",
    "parent_commit": "text or null",
    "outcome": ", ".join(f"`{word.value}`" for word in experiment.Outcome),
    "value": "number or null, the metric's mean over its readings",
    "gain": "number or null, positive is better than the best of that time",
    "estimate": "number or null, the true value as all readings together let one believe",
    "estimate_sd": "number or null, its standard deviation",
    "kind": "null for the baseline, or " + ", ".join(f"`{word.value}`" for word in experiment.Asking),
    "gate": "true, false, or null where the gate was not asked",
    "values": "names and numbers, every metric's mean",
    "trust": ", ".join(f"`{word.value}`" for word in experiment.Trust),
    "tier": "text, the box's tier",
    "failure": "null, or `code` and `detail`",
    "same_as": "whole number or null, the experiment whose readings count",
    "breaches": "list of `path`, `rule`, `detail`",
    "at": "number, seconds since 1970",
}


def _folded(text: str | None) -> list[str]:
    return introspect.cleandoc(text or "").splitlines()


def _first(struct: type) -> str:
    return _folded(struct.__doc__)[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES = {"contract.md": contract_page, "commands.md": commands_page, "events.md": events_page, "json.md": json_page,
         "flags.md": lambda: flags_page(MADE)}  # fmt: skip


def main() -> int:
    """0 when every page is up to date (without --check: has been made so)."""
    check = "--check" in sys.argv
    stale = 0
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if not check:
            path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"docs/reference/{name}: {'not what the code says' if check else 'written'}\n")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
