"""Floor 3: the study's history in git, its mirror as a table, and the lock of a running study."""

from overnight.ledger.journal import Journal
from overnight.ledger.lock import StudyLock
from overnight.ledger.mirror import ResultsTable, render

__all__ = ["Journal", "ResultsTable", "StudyLock", "render"]
