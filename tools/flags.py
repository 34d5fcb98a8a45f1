# ruff: noqa: INP001 - beside the script that uses it
"""The reference page of the flags on a change, for tools/reference.py."""

from overnight.rules.review import RULES

_HEAD = """# Flags on a change

{made}

Before a candidate is measured, rules look at the text that its change adds. What they find is a flag: a word, a path, a
line and a sentence. `overnight show N` lists the flags of an experiment, `overnight log` counts them beside its words,
the report lists those of kept changes under "Violations and tampering", and `--json` has them all.

A flag is advice. It changes no verdict and stops nothing, honest code has flags too, and a change without one is not
therefore honest. Only what a change adds is looked at: code that was there before, or has only moved, has no flag. At
most three flags of a rule in a file are listed, and twenty of a change.

Python is read as a syntax tree, without running or importing any of it. Other languages, and Python that cannot be
parsed, are read line by line with fewer rules; in prose and data only the rules marked "any text" look.

The sentence of a flag is "`what was found` ..." and then:

| flag | says of what was found that it | where |
|---|---|---|"""


def flags_page(made: str) -> str:
    """docs/reference/flags.md; `made` is the line that says who wrote it."""
    python = {"check-removed", "special-method", "hidden-data", "judge", "metric-line"}
    anywhere = {"instructions", "invisible", "literal", "unread", "seed-only", "binary"}
    lines = [_HEAD.format(made=made)]
    for word, said in RULES.items():
        where = "any text" if word in anywhere else "Python" if word in python else "code"
        lines.append(f"| `{word}` | {said} | {'names of new files' if word == 'startup' else where} |")
    return "\n".join(lines) + "\n"
