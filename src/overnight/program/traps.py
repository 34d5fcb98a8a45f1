"""Mistakes that YAML makes easy, each answered with the line to paste.

A line that cannot be read is quoted, tried, and shown to the person; reading then goes on as if it had been right, so
that one run of `check` shows every such line. A remedy is shown only after it has been seen to parse.
"""

import json
import re

from overnight.program.findings import Findings
from overnight.program.nodes import Mapping as MappingNode
from overnight.program.nodes import Node, Place, Scalar, Sequence, YamlError, compose
from overnight.program.reading import all_keys

_KEY = re.compile(r"(?P<lead>\s*(?:- )?\s*)(?P<key>[A-Za-z_][A-Za-z0-9_]*)\s*:(?:\s+|(?=[\[{\"'*!&]))(?P<value>\S.*)")
_ITEM = re.compile(r"(?P<lead>\s*- +)(?P<value>\S.*)")
_LISTS = frozenset(
    {"edit", "data", "hide", "artifacts", "metrics", "env_dirs", "labels", "read", "pass_env", "network"}
)
_MOST_REPAIRS = 20
_WHY = {
    "star": "a value that begins with `*` must stand in quotes.",
    "bang": "a value that begins with `!` must stand in quotes.",
    "ampersand": "a value that begins with `&` must stand in quotes.",
}


def compose_repairing(text: str, findings: Findings) -> Node | None:
    """The tree of the front matter, after reporting each line that had to be quoted; None when beyond that."""
    lines = text.split("\n")
    for _ in range(_MOST_REPAIRS):
        try:
            return compose("\n".join(lines))
        except YamlError as error:
            index = _culprit(lines, error)
            repaired = _repaired(lines, index, error)
            if not repaired or not _progress(lines, index, repaired, error):
                _report_unrepaired(findings, lines, error)
                return None
            _report(findings, lines[index], repaired, index, error)
            lines[index] = repaired
    return None


def _repaired(lines: list[str], index: int, error: YamlError) -> str:
    line = lines[index]
    untabbed = line.lstrip("\t ")
    lead = line[: len(line) - len(untabbed)]
    if error.code == "control":
        return ""
    if "\t" in lead:
        return lead.replace("\t", "  ") + untabbed
    return quoted(lines, index) or (_quoted_token(line, error.column) if error.code in _WHY else "")


def quoted(lines: list[str], index: int) -> str:
    """Line `index` with its values in quotes, or "" where that is no remedy."""
    line = lines[index]
    found = _KEY.fullmatch(line.rstrip()) or _ITEM.fullmatch(line.rstrip())
    if found is None:
        return ""
    key = found.groupdict().get("key", "")
    head = f"{found['lead']}{key}: " if key else found["lead"]
    value, comment = _without_comment(found["value"])
    return (head + _quoted_value(key, value, lines, index) + comment).rstrip()


def _quoted_value(key: str, value: str, lines: list[str], index: int) -> str:
    if value.startswith("{"):
        inner = _quote_inside(value, _subkeys(lines, index, key))
        if inner:
            return inner
    if key in _LISTS or (value.startswith("[") and value.endswith("]")):
        bare = value.removeprefix("[").removesuffix("]") if value.startswith("[") else value
        return "[" + ", ".join(quote(_bare(item)) for item in _split(bare) if item.strip()) + "]"
    return quote(_bare(value))


def _without_comment(value: str) -> tuple[str, str]:
    mark = ""
    for index, character in enumerate(value):
        if mark:
            mark = "" if character == mark else mark
        elif character in "\"'":
            mark = character
        elif character == "#" and value[index - 1 : index].isspace():
            return value[:index].rstrip(), "  " + value[index:]
    return value.rstrip(), ""


def _quoted_token(line: str, column: int) -> str:
    """The line with the item that begins at a column in quotes."""
    item = re.match(r"[^,\]}\s]+", line[column - 1 :])
    if item is None:
        return ""
    return line[: column - 1] + quote(item[0]) + line[column - 1 + len(item[0]) :]


def quote(text: str) -> str:
    """The text as a YAML scalar in double quotes, or in single ones where it holds double ones."""
    if '"' in text and "'" not in text and "\\" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)


def _bare(text: str) -> str:
    stripped = text.strip()
    if stripped[:1] in ("'", '"') and stripped.count(stripped[0]) == 1:
        return stripped[1:]
    whole = len(stripped) > 1 and stripped[0] == stripped[-1] and stripped[0] in "\"'"
    return stripped[1:-1] if whole and stripped[0] not in stripped[1:-1] else stripped


def _split(text: str) -> list[str]:
    """Items between commas that stand outside quotes and brackets."""
    items, depth, mark = [""], 0, ""
    for character in text:
        if mark:
            mark = "" if character == mark else mark
        elif character in "\"'":
            mark = character
        elif character in "[{(":
            depth += 1
        elif character in ")}]":
            depth -= 1
        if character == "," and not mark and depth <= 0:
            items.append("")
        else:
            items[-1] += character
    return items


def _subkeys(lines: list[str], index: int, key: str) -> list[str]:
    section = key
    for line in reversed(lines[: index + 1]):
        top = re.match(r"([A-Za-z_]\w*)\s*:", line)
        if top:
            section = top[1]
            break
    return [path.rpartition(".")[2] for path in all_keys() if path.startswith(f"{section}.")]


def _quote_inside(value: str, subkeys: list[str]) -> str:
    """`{judge: a: b, serve: c}` with each value in quotes, cut where a known key begins."""
    if not subkeys:
        return ""
    # The closing brace may be what is missing.
    inner = value[1:].removesuffix("}")
    starts = list(re.finditer(rf"(?:^|,)\s*({'|'.join(subkeys)})\s*:\s+", inner))
    if not starts or inner[: starts[0].start()].strip():
        return ""
    ends = [start.start() for start in starts[1:]] + [len(inner)]
    parts = []
    for start, end in zip(starts, ends, strict=True):
        raw = inner[start.end() : end].strip()
        parts.append(f"{start[1]}: {raw if _stands(raw) else quote(_bare(raw))}")
    return "{" + ", ".join(parts) + "}"


def _stands(raw: str) -> bool:
    """Whether a value may stand without more quotes inside { }."""
    try:
        node = compose(f"{{a: {raw}}}")
    except YamlError:
        return False
    if not isinstance(node, MappingNode) or len(node.entries) != 1:
        return False
    value = node.entries[0].value
    return isinstance(value, Sequence) or (isinstance(value, Scalar) and (not value.plain or value.text == raw))


def _culprit(lines: list[str], error: YamlError) -> int:
    """The line to blame: the one reported, unless an earlier one cannot be read on its own."""
    reported = min(error.line, len(lines)) - 1
    if error.code != "yaml":
        return reported
    for index in range(max(reported - 1, 0), reported + 1):
        if not _readable(lines[index]) and quoted(lines, index):
            return index
    return reported


def _readable(line: str) -> bool:
    try:
        compose(line.strip())
    except YamlError:
        return False
    return True


def _progress(lines: list[str], index: int, repaired: str, error: YamlError) -> bool:
    """Whether the repaired line reads well on its own, and what is wrong next lies further down."""
    if repaired == lines[index]:
        return False
    try:
        compose("\n".join([*lines[:index], repaired, *lines[index + 1 :]]))
    except YamlError as later:
        return (later.line, later.column) > (error.line, error.column) and later.line > index + 1
    return True


def _report(findings: Findings, line: str, repaired: str, index: int, error: YamlError) -> None:
    tab = "a line cannot be indented with tabs in YAML." if line.lstrip(" ").startswith("\t") else ""
    why = tab or _WHY.get(error.code, f"YAML cannot read this line: {error.message.rstrip('.')}.")
    column = error.column if error.line == index + 1 else len(line) - len(line.lstrip()) + 1
    findings.add(
        "yaml",
        why,
        at=Place(index + 1, column),
        read=line.strip(),
        fix=f"Write: {repaired if tab else repaired.strip()}",
    )


def _report_unrepaired(findings: Findings, lines: list[str], error: YamlError) -> None:
    line = lines[min(error.line, len(lines)) - 1]
    fix = ""
    if "\t" in line:
        fix = "Indent with spaces: YAML allows no tabs here."
    elif error.code == "documents":
        fix = "Keep one block of keys."
    elif error.code == "control":
        fix = "Delete it and type the line again."
    findings.add(
        "yaml",
        f"YAML cannot read this: {error.message}",
        at=Place(error.line, error.column),
        read=line.strip(),
        fix=fix,
    )
