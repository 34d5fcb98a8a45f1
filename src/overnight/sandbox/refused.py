"""Why a box cannot be had on this machine, and what would change that."""

from overnight.errors import IsolationError


class NotHereError(IsolationError):
    """A kind of box that does not work here: `reason` and `fix` are sentences without a full stop."""

    def __init__(self, reason: str, fix: str) -> None:
        self.reason = reason
        self.fix = fix
        super().__init__(f"{reason}; {fix}" if fix else reason)
