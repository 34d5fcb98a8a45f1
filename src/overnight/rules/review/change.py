"""One change reviewed: only what it added counts, and whatever it holds, the answer is bounded."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from overnight.model.contract import BUILT_IN_METRICS, Contract
from overnight.model.experiment import Edit, Flag
from overnight.rules.globs import literal_prefix
from overnight.rules.review import plain, python, tables
from overnight.rules.review.words import Finding, flag

MOST = 20
"""Flags of one change."""

_EACH = 3
_LARGE = 800
_BUDGET = 1_000_000
_MOST_LINES = 20_000
_SNIFF = 8000
_PYTHON = (".py", ".pyw", ".pyi")
_SCRIPT = re.compile(r"[\w./-]{1,200}\.py\b")


class _Text(NamedTuple):
    path: str
    before: str
    after: str
    lines: plain.Lines
    created: bool


def review(contract: Contract, edits: Iterable[Edit]) -> tuple[Flag, ...]:
    """What a reviewer should look at in `edits`, by path and line, at most MOST flags, three of a rule in a file.

    Advice: incomplete by nature, and wrong at times. Pure: it parses, and neither imports nor runs anything. Its time
    is bounded whatever the texts hold; what was too large or too much to be looked at is a flag itself.
    """
    flags: list[Flag] = []
    texts: list[_Text] = []
    budget = _BUDGET
    for edit in edits:
        if edit.after is None and edit.before is None:
            continue
        budget -= len(edit.before or b"") + len(edit.after or b"")
        if budget < 0:
            flags.append(flag(edit.path, Finding("unread", 0, f"a file of {len(edit.after or b'')} bytes")))
        elif _is_binary(edit.after):
            flags.append(flag(edit.path, Finding("binary", 0, f"a file of {len(edit.after or b'')} bytes")))
        else:
            texts.append(_text(edit))
    flags += _of_texts(contract, texts)
    return _bounded(flags)


def terms(contract: Contract) -> python.Terms:
    """What this contract makes suspicious."""
    apart = bool(contract.score) or contract.drive is not None
    names = contract.metric_names()
    metrics = names if apart else tuple(name for name in names if name in BUILT_IN_METRICS)
    holdout = contract.holdout
    commands = [contract.score, contract.drive.judge if contract.drive else ""]
    commands += [holdout.gate, holdout.certify] if holdout else []
    scripts = {script for command in commands for script in _SCRIPT.findall(command)}
    own = set(_SCRIPT.findall(f"{contract.run} {contract.drive.serve if contract.drive else ''}"))
    prefixes = {literal_prefix(glob).strip("/") for glob in contract.hide}
    return python.Terms(
        metrics=tuple(metrics),
        judge=tuple(sorted(script.rpartition("/")[2].removesuffix(".py") for script in scripts - own)),
        hidden=tuple(sorted(prefix for prefix in prefixes if len(prefix) > 2)),
        variables=(*(name for name, _ in (*contract.isolation.env, *contract.variables)), *contract.isolation.pass_env),
    )


def _text(edit: Edit) -> _Text:
    before = "" if _is_binary(edit.before) else (edit.before or b"").decode("utf-8", "replace")
    after = (edit.after or b"").decode("utf-8", "replace")
    return _Text(edit.path, before, after, plain.compare(before, after), edit.before is None)


def _of_texts(contract: Contract, texts: Sequence[_Text]) -> list[Flag]:
    known = terms(contract)
    flags: list[Flag] = []
    old: Counter[tuple[str, str]] = Counter()
    new: list[tuple[str, Finding]] = []
    for text in texts:
        found, gone = _of_text(text, known)
        old.update((finding.rule, finding.key) for finding in gone)
        new += [(text.path, finding) for finding in found]
        if text.created:
            flags += [flag(text.path, finding) for finding in plain.startup(text.path, contract.folder)]
    for path, finding in new:
        if finding.key and old[finding.rule, finding.key] > 0:
            old[finding.rule, finding.key] -= 1
        else:
            flags.append(flag(path, finding))
    line = plain.only_seeds([text.lines for text in texts]) if texts else 0
    if line:
        flags.append(flag(texts[0].path, Finding("seed-only", line, "a seed")))
    return flags


def _of_text(text: _Text, known: python.Terms) -> tuple[list[Finding], list[Finding]]:
    """(findings in the new text, findings in the old one) of one file. Those without a key are of added lines."""
    added = text.lines.added[:_MOST_LINES]
    found = list(plain.anywhere(added))
    if len(added) < len(text.lines.added):
        found.append(Finding("unread", added[-1][0] + 1, "the rest of this file"))
    if text.path.lower().endswith(plain.PROSE):
        return found, []
    if not _is_python(text):
        return found + list(plain.code(added)), []
    return _of_python(text, known, found)


def _of_python(text: _Text, known: python.Terms, found: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    added = "\n".join(line for _, line in text.lines.added)
    removed = "\n".join(text.lines.removed)
    new_ones = tables.TRIGGER.search(added) is not None or _mentions(known, added) or len(added) >= _LARGE
    old_ones = new_ones or tables.TRIGGER.search(removed) is not None
    if not old_ones:
        return found, []
    (before, _), (after, too_much) = python.parse(text.before), python.parse(text.after)
    if after is None:
        found += [Finding("unread", 0, "the syntax of this file")] if too_much else []
        return found + list(plain.code(text.lines.added[:_MOST_LINES])), []
    if new_ones:
        seen = {(finding.rule, finding.line) for finding in found}
        more = python.findings(after, text.after, known)
        found += [finding for finding in more if (finding.rule, finding.line) not in seen]
    if before is None:
        return found, []
    gone = python.findings(before, text.before, known)
    return found + _lost(python.assertions(before, text.before), python.assertions(after, text.after)), gone


def _lost(before: Sequence[Finding], after: Sequence[Finding]) -> list[Finding]:
    """Assertions that are gone, or ask for something else than before; a flag of them names no line."""
    left = Counter(finding.key for finding in after)
    lost = []
    for finding in before:
        left[finding.key] -= 1
        if left[finding.key] < 0:
            lost.append(Finding("check-removed", 0, finding.thing))
    return lost


def _mentions(known: python.Terms, added: str) -> bool:
    return any(word in added for words in (known.metrics, known.judge, known.hidden) for word in words)


def _is_python(text: _Text) -> bool:
    return text.path.lower().endswith(_PYTHON) or (text.after.startswith("#!") and "python" in text.after[:100])


def _is_binary(data: bytes | None) -> bool:
    return data is not None and b"\0" in data[:_SNIFF]


def _bounded(flags: Sequence[Flag]) -> tuple[Flag, ...]:
    each: Counter[tuple[str, str]] = Counter()
    kept: dict[tuple[str, str, int], Flag] = {}
    for one in sorted(flags, key=lambda one: (one.path, one.line, one.rule)):
        place = (one.rule, one.path, one.line)
        if place not in kept or one.rule == "check-removed":
            each[one.path, one.rule] += 1
            if each[one.path, one.rule] <= _EACH:
                kept[(*place[:2], one.line or -each[one.path, one.rule])] = one
    left = sum(each.values()) - len(kept)
    shown = list(kept.values())
    if len(shown) + (left > 0) > MOST:
        left += len(shown) - MOST + 1
        shown = shown[: MOST - 1]
    if left:
        shown.append(Flag(rule="unread", path="", detail=f"{left} more such places are not listed"))
    return tuple(shown)
