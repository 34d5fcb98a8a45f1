"""From a contract whose edited file prints its own score to one whose judge asks the model, for karpathy's layout.

Reads the sources, runs nothing. What the judge then does is in the files that `overnight init --honest` writes.
"""

import ast
from collections.abc import Mapping

from msgspec.structs import replace

from overnight.model.contract import Contract, Drive, Holdout

FOLDER = "honest"
JUDGE = f"$OVERNIGHT_PYTHON {FOLDER}/judge.py"
MIN_EFFECT = 0.001
NEEDED = (
    "MAX_SEQ_LEN", "EVAL_TOKENS", "TIME_BUDGET", "Tokenizer", "get_token_bytes", "make_dataloader", "evaluate_bpb",
)  # fmt: skip
"""What the files take from the repository's own prepare.py, by these names."""

_VALIDATION = ("DATA_DIR", "VAL_FILENAME")


def missing(prepare: str) -> tuple[str, ...]:
    """Which of the names in NEEDED prepare.py does not define at its top level.

    Raises:
        SyntaxError: it is not Python.
    """
    defined: set[str] = set()
    for node in ast.parse(prepare).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        else:
            defined |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
            defined |= {alias.asname or alias.name for alias in getattr(node, "names", ())}
    return tuple(name for name in NEEDED if name not in defined)


def validation_file(prepare: str) -> str:
    """Where prepare.py keeps the validation text, as it is written there (`~` stays), or "" when that cannot be read.

    Understands constants, f-strings and os.path.join in the assignments of DATA_DIR and VAL_FILENAME.
    """
    known: dict[str, object] = {}
    for node in ast.parse(prepare).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = _value(node.value, known)
            if value is not None:
                known[node.targets[0].id] = value
    parts = [known.get(name) for name in _VALIDATION]
    return "/".join(str(part) for part in parts) if all(isinstance(part, str) for part in parts) else ""


def honest(contract: Contract, hide: tuple[str, ...], *, audit: bool = False, gpus: int = 0) -> Contract:
    """The same contract with a judge that drives the model; `hide` is what the candidate must not see besides.

    With `audit` the model is exported by `run` and served twice: one copy claims every loss, another is asked.
    """
    serve = contract.run.replace("train.py", f"{FOLDER}/serve.py")
    judge, replay, copies = (f"{JUDGE} --audit", f"{serve} --replay", 2) if audit else (JUDGE, serve, 1)
    return replace(
        contract,
        objective=replace(contract.objective, min_effect=contract.objective.min_effect or MIN_EFFECT),
        hide=(f"{FOLDER}/hidden/**", *hide),
        run=f"{serve} --export" if audit else "",
        drive=Drive(judge=judge, serve=replay, copies=copies),
        holdout=Holdout(certify=f"{judge} --split certify"),
        budget=replace(contract.budget, gpus=gpus),
        inferred=False,
    )


def _value(node: ast.expr, known: Mapping[str, object]) -> object:
    """What an expression is, where that can be seen; None where not."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Call):
        values = [_value(argument, known) for argument in node.args]
        if ast.unparse(node.func) == "os.path.join" and all(isinstance(value, str) for value in values):
            return "/".join(str(value) for value in values)
        return values[0] if ast.unparse(node.func) == "os.path.expanduser" and len(values) == 1 else None
    if isinstance(node, ast.JoinedStr):
        parts = [_part(part, known) for part in node.values]
        return None if None in parts else "".join(part for part in parts if part is not None)
    return None


def _part(node: ast.expr, known: Mapping[str, object]) -> str | None:
    if not isinstance(node, ast.FormattedValue):
        return str(_value(node, known))
    value = _value(node.value, known)
    spec = _value(node.format_spec, known) if node.format_spec else ""
    if not isinstance(value, str | int) or not isinstance(spec, str):
        return None
    try:
        return format(value, spec)
    except ValueError:
        return None
