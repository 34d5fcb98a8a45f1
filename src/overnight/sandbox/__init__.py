"""Floor 3: boxes, each of which says what it covers and what not."""

from overnight.sandbox.bubblewrap import Bubblewrap
from overnight.sandbox.none import Unboxed
from overnight.sandbox.select import available, best
from overnight.sandbox.toolchain import resolve

__all__ = ["Bubblewrap", "Unboxed", "available", "best", "resolve"]
