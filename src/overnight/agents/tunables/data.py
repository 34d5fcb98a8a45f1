"""Scalars in JSON, TOML, YAML and .env files, found by where they stand so that every other byte stays what it was."""

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from overnight.agents.tunables.reader import Path, Place, read_json, read_toml
from overnight.agents.tunables.space import Scalar
from overnight.agents.tunables.tunable import Constant, Style

_LONGEST = 8  # a longer list is a table of data
_ENV = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*(["']?)([^\s"'#]+)\2[ \t]*(?:\#.*)?$""", re.MULTILINE
)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][\d_]{0,14})")
_FLOAT = re.compile(r"[-+]?\d[\d_]*(?:\.[\d_]*)?(?:[eE][-+]?\d+)?")


@lru_cache(maxsize=64)
def scan_data(data: bytes, style: Style) -> tuple[Constant, ...]:
    """The numbers, booleans and strings of a data file, in order; long lists are left out.

    Raises:
        ValueError: the file is not UTF-8 or not what its name says; the message says so.
    """
    try:
        text = data.decode()
        places = list(_READERS[style](text))
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8 text") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    ascii_only = text.isascii()
    found = []
    for path, start, end in places:
        present = _scalar(text[start:end], style)
        if present is None or any(isinstance(step, int) and step >= _LONGEST for step in path):
            continue
        before = start if ascii_only else len(text[:start].encode())
        width = len(text[start:end].encode())
        found.append(Constant(key=_key(path), start=before, end=before + width, present=present))
    return tuple(found)


def _key(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _scalar(source: str, style: Style) -> Scalar | None:
    """What a bare or quoted scalar means; None for null, dates, infinities and whatever else is not turned."""
    if source[:1] in ('"', "'"):
        return _string(source)
    if source in ("true", "false"):
        return source == "true"
    if _INTEGER.fullmatch(source):
        return int(source.replace("_", ""))
    if _FLOAT.fullmatch(source):
        number = float(source.replace("_", ""))
        return number if math.isfinite(number) else None
    return source if style in ("yaml", "env") and re.fullmatch(r"[A-Za-z][\w./ -]*", source) else None


def _string(source: str) -> str | None:
    if source[:3] in ('"""', "'''") or len(source) < 2:
        return None
    if source[0] == "'":
        return None if "'" in source[1:-1] else source[1:-1]
    try:
        value = json.loads(source)
    except ValueError:  # an escape that JSON does not have: such a string is no choice of words
        return None
    return value if isinstance(value, str) else None


def _toml(text: str) -> Iterator[Place]:
    """Places whose value the standard library reads at the same path: nothing rests on our reader alone."""
    document = tomllib.loads(text)
    for path, start, end in read_toml(text):
        value: Any = document
        for step in path:
            value = value[step]
        if not isinstance(value, dict | list):
            yield path, start, end


def _yaml(text: str) -> Iterator[Place]:
    from ruamel.yaml import YAML  # noqa: PLC0415 - only a study with YAML files needs it
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - same

    try:
        documents = list(YAML(typ="rt", pure=True).compose_all(text))
    except YAMLError as error:
        raise ValueError("not valid YAML") from error
    seen: set[int] = set()
    for index, document in enumerate(documents):
        yield from _yaml_node(text, document, (f"#{index}",) if len(documents) > 1 else (), seen)


def _yaml_node(text: str, node: Any, path: Path, seen: set[int]) -> Iterator[Place]:
    """Every scalar at or below a node; an anchored one once, where it is written."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.id == "mapping":
        for key, value in node.value:
            yield from _yaml_node(text, value, (*path, str(key.value)), seen)
    elif node.id == "sequence":
        for index, value in enumerate(node.value):
            yield from _yaml_node(text, value, (*path, index), seen)
    elif node.style is None:
        # An anchor or a tag stands before the value, within the node.
        start = node.end_mark.index - len(node.value)
        if text[start : node.end_mark.index] == node.value:
            yield path, start, node.end_mark.index
    elif text[node.start_mark.index] == node.style and node.style in ("'", '"'):
        yield path, node.start_mark.index, node.end_mark.index


def _env(text: str) -> Iterator[Place]:
    for match in _ENV.finditer(text):
        yield (match[1],), match.start(3), match.end(3)


_READERS: dict[str, Callable[[str], Iterator[Place]]] = {"json": read_json, "toml": _toml, "yaml": _yaml, "env": _env}
