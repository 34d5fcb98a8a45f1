"""Appends to the ledger and keeps the fold in step: the only writer of a running study."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from overnight.errors import ConflictError
from overnight.model.event import Event, Noted
from overnight.model.state import State
from overnight.ports import Ledger, Sink
from overnight.rules.fold import Folding

_RETRIES = 100


class Recorder:
    """The ledger, its fold and its consumers. `now` gives seconds since 1970.

    Others may append notes and requests to stop at any time: a conflict is answered by reading what they wrote and
    appending again. A sink that fails is reported once in `failed_sinks` and left out from then on.
    """

    def __init__(self, ledger: Ledger, sinks: Sequence[Sink], now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._sinks = list(sinks)
        self._now = now
        self._folding = Folding()
        self._head = ""
        self._state: State | None = None
        self._held: tuple[Event, ...] = ()
        self.failed_sinks: list[str] = []
        self.catch_up(tell=False)

    @property
    def state(self) -> State:
        """The state as of the last append or catch-up."""
        if self._state is None:
            self._state = self._folding.state()
        return self._state

    def number_with(self, tree: str) -> int | None:
        """The first judged experiment whose candidate is `tree`."""
        return self._folding.number_with(tree)

    def catch_up(self, *, tell: bool = True) -> State:
        """Read what others appended since."""
        for head, events in self._ledger.read(self._head):
            self._folding.add(events)
            self._head = head
            self._state = None
            if tell:
                self._tell(events)
        return self.state

    def append(self, *events: Event, candidate: str = "", durable: bool = False) -> State:
        """Append what is held and `events` atomically; with `durable` they survive a power cut from then on."""
        stamped = tuple(replace(event, at=self._now()) for event in events)
        group = self._held + stamped
        for _ in range(_RETRIES):
            try:
                head = self._ledger.append(group, head=self._head, candidate=candidate, durable=durable)
            except ConflictError:
                self.catch_up()
                continue
            self._head = head
            self._held = ()
            self._folding.add(stamped)
            self._state = None
            self._tell(group)
            return self.state
        raise ConflictError(f"somebody else keeps appending to this study: gave up after {_RETRIES} attempts")

    def hold(self, event: Event) -> State:
        """Count `event` from now on, and write it with the next append: for what is followed by another at once.

        A verdict that needs no further reading takes no time; reading and verdict are then one synced write, not two.
        """
        stamped = replace(event, at=self._now())
        self._folding.add((stamped,))
        self._held += (stamped,)
        self._state = None
        return self.state

    def flush(self) -> State:
        """Write what is held, durably."""
        return self.append(durable=True) if self._held else self.state

    def note(self, kind: str, text: str, number: int | None = None) -> State:
        """Append words for the record."""
        return self.append(Noted(kind=kind, text=text, number=number))

    def _tell(self, events: Sequence[Event]) -> None:
        for sink in tuple(self._sinks):
            try:
                for event in events:
                    sink.emit(event, self.state)
            except Exception as error:  # noqa: BLE001 - a consumer of events must never stop a study
                self._sinks.remove(sink)
                self.failed_sinks.append(f"{type(sink).__name__}: {error}")
