"""One thing that is wrong with what the person wrote, and where."""

from typing import Literal

import msgspec

Severity = Literal["error", "warning"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One finding in a file: what was read, why it matters, what to write instead.

    `line` and `column` count from 1; 0 means "the file as a whole". `severity` "error" stops `check` and
    `run` with exit code 2; "warning" is printed and recorded.
    """

    severity: Severity = "error"
    code: str
    file: str
    line: int = 0
    column: int = 0
    read: str = ""
    message: str
    fix: str = ""

    def text(self) -> str:
        """The finding as a person reads it: `file:line:column: error: message`, then the remedy."""
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        head = f"{place}: {self.severity}: {self.message}"
        return f"{head}\n  {self.fix}" if self.fix else head
