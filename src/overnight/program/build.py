"""From the keys as written to the contract as values.

A value that equals its default is left to the default: canonical bytes leave out only what was never given, and a study
is the same whether or not the person spelled its defaults out.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from overnight.model.contract import (
    AgentSpec,
    Budget,
    Contract,
    Drive,
    Guard,
    Holdout,
    Isolation,
    Keep,
    Objective,
    Stop,
    Tradeoff,
)
from overnight.model.value import Words
from overnight.program import units
from overnight.program.document import AgentKeys, Document, GuardKeys, KeepKeys, TradeoffKeys

_Made = TypeVar("_Made", bound=msgspec.Struct)


def build(document: Document, prose: str, *, folder: str, program: str, written: tuple[str, ...]) -> Contract:
    """The contract of a document without problems; `written` are the top-level keys in the file."""
    drive, holdout = document.drive, document.holdout
    plain = {key: getattr(document, key) for key in _SAME}
    return _make(
        Contract,
        **plain,
        title=document.title or title_of(prose),
        prose=prose,
        folder=folder,
        program=program,
        objective=_objective(document),
        drive=_make(Drive, **_fields(drive)) if drive else None,
        budget=_make(Budget, **_fields(document.budget)),
        guards=tuple(_guard(guard) for guard in document.guards),
        tradeoffs=tuple(_tradeoff(tradeoff) for tradeoff in document.tradeoffs),
        holdout=_make(Holdout, **_fields(holdout)) if holdout else None,
        keep=_keep(document.keep),
        isolation=_make(Isolation, **{**_fields(document.isolation), "env": _words(document.isolation.env)}),
        agent=_agent(document.agent),
        stop=_make(Stop, **_fields(document.stop)),
        variables=_words(document.variables),
        written=written,
    )


def title_of(prose: str) -> str:
    """The first heading of the prose, or "program"."""
    fenced = False
    for line in prose.splitlines():
        fenced ^= line.startswith(("```", "~~~"))
        if line.startswith("# ") and not fenced and line[2:].strip():
            return line[2:].strip().rstrip("#").strip() or "program"
    return "program"


_SAME = ("edit", "data", "hide", "run", "score", "artifacts", "labels", "metrics", "env_dirs")


def _make(kind: type[_Made], **values: Any) -> _Made:
    defaults = {field.name: field.default for field in msgspec.structs.fields(kind)}
    return kind(**{name: value for name, value in values.items() if value != defaults[name]})


def _fields(keys: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(keys, name) for name in keys.__struct_fields__}


def _objective(document: Document) -> Objective:
    keys = ("metric", "direction", "unit", "min_effect")
    bounds = (document.bounds[0], document.bounds[1]) if document.bounds else None
    return _make(Objective, **{key: getattr(document, key) for key in keys}, bounds=bounds)


def _words(mapping: Mapping[str, str]) -> Words:
    return tuple(sorted(mapping.items()))


def _guard(keys: GuardKeys) -> Guard:
    return _make(Guard, **{name: value for name, value in _fields(keys).items() if name != "must"})


def _tradeoff(keys: TradeoffKeys) -> Tradeoff:
    price, amount = units.rate(keys.rate)
    return _make(Tradeoff, metric=keys.metric, rate=price, amount=amount)


def _keep(keys: KeepKeys) -> Keep:
    return _make(Keep, **{**_fields(keys), "repeats": (keys.repeats.min, keys.repeats.max)})


def _agent(keys: AgentKeys | str) -> AgentSpec:
    if isinstance(keys, str):
        return _make(AgentSpec, use=keys)
    return _make(AgentSpec, **{**_fields(keys), "network": ("shared",) if keys.network == "shared" else None})
