"""Real git repositories for the ledger's tests."""

import os
import subprocess

from overnight.model.event import Noted, Opened


def git(folder, *words, **more):
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = ("-c", "user.name=p", "-c", "user.email=p@x", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", "-C", folder, *who, *words], check=False, capture_output=True, env=env, **more)
    assert done.returncode == 0, f"git {words}: {done.returncode}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode().strip()


def repository(folder):
    """A repository with one commit, a dirty index and a dirty working tree."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q")
    (folder / "train.py").write_text("rate = 1\n")
    (folder / "lib").mkdir()
    (folder / "lib" / "a.py").write_text("a = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    (folder / "train.py").write_text("rate = 2\n")
    git(folder, "stash", "-q")
    (folder / "train.py").write_text("rate = 3\n")
    git(folder, "add", ".")
    (folder / "train.py").write_text("rate = 4\n")
    (folder / "litter.txt").write_text("mine")
    return folder


def candidate(folder, number, text="", who="overnight <overnight@localhost>"):
    """A commit on HEAD that changes lib/a.py, written as the workspace does: loose, named by no ref."""
    blob = git(folder, "hash-object", "-w", "--stdin", input=f"a = {number}\n{text}".encode())
    below = git(folder, "mktree", input=f"100644 blob {blob}\ta.py\n".encode())
    train = git(folder, "rev-parse", "HEAD:train.py")
    lines = f"040000 tree {below}\tlib\n100644 blob {train}\ttrain.py\n"
    tree = git(folder, "mktree", input=lines.encode())
    head = git(folder, "rev-parse", "HEAD")
    raw = f"tree {tree}\nparent {head}\nauthor {who} {number} +0000\ncommitter {who} {number} +0000\n\nc\n"
    return git(folder, "hash-object", "-t", "commit", "-w", "--stdin", input=raw.encode())


def note(text="hm", at=1.0):
    return (Noted(kind="person", text=text, at=at),)


def fill(journal, count, *, head="", durable=False):
    """Append `count` entries and return their ids."""
    ids = []
    for number in range(count):
        head = journal.append(note(f"n{number}"), head=head, durable=durable)
        ids.append(head)
    return ids


def ids(journal):
    return [entry for entry, _ in journal.read()]


def opened(contract, base):
    return (Opened(study="s", digest="d", contract=contract, base=base, tree="t"),)


def loose(folder):
    """Ids of all loose objects."""
    objects = folder / ".git" / "objects"
    return {path.parent.name + path.name for path in objects.glob("??/*") if not path.name.startswith("tmp")}


def packs(folder):
    return sorted(path.stem for path in (folder / ".git/objects/pack").glob("*.pack"))


def fsck(folder):
    """Fails unless git finds everything in order; dangling objects are."""
    said = git(folder, "fsck", "--full", "--strict", "--no-dangling")
    assert not [word for word in ("error", "missing", "garbage") if word in said], said
