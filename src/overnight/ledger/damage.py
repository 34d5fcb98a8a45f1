"""What a person reads when the history is missing or does not add up: what happened, and the command that mends it."""

import shlex

from overnight.errors import LedgerError
from overnight.ledger.objects import Objects
from overnight.ledger.place import Place


class Damage:
    """Composes the errors of one study. `hint` is the last durable entry, "" if unknown."""

    def __init__(self, place: Place, objects: Objects, hint: str) -> None:
        self._place = place
        self._hint = hint
        self._survives = bool(hint) and objects.reader().has(hint)

    def deleted(self) -> LedgerError:
        """The ref is gone although the study has entries."""
        return self._error(f"the ref {self._place.ref} was deleted, but this study has a history", self._restore())

    def broken_ref(self, why: str) -> LedgerError:
        """The ref's file does not hold an object id."""
        remove = f"rm -f {shlex.quote(str(self._place.common / self._place.ref))}; "
        restore = remove + self._restore() if self._survives else ""
        return self._error(f"the ref {self._place.ref} {why} instead of naming a commit", restore, remove)

    def rewound(self, tip: str) -> LedgerError:
        """The history does not contain the entry that is known to have been written."""
        happened = (
            f"the ref {self._place.ref} was moved to {tip[:12]}, whose history does not contain the last entry "
            f"that was written, {self._hint[:12]}"
        )
        return self._error(happened, self._restore())

    def bad_entry(self, entry: str, why: str, *, above_hint: bool) -> LedgerError:
        """Entry `entry` is missing or does not decode; `above_hint`: it came after the last synced entry."""
        happened = f"entry {entry[:12]} of {self._place.ref} cannot be read: {why}"
        return self._error(happened, self._restore() if above_hint else "")

    def no_such_entry(self, entry: str) -> LedgerError:
        """A reader asks for what follows an entry that the history does not contain (any more)."""
        happened = f"the history at {self._place.ref} no longer contains entry {entry[:12]}: somebody moved the ref"
        return self._error(happened, self._restore())

    def _restore(self) -> str:
        return f"git update-ref --no-deref {self._place.ref} {self._hint}" if self._survives else ""

    def _error(self, happened: str, restore: str, first: str = "") -> LedgerError:
        log = self._place.folder / "log"
        afresh = f"{first}git update-ref --no-deref -d {self._place.ref}; rm -f {shlex.quote(str(log))}"
        if restore:
            return LedgerError(
                f"{happened}. To restore the history up to its last durable entry, run `{restore}`; to give it up and "
                f"start afresh, run `{afresh}`"
            )
        return LedgerError(
            f"{happened}. The objects that would restore it are not in this repository: fetch them from a clone or a "
            f"backup, or, to give the history up and start afresh, run `{afresh}`"
        )
