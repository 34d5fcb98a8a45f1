"""The history of a study as a chain of git commits on `refs/overnight/<study>/ledger`.

Every entry is one commit that carries an atomic group of events; appending is a compare-and-swap of the ref. The
person's branches, index, HEAD, reflogs and configuration are neither read nor written. Does not know: what the
events mean.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from overnight.errors import ConflictError, LedgerError
from overnight.ledger import entry as entries
from overnight.ledger.compact import Compaction
from overnight.ledger.damage import Damage
from overnight.ledger.disk import exclusive, explained, make_folders
from overnight.ledger.log import Log
from overnight.ledger.objects import MissingObjectError, Objects
from overnight.ledger.place import locate
from overnight.ledger.reach import Reach, loose_entries
from overnight.ledger.recovery import Recovery
from overnight.ledger.refs import BrokenRefError, Ref
from overnight.model.event import Event, Noted

_COMPACT_EVERY = 100
_LARGE_OBJECT = 256 * 1024
_LARGE_RECORD = 4 * 1024**2


class Journal:
    """The ledger of `study` in the repository whose git folder is `git_dir`; nothing is written until `append`.

    Any number of journals, threads and processes may append to one study: each append either wins or raises
    ConflictError. A process that is killed at any point leaves a whole history behind.

    Raises:
        UsageError: `study` is not 1 to 40 of a-z, 0-9 and -.
        RepositoryError: not a git folder, or one with SHA-256 ids or reftables.
    """

    def __init__(self, git_dir: Path, study: str) -> None:
        self._place = locate(git_dir, study)
        self._objects = Objects(self._place.objects)
        self._ref = Ref(self._place.common, self._place.ref, self._place.folder / "ref.new")
        self._folder = self._place.folder
        self._append_lock = self._folder / "append.lock"
        self._log = Log(self._folder / "log", study)
        self._reach = Reach(self._objects)
        self._recovery = Recovery(self._objects, self._ref, self._log)
        self._compaction = Compaction(self._place, self._objects)
        self._loose: int | None = None

    def head(self) -> str:
        """The id of the last entry, "" in an empty ledger.

        Raises:
            LedgerError: the ref was deleted or holds nonsense.
        """
        with explained("read the history", self._place.common):
            try:
                head = self._recovery.head() if self._recovery.due() else self._ref.read()
            except BrokenRefError as error:
                raise self._damage().broken_ref(str(error)) from error
            if not head and self._hint():
                raise self._damage().deleted()
            return head

    def unfinished(self) -> int:
        """How many half-written objects a power cut has left that the next append removes; 0 when there was none.

        libgit2 never comes to the end of such an object: whoever wants to read candidates through it asks first.
        """
        with explained("read the history", self._place.common):
            return len(self._recovery.damaged()) if self._recovery.due() else 0

    def read(self, after: str = "") -> Iterator[tuple[str, tuple[Event, ...]]]:
        """(entry id, its events), oldest first, from the start or after entry `after`; costs what is new.

        Raises:
            LedgerError: the history was deleted or moved, or an entry is missing or does not decode.
        """
        # Before the ref: the log never names an entry that the ref has not reached, and others append meanwhile.
        hint = self._hint()
        tip = self.head()
        if after and tip == after:
            return
        chain = self._chain(tip, after)
        known = next((at for at, (oid, _) in enumerate(chain) if oid == hint), None)
        if hint and known is None and not after:
            raise self._damage().rewound(tip)
        while chain:
            oid, payload = chain.pop()
            try:
                events = entries.events_of(payload)
            except ValueError as error:
                why = f"{error}; it was changed by hand or written by a newer overnight"
                raise self._damage().bad_entry(oid, why, above_hint=known is not None and len(chain) < known) from error
            yield oid, events

    def _chain(self, tip: str, after: str) -> list[tuple[str, bytes]]:
        """(entry id, JSON) of all entries after `after`, newest first."""
        chain: list[tuple[str, bytes]] = []
        if tip == after:
            return chain
        reader = self._objects.reader()
        hint = self._hint()
        passed = False
        at = tip
        while at != after:
            passed = passed or at == hint
            try:
                found = entries.parse(reader.commit(at))
            except (MissingObjectError, ValueError) as error:
                why = str(error) if isinstance(error, MissingObjectError) else "it is not an entry of overnight"
                raise self._damage().bad_entry(at, why, above_hint=not passed) from error
            if not found.parent:
                if after:
                    raise self._damage().no_such_entry(after)
                break
            chain.append((at, found.payload))
            at = found.parent
        return chain

    def append(self, events: Sequence[Event], *, head: str, candidate: str = "", durable: bool = False) -> str:
        """Write `events` as one entry after entry `head` ("" = an empty ledger) and return its id.

        `candidate` is a commit that stays reachable for ever. Killed at any point, the history is whole. After a power
        cut it holds at least this entry and all before it if `durable`; what came later is there whole or not at all.
        The first append after a power cut puts the repository right; if that changed anything, it says so in a note of
        its own, and the caller gets the conflict.

        Raises:
            ConflictError: somebody appended after `head`; the ref is unchanged.
            LedgerError: the ref was deleted or holds nonsense, or the history or its log cannot be read.
            RepositoryError: the repository is read-only, or another git process holds the ref's lock.
            MachineError: the disk is full or failed; the ref is unchanged.
            ValueError: no events, or `candidate` is not a commit of this repository.
        """
        if not events:
            raise ValueError("an entry has at least one event")
        with explained("write the history", self._place.common):
            make_folders(self._folder)
            with exclusive(self._append_lock):
                self._recover()
                oid = self._append(events, head, candidate, durable=durable)
        if self._loose is not None:
            self._loose += 1
        return oid

    def _append(self, events: Sequence[Event], head: str, candidate: str, *, durable: bool) -> str:
        present = self.head()
        if present != head:
            raise ConflictError(f"{self._place.ref} is at {present[:12] or 'nothing'}, not at {head[:12] or 'nothing'}")
        if candidate:
            self._require_commit(candidate)
        if not head:
            self._objects.write("tree", b"")
        parent = head or self._objects.write("commit", entries.root(self._place.study))
        oid = self._objects.write("commit", entries.compose(events, parent, candidate))
        if not durable:
            self._swap(head, oid)
            return oid
        begins = not self._hint()
        with self._log.record(oid, self._unlogged(oid)):
            self._swap(head, oid)
            if begins:
                self._ref.sync()
        return oid

    def _swap(self, old: str, new: str) -> None:
        try:
            self._ref.swap(old, new)
        except BrokenRefError as error:
            raise self._damage().broken_ref(str(error)) from error

    def _unlogged(self, tip: str) -> dict[str, bytes]:
        """The loose files of what the history has brought up to `tip` since its last durable entry.

        What is large is synced where it lies instead, so that the log stays small.
        """
        files: dict[str, bytes] = {}
        total = 0
        try:
            for brought in self._reach.steps(tip, self._hint()):
                for oid in brought:
                    size = -1 if oid in files else self._objects.loose_bytes(oid)
                    if size > _LARGE_OBJECT or total + size > _LARGE_RECORD:
                        self._objects.sync(oid)
                    elif size >= 0 and (file := self._objects.loose_file(oid)) is not None:
                        files[oid] = file
                        total += size
        except (MissingObjectError, ValueError) as error:
            raise LedgerError(
                f"the history at {self._place.ref} cannot go on: {error}; run `git fsck` to see what is missing"
            ) from error
        return files

    def _recover(self) -> None:
        """After the machine has started anew: put right what it may have lost, and say so in the history."""
        if not self._recovery.due():
            return
        tip = self.head()
        self._chain(tip, self._hint())
        words = self._recovery.run()
        if words:
            self._append((Noted(kind="warning", text=words, at=time.time()),), tip, "", durable=True)
        else:
            with self._log.record(tip, self._unlogged(tip)):
                pass

    def _require_commit(self, candidate: str) -> None:
        try:
            self._objects.commit(candidate)
        except MissingObjectError as error:
            raise ValueError(f"the candidate is not a commit of this repository: {error}") from error

    def _hint(self) -> str:
        """The last durable entry as far as is known: a hint for messages and checks, never the truth."""
        return self._log.tail().head

    def _damage(self) -> Damage:
        return Damage(self._place, self._objects, self._hint())

    def compact_if_due(self) -> bool:
        """Pack loose objects once a hundred entries are loose, and say whether that was so; else it costs nothing."""
        if self._loose is None:
            self._loose = loose_entries(self._objects, self.head(), _COMPACT_EVERY)
        if self._loose < _COMPACT_EVERY:
            return False
        self.compact()
        return True

    def compact(self) -> None:
        """Move the loose objects of this history into a pack of ours, and keep our packs few.

        Only objects that entries and candidates of this study brought in are moved, and only packs that overnight
        wrote are merged. Killed at any point, nothing is lost; if another process is at it, nothing is done.

        Raises:
            LedgerError: an object of the history is missing.
            RepositoryError, MachineError: as for `append`.
        """
        self._loose = 0
        with explained("pack the history", self._place.common):
            try:
                tip = self.head()
                if tip and self._compaction.run(tip):
                    self._begin_log(tip)
            except (MissingObjectError, ValueError) as error:
                raise LedgerError(
                    f"the history at {self._place.ref} cannot be packed: {error}; run `git fsck` to see what is missing"
                ) from error

    def _begin_log(self, tip: str) -> None:
        """Forget what a pack holds now; not if somebody has appended meanwhile: the log then stays until next time."""
        with exclusive(self._append_lock):
            if self._ref.read() == tip and not self._recovery.due():
                self._ref.sync()
                self._log.begin(tip)
