"""Floor 3: boxes, each of which says what it covers and what not."""

from overnight.sandbox.bubblewrap import Bubblewrap
from overnight.sandbox.capped import Capped
from overnight.sandbox.gpus import with_gpus
from overnight.sandbox.ladder import RungReport, available, best, names, survey
from overnight.sandbox.none import Unboxed
from overnight.sandbox.toolchain import resolve

__all__ = [
    "Bubblewrap",
    "Capped",
    "RungReport",
    "Unboxed",
    "available",
    "best",
    "names",
    "resolve",
    "survey",
    "with_gpus",
]
