"""A contract for a repository laid out like karpathy/autoresearch, whose program.md is prose only.

`train.py` is edited, `prepare.py` and everything else is locked, the run prints its own number
(https://github.com/karpathy/autoresearch). What cannot be seen in the files is not guessed.
"""

import re
from collections.abc import Mapping

from overnight.model.contract import Budget, Contract, Direction, Objective

KILLED_AFTER = 600.0
"""Seconds: such a run trains for 300 s and counts as hung after twice that."""

PLAUSIBLE_BPB = (0.1, 20.0)
"""Bits per byte that a byte model can have; 8 is the uniform guess."""

CACHE = "~/.cache/autoresearch/**"

_GOAL = re.compile(
    r"\b(?P<way>lowest|lower|minimi[sz]e|reduce|highest|higher|maximi[sz]e|increase)\s+(?:possible\s+)?(?:the\s+)?"
    r"[`*]*(?P<name>[A-Za-z]\w*_\w+)",
    re.IGNORECASE,
)
_UP = ("highest", "higher", "maximise", "maximize", "increase")


def infer(prose: str, *, folder: str, program: str, title: str, sources: Mapping[str, str]) -> Contract | None:
    """The contract that the files imply, or None when they are not laid out that way.

    `sources` are the texts of the files beside program.md, by name.
    """
    train, prepare = sources.get("train.py"), sources.get("prepare.py")
    if train is None or prepare is None:
        return None
    objective = _objective(prose, train, prepare)
    if objective is None:
        return None
    uses_uv = "uv.lock" in sources and any("uv run" in text for text in (prose, train, prepare))
    return Contract(
        title=title,
        prose=prose,
        folder=folder,
        program=program,
        objective=objective,
        edit=("train.py",),
        data=(CACHE,) if _mentions_cache(prepare) else (),
        run="uv run train.py" if uses_uv else "python train.py",
        budget=Budget(wall=KILLED_AFTER),
        inferred=True,
    )


def _objective(prose: str, train: str, prepare: str) -> Objective | None:
    if any("val_bpb" in text for text in (train, prepare, prose)):
        return Objective(metric="val_bpb", unit="bits/byte", bounds=PLAUSIBLE_BPB)
    for goal in _GOAL.finditer(prose):
        if goal["name"] in train:
            up = goal["way"].lower() in _UP
            return Objective(metric=goal["name"], direction=Direction.maximize if up else Direction.minimize)
    return None


def _mentions_cache(prepare: str) -> bool:
    return ".cache" in prepare and "autoresearch" in prepare
