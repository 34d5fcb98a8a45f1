"""Our two ledgers prove themselves with the public suite."""

import subprocess

import pytest

from overnight.ledger import Journal
from overnight.testing import LedgerContract, MemoryLedger


def git(folder, *words, **more):
    return subprocess.run(
        ["git", "-C", folder, "-c", "user.name=p", "-c", "user.email=p@x", *words],
        check=True,
        capture_output=True,
        text=True,
        **more,
    ).stdout.strip()


class TestJournal(LedgerContract):
    def open(self, folder):
        if not (folder / ".git").exists():
            git(folder, "init", "-q")
        return Journal(folder / ".git", "s")

    def candidate(self, folder, text):
        blob = git(folder, "hash-object", "-w", "--stdin", input=text)
        tree = git(folder, "mktree", input=f"100644 blob {blob}\ttrain.py\n")
        return git(folder, "commit-tree", tree, "-m", text)

    def keeps(self, folder, candidate):
        git(folder, "gc", "-q", "--prune=now")
        return git(folder, "cat-file", "-t", candidate) == "commit"


class TestMemoryLedger(LedgerContract):
    @pytest.fixture(autouse=True)
    def _ledgers(self):
        self._ledgers = {}

    def open(self, folder):
        return self._ledgers.setdefault(folder, MemoryLedger())

    def candidate(self, folder, text):
        return f"{folder.name} {text}".encode().hex()[:40]

    def keeps(self, folder, candidate):
        return candidate in self._ledgers[folder].candidates
