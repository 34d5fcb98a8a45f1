"""Nights that are killed: a ledger that dies, a workspace in memory, and what must come out the same."""

import hashlib

from overnight.model.experiment import Change


class PowerCutError(Exception):
    """The machine is gone."""


class Frail:
    """A ledger whose machine dies at its `cut`-th append, before or after the entry is durable."""

    def __init__(self, ledger, cut, after):
        self.ledger, self.left, self.after = ledger, cut, after

    def read(self, after=""):
        return self.ledger.read(after)

    def append(self, events, *, head, candidate="", durable=False):
        self.left -= 1
        if self.left == 0 and not self.after:
            raise PowerCutError
        entry = self.ledger.append(events, head=head, candidate=candidate, durable=durable)
        if self.left == 0:
            raise PowerCutError
        return entry


class Shelf:
    """A workspace whose trees are the texts of one file."""

    def __init__(self):
        self.texts = {"t0": "5"}

    def checkout(self, tree, into):
        into.mkdir(parents=True, exist_ok=True)
        (into / "a.py").write_text(self.texts[tree])

    def gate(self, directory, parent, terms, summary):
        text = (directory / "a.py").read_text()
        tree = "t" + hashlib.sha256(text.encode()).hexdigest()[:8] if text != "5" else "t0"
        self.texts[tree] = text
        return Change(tree=tree, commit=f"c-{tree}", parent=parent, paths=("a.py",))


def story(state):
    rows = [(item.number, item.tree, item.outcome, item.value, item.reason) for item in state.experiments]
    readings = [[(run.seed, run.split, run.values) for run in item.readings] for item in state.experiments]
    looks = [[(run.seed, run.values) for run in item.holdout] for item in state.experiments]
    counts = (state.counts.evaluations, state.counts.tampering)
    return rows, readings, looks, state.kept, counts, state.certificate, state.closed
