"""The judge: was the report right? Locked.

It makes the input again from the seed, runs the ORIGINAL program on it (the judge's folder holds the files as they were
when the study began, whatever a candidate has made of its own copy), and compares with the report that the candidate left.
It prints `correct: 1` when they are equal byte for byte, else `correct: 0` and the first difference on stderr. How fast it was
is not asked here: the box outside holds the clock.
"""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
REPORT = FOLDER / "report.txt"


def run(script, given=b""):
    return subprocess.run([sys.executable, script], cwd=FOLDER, input=given, capture_output=True, check=True).stdout


def first_difference(expected, found):
    """A sentence about the first line that differs."""
    wanted, got = expected.splitlines(), found.splitlines()
    for number, (one, other) in enumerate(zip(wanted, got), 1):
        if one != other:
            return f"line {number}: expected {one[:80]!r}, found {other[:80]!r}"
    return f"expected {len(wanted)} lines, found {len(got)}"


def main():
    expected, found = run("work.py", run("inputs.py")), REPORT.read_bytes()
    if found != expected:
        print(f"judge: {first_difference(expected, found)}", file=sys.stderr)
    print(f"correct: {int(found == expected)}")


if __name__ == "__main__":
    main()
