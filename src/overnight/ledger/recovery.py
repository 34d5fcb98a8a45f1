"""What a power cut has left of a history, put right from the log.

The log speaks only after the machine has started anew: while it runs, what is missing was taken away by somebody, and
that is an error with a message (see `damage`). After a start, loose objects and the ref may be old, empty or absent,
because nobody synced them; whatever the log holds is then written again. What was written after the last durable
entry is kept if it is whole, with its candidates, and is given up otherwise.
"""

from pathlib import Path

from overnight.ledger import entry as entries
from overnight.ledger.disk import boot
from overnight.ledger.log import Log
from overnight.ledger.objects import MissingObjectError, Objects
from overnight.ledger.reach import Reach
from overnight.ledger.refs import BrokenRefError, Ref

_MARGIN = 60.0


class Recovery:
    """Of the history at `ref`, whose log is `log`; `due` until `run` was called once."""

    def __init__(self, objects: Objects, ref: Ref, log: Log) -> None:
        self._objects = objects
        self._ref = ref
        self._log = log
        self._done = False

    def due(self) -> bool:
        """Whether the log was written before the machine started last, or may have been."""
        tail = self._log.tail()
        return not self._done and bool(tail.head) and not (tail.boot and tail.boot == boot())

    def head(self) -> str:
        """The last entry that can be read or written again, "" if the ref is gone; nothing is written.

        From here on, readers of the store see what the log holds.

        Raises:
            BrokenRefError: the ref holds what no power cut leaves.
        """
        if not self._objects.spare:
            self._objects.spare = self._log.objects()
        try:
            present = self._ref.read()
        except BrokenRefError as error:
            if not error.torn:
                raise
            return self._log.tail().head
        if not present or present in self._objects.spare or present in self._log.heads() or self._lost(present):
            return present and self._log.tail().head
        return present

    def _lost(self, tip: str) -> bool:
        """Whether something of what was written up to `tip` after the last durable entry is missing or damaged."""
        reader, reach = self._objects.reader(), Reach(self._objects)
        durable = self._log.tail().head
        at = tip
        try:
            while at not in ("", durable):
                entry = entries.parse(reader.commit(at))
                for oid in reach.brought(entry.candidate):
                    reader.object(oid)
                at = entry.parent
        except MissingObjectError:
            return True
        except ValueError:
            return False
        return False

    def run(self) -> str:
        """Put the repository right; what was done, as a sentence for the person, "" if everything was as it should be.

        The caller holds the study's append lock.

        Raises:
            BrokenRefError: as for `head`.
            OSError: the disk failed; it can be run again.
        """
        head = self.head()
        again = self._restore()
        unfinished = self._remove_damaged()
        moved = self._moved(head)
        if moved:
            self._ref.put(head)
        self._objects.spare = {}
        self._done = True
        done = (
            *((f"{_count(again, 'object')} of the history written again from its log",) if again else ()),
            *((f"{_count(unfinished, 'damaged object')} of unfinished writes removed",) if unfinished else ()),
            *(("the ref set to the last durable entry",) if moved else ()),
        )
        if not done:
            return ""
        lost = "; a question or a proposal that came after the last of them may be lost and is then asked again"
        return (
            f"the machine went down before everything was on the disk: {', '.join(done)}. Every measurement and "
            f"verdict is there{lost if moved else ''}"
        )

    def _moved(self, head: str) -> bool:
        try:
            return bool(head) and self._ref.read() != head
        except BrokenRefError:
            return True

    def _restore(self) -> int:
        reader = Objects(self._objects.folder).reader()
        again = 0
        for oid, file in self._objects.spare.items():
            try:
                reader.object(oid)
            except MissingObjectError:
                self._objects.restore(oid, file)
                again += 1
        return again

    def damaged(self) -> list[Path]:
        """Objects that were being written: git and libgit2 take a file that is there for whole, and never mend it."""
        return list(self._objects.damaged_since(self._log.begun() - _MARGIN))

    def _remove_damaged(self) -> int:
        found = self.damaged()
        for path in found:
            path.unlink()
        return len(found)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
