"""What can be turned in a candidate's files: constants with their places, and the space of each."""

from overnight.agents.tunables.files import survey, tunables
from overnight.agents.tunables.space import Scalar, Space
from overnight.agents.tunables.tunable import Scan, Tunable, replaced, spelled

__all__ = ["Scalar", "Scan", "Space", "Tunable", "replaced", "spelled", "survey", "tunables"]
