"""What a reviewer should look at in a candidate's change: advice from its text alone, never a verdict."""

from overnight.rules.review.change import review
from overnight.rules.review.words import RULES

__all__ = ["RULES", "review"]
