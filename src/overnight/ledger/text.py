"""Words of strangers, made fit for one line of a log or a table."""

from overnight.rules.words import one_line

__all__ = ["one_line"]
