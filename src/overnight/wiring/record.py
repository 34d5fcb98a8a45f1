"""Words for a study's record from outside a night: whoever else appends, running or not."""

import time

from msgspec.structs import replace

from overnight.errors import ConflictError
from overnight.model.event import Event
from overnight.ports import Ledger

_RETRIES = 100


def append(ledger: Ledger, event: Event, verb: str) -> None:
    """Append `event`, dated now, on the disk when this returns. `verb` is the command to name where that fails.

    Raises:
        ConflictError: others were first, a hundred times in a row.
    """
    head = ""
    for _ in range(_RETRIES):
        for entry, _events in ledger.read(head):
            head = entry
        try:
            ledger.append([replace(event, at=time.time())], head=head, durable=True)
        except ConflictError:
            continue
        return
    raise ConflictError(f"the study's history changes too fast to append to it: run `overnight {verb}` again")
