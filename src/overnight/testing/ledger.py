"""What every Ledger must do, as tests that a third party inherits.

    class TestMine(LedgerContract):
        def open(self, folder): return MyLedger(folder / "history")
        def candidate(self, folder, text): return a commit that MyLedger can keep
        def keeps(self, folder, candidate): return whether it is still there after a clean-up

The methods that begin with `test_` need pytest's `tmp_path` and nothing else. Does not know: files, git, time.
"""

from abc import ABC, abstractmethod
from pathlib import Path

from overnight.errors import ConflictError, LedgerError
from overnight.model.event import Asked, Event, Judged, Measured, Noted, Promoted
from overnight.model.experiment import Measurement, Outcome
from overnight.ports import Ledger

Entries = list[tuple[str, tuple[Event, ...]]]


def _require(condition: bool, rule: str) -> None:  # noqa: FBT001 - reads like an assert
    if not condition:
        raise AssertionError(rule)


def _note(text: str) -> tuple[Event, ...]:
    return (Noted(kind="person", text=text, at=1.5),)


class LedgerContract(ABC):
    """Inherit, implement the three hooks, and let pytest collect the subclass.

    `folder` is an empty folder of the test's own: the same folder means the same history.
    """

    @abstractmethod
    def open(self, folder: Path) -> Ledger:
        """A handle, new where possible, on the history in `folder`, which is empty at first."""

    @abstractmethod
    def candidate(self, folder: Path, text: str) -> str:
        """The id of a new commit that nothing but a ledger's entry will keep."""

    @abstractmethod
    def keeps(self, folder: Path, candidate: str) -> bool:
        """Whether `candidate` is still there after everything that nobody keeps was thrown away."""

    def _history(self, folder: Path, after: str = "") -> Entries:
        return list(self.open(folder).read(after))

    def test_a_new_ledger_is_empty(self, tmp_path: Path) -> None:
        """Reading what was never written gives nothing and is no error."""
        _require(self._history(tmp_path) == [], "a new ledger has no entries")

    def test_what_was_appended_is_read_back_in_order(self, tmp_path: Path) -> None:
        """Ids and events come back exactly, oldest first, also through a new handle."""
        ledger = self.open(tmp_path)
        written: Entries = []
        for text in ("one", "two", "", "a\nb\t\x00\x1b[31m", "ünï 🌙 \u2028", "x" * 100_000, "line\n\n[]\n\nline"):
            head = written[-1][0] if written else ""
            written.append((ledger.append(_note(text), head=head), _note(text)))
        _require(list(ledger.read()) == written, "the same handle reads what it appended")
        _require(self._history(tmp_path) == written, "a new handle reads the same")

    def test_a_group_of_events_is_one_entry(self, tmp_path: Path) -> None:
        """Verdict and promotion are never apart."""
        measurement = Measurement(values=(("val_bpb", 2.31),), seconds=1.25, seed=7)
        group: tuple[Event, ...] = (
            Measured(number=1, run=0, measurement=measurement),
            Judged(number=1, outcome=Outcome.keep, reason="it gains 0.02", value=2.31, gain=0.02),
            Promoted(number=1, commit="c" * 40),
        )
        entry = self.open(tmp_path).append(group, head="", durable=True)
        _require(self._history(tmp_path) == [(entry, group)], "a group is read back as one entry")

    def test_an_empty_group_is_refused(self, tmp_path: Path) -> None:
        """An entry without events would mean nothing."""
        ledger = self.open(tmp_path)
        try:
            ledger.append((), head="")
        except ValueError:
            _require(list(ledger.read()) == [], "nothing was written")
        else:
            raise AssertionError("an entry without events must raise ValueError")

    def test_the_same_events_twice_are_two_entries(self, tmp_path: Path) -> None:
        """An entry's id tells its place in the history, not only its content."""
        ledger = self.open(tmp_path)
        first = ledger.append(_note("again"), head="")
        second = ledger.append(_note("again"), head=first)
        _require(first != second, "two entries have two ids")
        _require([entry for entry, _ in ledger.read()] == [first, second], "both are in the history")

    def test_appending_after_a_stale_head_conflicts_and_writes_nothing(self, tmp_path: Path) -> None:
        """Whoever has not seen the last entry must read it first."""
        first = self.open(tmp_path).append(_note("first"), head="")
        second = self.open(tmp_path).append(_note("second"), head=first)
        for stale in ("", first):
            for durable in (False, True):
                try:
                    self.open(tmp_path).append(_note("late"), head=stale, durable=durable)
                except ConflictError:
                    continue
                raise AssertionError("appending after a stale head must raise ConflictError")
        _require([entry for entry, _ in self._history(tmp_path)] == [first, second], "a conflict writes nothing")

    def test_reading_after_an_entry_gives_what_is_new(self, tmp_path: Path) -> None:
        """Incremental reading from any entry equals the rest of the whole history."""
        ledger = self.open(tmp_path)
        head = ""
        for number in range(5):
            head = ledger.append((Asked(number=number, parent=0, agent="a"),), head=head)
        whole = list(ledger.read())
        for at, (entry, _) in enumerate(whole):
            _require(list(ledger.read(entry)) == whole[at + 1 :], "reading after an entry gives the rest")
        _require(list(ledger.read(head)) == [], "nothing follows the last entry")

    def test_reading_after_an_unknown_entry_is_an_error(self, tmp_path: Path) -> None:
        """A reader whose place in the history is gone must not be told that all is well."""
        ledger = self.open(tmp_path)
        ledger.append(_note("one"), head="")
        try:
            list(ledger.read("f" * 40))
        except LedgerError:
            return
        raise AssertionError("reading after an entry that is not there must raise LedgerError")

    def test_candidates_of_entries_are_kept_for_ever(self, tmp_path: Path) -> None:
        """Every candidate ever tried stays, also that of the first entry and one that comes twice."""
        ledger = self.open(tmp_path)
        ours = [self.candidate(tmp_path, text) for text in ("base", "one", "two")]
        head = ""
        for commit in (*ours, ours[1]):
            head = ledger.append(_note(commit), head=head, candidate=commit, durable=True)
        head = ledger.append(_note("no candidate"), head=head)
        _require(all(self.keeps(tmp_path, commit) for commit in ours), "every candidate is kept")
        _require(len(self._history(tmp_path)) == 5, "candidates are no entries")
