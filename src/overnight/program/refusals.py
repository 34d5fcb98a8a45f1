"""Keys that are part of the language but that this version does not enforce: refused, never ignored.

Only what the person wrote counts. Writing that something is absent (`gate: null`) is no wish; a number or a word
that nothing obeys is refused even where it is what would be done anyway.
"""

from collections.abc import Callable

from overnight.program.findings import Findings
from overnight.program.nodes import Mapping, Node, Scalar, Sequence

_DEFAULTS_ONLY = {
    "keep.noise": ("auto",),
    "agent.tokens": ("null",),
    "agent.usd": ("null",),
    "agent.weight": ("null",),
}


def refuse(root: Mapping, findings: Findings) -> frozenset[str]:
    """Report every key written that is not enforced; returns the dotted paths that need no further reading."""
    dealt: set[str] = set()
    for path, node in _written(root):
        if path in _DEFAULTS_ONLY:
            dealt.add(path)
            if not _is_default(node, _DEFAULTS_ONLY[path]):
                _add(findings, path, f"`{path}` is not enforced by this version.", f"Remove `{path}`.")
            continue
        reason = _refused_value(path, node)
        if reason:
            dealt.add(path)
            _add(findings, path, *reason)
    return frozenset(dealt)


def not_enforced() -> tuple[str, ...]:
    """What `refuse` reports, one Markdown phrase each, for the documentation."""
    keys = [f"`{path}`{_only(texts)}" for path, texts in _DEFAULTS_ONLY.items()]
    values = {path: message for path, (_, message, _fix) in _REFUSED_VALUES.items()}
    lists = {path: message for path, (message, _fix) in _REFUSED_LISTS.items()}
    return (*keys, *(f"`{path}`: {message}" for path, message in (lists | values).items()))


def _only(texts: tuple[str, ...]) -> str:
    return f" (only {' or '.join(f'`{text}`' for text in texts)})" if texts else ""


def _add(findings: Findings, path: str, message: str, fix: str) -> None:
    findings.add("not-enforced", message, at=path, read=path.rpartition(".")[2], fix=fix)


def _written(root: Mapping) -> list[tuple[str, Node]]:
    found: list[tuple[str, Node]] = []
    for entry in root.entries:
        found.append((entry.key.text, entry.value))
        if isinstance(entry.value, Mapping):
            found += [(f"{entry.key.text}.{below.key.text}", below.value) for below in entry.value.entries]
    return found


def _is_default(node: Node, defaults: tuple[str, ...]) -> bool:
    if isinstance(node, Scalar):
        return node.text in defaults or (node.kind() == "empty" and "null" in defaults)
    return isinstance(node, Sequence) and not node.items and "null" in defaults


def _refused_value(path: str, node: Node) -> tuple[str, str] | None:
    if isinstance(node, Sequence):
        return _REFUSED_LISTS.get(path)
    if not isinstance(node, Scalar) or node.kind() == "empty":
        return None
    if path == "agent.network" and node.text not in {"none", "shared"}:
        return _REFUSED_LISTS[path]
    refused = _REFUSED_VALUES.get(path)
    return refused[1:] if refused and refused[0](node) else None


_REFUSED_LISTS = {
    "agent": ("several agents at once are not enforced by this version.", "Name one: `agent: tuner`."),
    "agent.network": (
        "an allow-list of hosts for the agent is not enforced by this version.",
        "Write `network: shared` (the machine's own network, and it is recorded) or `network: none`.",
    ),
}
_REFUSED_VALUES: dict[str, tuple[Callable[[Scalar], bool], str, str]] = {
    "isolation.network": (
        lambda node: node.text != "none",
        "network for the candidate is not offered by this version: it runs without any.",
        "Fetch what it needs beforehand and name it in `data`.",
    ),
}
