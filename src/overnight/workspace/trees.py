"""Trees out of the repository and candidates into it: the Workspace of the ports."""

from collections.abc import Callable
from pathlib import Path

from overnight.model.contract import Contract
from overnight.model.experiment import Change
from overnight.workspace.checkout import write_checkout
from overnight.workspace.gate import Gate
from overnight.workspace.repository import Repository


class Trees:
    """Implements `overnight.ports.Workspace` on a repository.

    `clock` dates the commits of candidates, in seconds since 1970; with the default every run of the same changes
    gives the same commit ids.
    """

    def __init__(self, repository: Repository, clock: Callable[[], float] = lambda: 0.0) -> None:
        self._repository = repository
        self._gate = Gate(repository)
        self._clock = clock

    def checkout(self, tree: str, into: Path) -> None:
        """Write every file of git tree `tree` below the empty or new folder `into`.

        Raises:
            RepositoryError: a tracked link leaves the tree, or the tree holds what no checkout may have.
            MachineError: the files could not be written.
        """
        write_checkout(self._repository, tree, into)

    def gate(self, directory: Path, parent: str, contract: Contract, summary: str) -> Change:
        """Read `directory`, a checkout of all of commit `parent` that an agent has wrecked, and say what changed.

        No git runs there, no link is followed, nothing but regular files is opened. Without breaches the
        candidate's objects are durable in the repository, though no ref names them yet; with breaches `tree` and
        `commit` are the parent's, as they are when nothing changed. Names in the result are printable.

        Raises:
            MachineError: the objects could not be written.
        """
        return self._gate.inspect(directory, parent, contract, summary, int(self._clock()))

    def loc(self, tree: str, contract: Contract) -> int:
        """Lines that are not blank in the editable files of git tree `tree`."""
        return self._gate.loc(tree, contract)
