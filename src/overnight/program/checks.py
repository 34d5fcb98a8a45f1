"""Rules between keys: what a contract needs, and what contradicts itself."""

from overnight.program.document import AgentKeys, Document
from overnight.program.findings import Findings
from overnight.program.nodes import Place

_REQUIRED = {
    "metric": ("the number that decides", "metric: val_bpb"),
    "edit": ("which files may change; everything else is locked", "edit: [train.py]"),
    "run": ("the candidate's command (or `drive`)", "run: python train.py"),
}


def check(document: Document, written: tuple[str, ...], findings: Findings) -> None:
    """Report every rule between keys that the document breaks; `written` are the top-level keys in the file."""
    _required(document, written, findings)
    _judge(document, written, findings)
    _objective(document, findings)
    _guards(document, findings)
    _tradeoffs(document, findings)
    _agent(document, findings)


def _required(document: Document, written: tuple[str, ...], findings: Findings) -> None:
    for key, (what, example) in _REQUIRED.items():
        if key not in written and not (key == "run" and "drive" in written):
            message = f"the required key `{key}` is missing: {what}."
            # The line of the opening `---`, one above the first of the front matter.
            findings.add("missing-key", message, at=Place(0, 1), fix=f"Write for example `{example}`.")
    if document.edit and all(glob.startswith("!") for glob in document.edit):
        findings.add("nothing-to-edit", "`edit` only takes away (`!`) and names nothing that may change.", at="edit")


def _judge(document: Document, written: tuple[str, ...], findings: Findings) -> None:
    if "score" in written and "drive" in written:
        message = "`score` and `drive` are two kinds of judge; this version takes one of them."
        findings.add("two-judges", message, at="score", read="score", fix="Keep the one that shall decide.")
    drive = document.drive
    for key in ("judge", "serve") if drive else ():
        if f"drive.{key}" not in findings.places:
            findings.add(
                "missing-key",
                f"`drive` needs `{key}`.",
                at="drive",
                fix="Write `drive: {judge: python judge.py, serve: python train.py}`.",
            )
    if drive and drive.copies > 1 and drive.over != "stdio":
        message = "several `copies` are served over two pipes each, not over a port."
        findings.add("value", message, at="drive.copies", fix="Write `over: stdio`.")
    if document.holdout and not {"holdout.certify", "holdout.gate"} & findings.places.keys():
        message = "`holdout` needs `certify` or `gate`, a command that judges on unseen data."
        findings.add("missing-key", message, at="holdout")
    if document.keep.repeats.min > document.keep.repeats.max:
        findings.add("value", "`repeats` has a `min` above its `max`.", at="keep.repeats")


def _objective(document: Document, findings: Findings) -> None:
    bounds = document.bounds
    if bounds is None:
        return
    if bounds[0] >= bounds[1]:
        low, high = bounds
        fix = f"Write `bounds: [{high:g}, {low:g}]`." if low > high else ""
        findings.add("value", f"`bounds` is [{low:g}, {high:g}]; the low end must come first.", at="bounds", fix=fix)


def _guards(document: Document, findings: Findings) -> None:
    for index, guard in enumerate(document.guards):
        path = f"guards.{index}"
        has = {
            key
            for key in ("metric", "run", "min", "max", "max_regress", "min_tests", "must", "direction")
            if f"{path}.{key}" in findings.places
        }
        if ("metric" in has) == ("run" in has):
            findings.add("guard", "a guard has either `metric` or `run`.", at=path)
        elif "run" in has and has & {"min", "max", "max_regress", "direction"}:
            findings.add(
                "guard", "`min`, `max`, `max_regress` and `direction` need a `metric`, not a command.", at=path
            )
        elif "metric" in has and has & {"min_tests", "must"}:
            findings.add("guard", "`must` and `min_tests` need a command in `run`, not a metric.", at=path)
        elif "metric" in has and not has & {"min", "max", "max_regress"}:
            findings.add("guard", "this guard limits nothing.", at=path, fix="Give it `min`, `max` or `max_regress`.")
        if guard.min is not None and guard.max is not None and guard.min > guard.max:
            findings.add(
                "guard", f"`min` {guard.min:g} is above `max` {guard.max:g}: no value can satisfy it.", at=path
            )
        if (
            guard.metric
            and guard.metric == document.metric
            and "direction" in has
            and guard.direction is not document.direction
        ):
            findings.add("guard", "this guard contradicts the study's own `direction`.", at=f"{path}.direction")


def _tradeoffs(document: Document, findings: Findings) -> None:
    for index, tradeoff in enumerate(document.tradeoffs):
        path = f"tradeoffs.{index}"
        for key in ("metric", "rate"):
            if f"{path}.{key}" not in findings.places:
                findings.add(
                    "missing-key",
                    f"a tradeoff needs `{key}`.",
                    at=path,
                    fix='Write `{metric: loc, rate: "0.001 per 20 lines"}`.',
                )
        if tradeoff.metric and tradeoff.metric == document.metric:
            findings.add("value", "a tradeoff exchanges the objective for another metric, not for itself.", at=path)


def _agent(document: Document, findings: Findings) -> None:
    use = document.agent.use if isinstance(document.agent, AgentKeys) else document.agent
    at = "agent.use" if "agent.use" in findings.places else "agent"
    word, _, line = use.strip().partition(" ")
    if word == "command" and not line.strip():
        findings.add(
            "value",
            "`command` must be followed by a line for the shell.",
            at=at,
            read=use,
            fix='Write for example `agent: "command ./propose.sh"`.',
        )
    elif word != "command" and line:
        findings.add(
            "value",
            f"`{use}` is no agent's name.",
            at=at,
            read=use,
            fix=f'For a command of your own write `agent: "command {use}"`.',
        )
