"""Reads a web server's log on stdin and prints a report. This is the program to make faster.

The report: for every page its hits, visitors and 95th percentile of milliseconds; how many sessions there were (a visitor
who is silent for half an hour begins a new one); and for every address that was not found the known page nearest to it.
Whatever changes in here, the report must stay the same, byte for byte.
"""

import re
import sys
from functools import lru_cache

PARSER = "regex"  # choices: "regex", "split"
CHUNK = 4  # range: 1..65536 log
URL_CACHE = 0  # choices: 0, 64, 1024, 16384
BOUND = False  # choices: False, True

SILENCE = 1800  # fixed
LINE = re.compile(r'^(\d+\.\d+\.\d+\.\d+) \[(\d+)\] "([A-Z]+) ([^ "]*) ([^"]*)" (\d+) (\d+)\s*$')


def parsed(line):
    """(visitor, second, address, status, milliseconds) of one line."""
    if PARSER == "regex":
        visitor, second, _, address, _, status, milliseconds = LINE.match(line).groups()
    else:
        visitor, second, _, address, _, status, milliseconds = line.split()
        second = second[1:-1]
    return visitor, int(second), address, int(status), int(milliseconds)


@lru_cache(maxsize=URL_CACHE)
def page_of(address):
    """The address without its query, doubled slashes and capital letters."""
    page = re.sub(r"\?.*$", "", address)
    page = re.sub(r"/+", "/", page).lower()
    return page if page == "/" else page.rstrip("/")


def distance(one, other, limit):
    """How many letters must be added, dropped or changed; anything above `limit` may be returned as limit + 1."""
    if BOUND and abs(len(one) - len(other)) > limit:
        return limit + 1
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
        if BOUND and min(row) > limit:
            return limit + 1
    return row[-1]


def nearest(missing, known):
    """The known page at the smallest distance, the first of equals."""
    best, least = "", len(missing) + 1000
    for page in known:
        steps = distance(missing, page, least)
        if steps < least:
            best, least = page, steps
    return best


class Percentile:
    """Keeps what it was given in order, taking in CHUNK values at a time."""

    def __init__(self):
        self.ordered, self.fresh = [], []

    def add(self, value):
        self.fresh.append(value)
        if len(self.fresh) >= CHUNK:
            self.settle()

    def settle(self):
        self.ordered = sorted(self.ordered + self.fresh)
        self.fresh = []

    def at(self, percent):
        self.settle()
        return self.ordered[(len(self.ordered) - 1) * percent // 100]


def report(lines):
    hits, visitors, times, missing = {}, {}, {}, []
    last, sessions = {}, 0
    for line in lines:
        visitor, second, address, status, milliseconds = parsed(line)
        page = page_of(address)
        if status == 404:
            missing.append(page)
            continue
        hits[page] = hits.get(page, 0) + 1
        visitors.setdefault(page, set()).add(visitor)
        times.setdefault(page, Percentile()).add(milliseconds)
        if visitor not in last or second - last[visitor] > SILENCE:
            sessions += 1
        last[visitor] = second
    yield f"{sessions} sessions of {len(last)} visitors\n"
    for page in sorted(hits, key=lambda page: (-hits[page], page)):
        yield f"{page} {hits[page]} {len(visitors[page])} {times[page].at(95)}\n"
    known = tuple(sorted(hits))
    suggestions = {}
    for page in missing:
        suggestions[page] = nearest(page, known)
    for page in sorted(suggestions):
        yield f"{page} -> {suggestions[page]}\n"


if __name__ == "__main__":
    sys.stdout.writelines(report(sys.stdin))
