"""Floor 3: measures a candidate where it cannot touch the number."""

from overnight.judge.runner import CommandJudge
from overnight.judge.seal import Seal

__all__ = ["CommandJudge", "Seal"]
