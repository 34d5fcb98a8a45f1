"""Who proposes the changes: our tuner, any command, or a script. Agents edit files; only the files are believed."""

from overnight.agents.command import CommandAgent
from overnight.agents.mounts import script_mounts
from overnight.agents.scripted import Scripted, Step
from overnight.agents.tunables import Tunable, tunables
from overnight.agents.tuner import Tuner, parameters_of

__all__ = ["CommandAgent", "Scripted", "Step", "Tunable", "Tuner", "parameters_of", "script_mounts", "tunables"]
