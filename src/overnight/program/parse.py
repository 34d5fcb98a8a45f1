"""program.md in, Contract out: the room's front door."""

from collections.abc import Mapping

from overnight.errors import ContractError
from overnight.model.contract import Contract
from overnight.model.problem import Problem
from overnight.program.build import build, title_of
from overnight.program.checks import check
from overnight.program.document import Document
from overnight.program.findings import Findings, nearest
from overnight.program.front import PASTE_READY, Halves, cut
from overnight.program.infer import infer
from overnight.program.nodes import Mapping as MappingNode
from overnight.program.nodes import Place, Scalar, YamlError, compose, walk
from overnight.program.reading import all_keys, read_document
from overnight.program.refusals import refuse
from overnight.program.traps import compose_repairing

_LONGEST_FRONT = 256 * 1024


def parse(
    text: str, *, file: str, folder: str = "", program: str = "program.md", sources: Mapping[str, str] | None = None
) -> Contract:
    """The contract that a program.md states, or, without front matter, the one that its neighbours imply.

    `file` is the name to show in messages; `folder` the file's folder relative to the repository's root; `program` its
    own name there. `sources` holds the texts of small files beside it, by name, and is used only for a file of prose.

    Raises:
        ContractError: carries every Problem found, in the order of the file.
    """
    halves = cut(text, file=file)
    if isinstance(halves, Problem):
        raise ContractError([halves])
    if halves.front is None:
        return _without_front_matter(halves.prose, file=file, folder=folder, program=program, sources=sources or {})
    findings = Findings(file, halves.first_line, {})
    document, written = _read(halves, findings)
    if findings.problems:
        raise ContractError(sorted(findings.problems, key=lambda problem: (problem.line, problem.column)))
    return build(document, halves.prose, folder=folder, program=program, written=written)


def places(text: str) -> Mapping[str, tuple[int, int]]:
    """(line, column) in the file of every key and list item, by dotted path ("budget.wall", "edit.0").

    Empty for a file without front matter, or one that cannot be read.
    """
    halves = cut(text, file="")
    if isinstance(halves, Problem) or halves.front is None:
        return {}
    try:
        root = compose(halves.front)
    except YamlError:
        return {}
    if root is None:
        return {}
    return {path: (place.line + halves.first_line - 1, place.column) for path, place in walk(root)}


def _read(halves: Halves, findings: Findings) -> tuple[Document, tuple[str, ...]]:
    front = halves.front or ""
    if len(front) > _LONGEST_FRONT:
        findings.add(
            "size", "the front matter is longer than 256 KiB.", at=Place(1, 1), fix="Move prose below the second `---`."
        )
        return Document(), ()
    root = compose_repairing(front, findings)
    if root is None:
        if not findings.problems:
            findings.add("missing-key", "the front matter is empty.", at=Place(0, 1), fix=PASTE_READY)
        return Document(), ()
    if not isinstance(root, MappingNode):
        findings.add(
            "type", "the front matter must hold keys with values (`metric: val_bpb`).", at=root.place, fix=PASTE_READY
        )
        return Document(), ()
    findings.places = dict(walk(root))
    written = tuple(dict.fromkeys(entry.key.text for entry in root.entries))
    document = read_document(root, findings, refuse(root, findings))
    # `drive: null` says that there is none.
    absent = {key for key in ("drive", "holdout") if getattr(document, key) is None and _is_null(root, key)}
    check(document, tuple(key for key in written if key not in absent), findings)
    return document, written


def _is_null(root: MappingNode, key: str) -> bool:
    values = [entry.value for entry in root.entries if entry.key.text == key]
    return any(isinstance(value, Scalar) and value.kind() == "empty" for value in values)


def _without_front_matter(prose: str, *, file: str, folder: str, program: str, sources: Mapping[str, str]) -> Contract:
    first = prose.splitlines()[0]
    key, colon, _ = first.partition(":")
    if colon and (key in all_keys() or nearest(key, ("metric", "edit", "run"))):
        message = f"`{key}` looks like front matter, but there is no line `---` above it."
        raise ContractError(
            [Problem(code="no-fence", file=file, line=1, column=1, read=first, message=message,
                     fix="Put a line with only `---` above the first key and below the last one.")]
        )  # fmt: skip
    contract = infer(prose, folder=folder, program=program, title=title_of(prose), sources=sources)
    if contract is None:
        message = "there is no front matter, and no train.py and prepare.py beside it from which to infer a contract."
        raise ContractError(
            [Problem(code="no-front-matter", file=file, line=1, column=1, message=message, fix=PASTE_READY)]
        )
    return contract
