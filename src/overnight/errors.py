"""Everything that overnight raises on purpose.

    OvernightError
    ├── UsageError              the person can mend it: exit code 2, one message, no traceback
    │   ├── ContractError       program.md is wrong: carries every Problem found, each with its place
    │   ├── RepositoryError     no repository, no commits, read-only, an unsupported format
    │   ├── LedgerError         the study's history is missing, deleted or does not add up
    │   └── StudyBusyError      another overnight holds this study
    ├── IsolationError          the machine cannot give the isolation that the contract requires
    ├── MachineError            our own machine is broken (disk full, no processes): the study pauses, nothing is lost
    └── ConflictError           somebody else appended first; read again and retry

A failing candidate is none of these: it is a value (``Failure``), never an exception.
"""

from collections.abc import Sequence

from overnight.model.problem import Problem


class OvernightError(Exception):
    """Root of every error that overnight raises on purpose."""


class UsageError(OvernightError):
    """Something the person can mend; the message says what, where, why and what to do next."""


class ContractError(UsageError):
    """program.md cannot be enforced as written; `problems` holds every reason, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.text() for problem in self.problems))


class RepositoryError(UsageError):
    """The git repository is missing, empty, read-only or of a kind that we cannot read."""


class LedgerError(UsageError):
    """The study's history is missing, was deleted or does not add up."""


class StudyBusyError(UsageError):
    """Another overnight process holds this study's lock."""


class IsolationError(UsageError):
    """The machine offers less isolation than the contract requires."""


class MachineError(OvernightError):
    """Our own machine failed (disk, memory, processes); finished measurements are safe."""


class ConflictError(OvernightError):
    """The ledger moved between read and append; nothing was written."""
