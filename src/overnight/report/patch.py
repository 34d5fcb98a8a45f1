"""What a unified diff touches, read from its text alone."""

import re

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_NAMES = (
    re.compile(r"(?:---|\+\+\+) \"?[ab]/(.*?)\"?\t?$"),
    re.compile(r"Binary files .*(?:^| |\")b/(.*?)\"? differ$"),
    re.compile(r"Binary files \"?a/(.*?)\"? and /dev/null differ$"),
)


def paths(patch: str) -> list[str]:
    """The paths that a diff as git writes it touches, each once, in its order.

    The lengths in the hunk headers say where a hunk ends, so that content that looks like a header is content.
    """
    old = new = 0
    found: dict[str, None] = {}
    for line in patch.split("\n"):
        if old > 0 or new > 0:
            mark = line[:1]
            old -= mark in ("-", " ", "")
            new -= mark in ("+", " ", "")
        elif hunk := _HUNK.match(line):
            old, new = (1 if count is None else int(count) for count in hunk.groups())
        elif name := next((match for pattern in _NAMES if (match := pattern.match(line))), None):
            found.setdefault(name[1])
    return list(found)
