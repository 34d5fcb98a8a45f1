"""The rules by their words, and how a finding becomes a sentence."""

from typing import NamedTuple

from overnight.model.experiment import Flag
from overnight.rules.words import one_line

RULES = {
    "binary": "is not text, so nobody can read what it holds",
    "check-removed": "no longer stops the program when something is wrong",
    "clock": "changes the time that others read",
    "descriptors": "writes to files that others have opened",
    "dynamic-code": "runs code that does not stand in the file",
    "dynamic-import": "changes or goes around what `import` finds",
    "encoded": "unpacks data that a reader cannot see",
    "environment": "is read from or written to the environment, though program.md does not name it",
    "exit": "acts when the process ends, or ends it early",
    "frames": "reads or traces the variables of other functions",
    "heap": "finds objects that nobody handed over",
    "hidden-data": "is a place that only the judge may see",
    "instructions": "speaks to a reader instead of the machine",
    "invisible": "contains characters that cannot be seen or change the direction of the text",
    "judge": "is the judge's own code",
    "literal": "may hold results instead of computing them",
    "metric-line": "looks like a result, which only the judge prints",
    "native": "calls native code, where nothing of Python holds",
    "network": "talks to a network",
    "outside": "is a place outside the workspace",
    "patch": "changes other code while it runs",
    "process": "starts, ends or steers processes",
    "record": "is part of git or of the study's record",
    "seed-only": "is all that was changed, and a seed has no merit of its own",
    "special-method": "acts when others compare, convert, copy or drop an object",
    "startup": "is read or run without being asked for",
    "swallowed": "hides that something went wrong",
    "unread": "was not looked at",
}
"""Every rule: its word, and what it says about the thing that it names."""

_LONGEST_THING = 100


class Finding(NamedTuple):
    """One place that a rule has found. `thing` is hostile text; `key` is the same for the same code elsewhere."""

    rule: str
    line: int
    thing: str
    key: str = ""


def flag(path: str, finding: Finding) -> Flag:
    """The finding as a flag whose words are safe and bounded."""
    thing = one_line(finding.thing, _LONGEST_THING).replace("`", "'")
    return Flag(rule=finding.rule, path=path, line=finding.line, detail=f"`{thing}` {RULES[finding.rule]}")
