"""A repository with a ledger, and the command line called on it, for the tests of the faces."""

import json
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from cli_night import BASE, HOSTILE, Groups, commit_of
from msgspec.structs import replace
from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.ledger import Journal


class House(NamedTuple):
    root: Path
    journal: Journal


def git(root: Path, *words: str, text: str = "") -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=p", "-c", "user.email=p@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *who, *words], cwd=root, input=text, capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.strip()


def candidate(root: Path, text: str, parent: str) -> str:
    blob = git(root, "hash-object", "-w", "--stdin", text=text)
    tree = git(root, "mktree", text=f"100644 blob {blob}\ttrain.py\n")
    return git(root, "commit-tree", tree, "-p", parent, "-m", "c")


def write(house: House, groups: Groups) -> None:
    """Write the night into the ledger with real commits in place of the made-up ones."""
    names = {BASE: git(house.root, "rev-parse", "HEAD")}
    for number in (1, 5):
        parent = names[BASE if number == 1 else commit_of(1)]
        names[commit_of(number)] = candidate(house.root, f"order = {number}\n\tx = '{HOSTILE}'\n", parent)
    head = house.journal.head()
    for group in groups:
        real = []
        for event in group:
            fields = {
                name: names[getattr(event, name)]
                for name in ("base", "commit", "parent_commit")
                if getattr(event, name, None) in names
            }
            real.append(replace(event, **fields))
        head = house.journal.append(real, head=head)


def call(house: House, *words: str):
    return CliRunner().invoke(app, [*words, "--repo", str(house.root)])


def rows_of(house: House, *words: str) -> list[dict]:
    return [json.loads(line) for line in call(house, "log", "--json", *words).stdout.splitlines()]
