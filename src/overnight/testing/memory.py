"""A ledger in memory: for tests of what stands above a ledger, and the model of what a ledger does."""

from collections.abc import Iterator, Sequence

from overnight.errors import ConflictError, LedgerError
from overnight.model.event import Event, decode, encode


class MemoryLedger:
    """Keeps entries in a list, as bytes; `candidates` are all commits that were appended with an entry."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, bytes]] = []
        self.candidates: list[str] = []

    def head(self) -> str:
        """The id of the last entry, "" in an empty ledger."""
        return self._entries[-1][0] if self._entries else ""

    def read(self, after: str = "") -> Iterator[tuple[str, tuple[Event, ...]]]:
        """As `overnight.ports.Ledger.read`."""
        start = 0
        if after:
            ids = [entry for entry, _ in self._entries]
            if after not in ids:
                raise LedgerError(f"this ledger has no entry {after}")
            start = ids.index(after) + 1
        for entry, data in self._entries[start:]:
            yield entry, decode(data)

    def append(self, events: Sequence[Event], *, head: str, candidate: str = "", durable: bool = False) -> str:  # noqa: ARG002 - memory is not durable
        """As `overnight.ports.Ledger.append`; `durable` has no meaning here."""
        if not events:
            raise ValueError("an entry has at least one event")
        if head != self.head():
            raise ConflictError(f"the ledger is at {self.head() or 'nothing'}, not at {head or 'nothing'}")
        if candidate:
            self.candidates.append(candidate)
        entry = f"{len(self._entries) + 1:040x}"
        self._entries.append((entry, encode(tuple(events))))
        return entry
