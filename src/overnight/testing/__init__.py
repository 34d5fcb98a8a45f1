"""Public conformance suites and fakes for those who write adapters."""

from overnight.testing.ledger import LedgerContract
from overnight.testing.memory import MemoryLedger

__all__ = ["LedgerContract", "MemoryLedger"]
