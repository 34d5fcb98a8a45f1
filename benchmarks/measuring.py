"""What the benchmarks share: a repository to work in, and a table of figures with their bounds."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

OVERNIGHT = [sys.executable, "-m", "overnight"]


def environment(cache):
    """The person's environment without what could change the result, with a cache of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "OVERNIGHT_"))}
    return {**kept, "XDG_CACHE_HOME": str(cache), "NO_COLOR": "1"}


def git(root, *arguments):
    """What git prints, run in `root` as a person who needs no configuration."""
    who = ["-c", "user.name=Person", "-c", "user.email=person@example.org"]
    return subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def repository(root, files):
    """A new repository at `root` whose only commit holds `files`, a mapping of paths to texts."""
    root.mkdir(parents=True)
    for name, text in files.items():
        (root / name).write_text(text)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    return root


def children_cpu():
    """CPU seconds of all processes that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sync_seconds(folder, count=50):
    """The median time that this disk takes to sync one small new file, at this moment."""
    times = []
    for at in range(count):
        path = Path(folder) / f"sync-{at}"
        begin = time.perf_counter()
        with path.open("wb") as file:
            file.write(b"x" * 300)
            file.flush()
            os.fsync(file.fileno())
        times.append(time.perf_counter() - begin)
        path.unlink()
    return sorted(times)[count // 2]


def creation_seconds(folder, count=20):
    """CPU seconds that the file system takes to make one small file in `folder`, at this moment."""
    paths = [Path(folder) / f"made-{at}" for at in range(count)]
    used = time.process_time()
    for path in paths:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    used = time.process_time() - used
    for path in paths:
        path.unlink()
    return used / count


class Figures:
    """Prints figures one a line, and remembers which missed their bound."""

    def __init__(self):
        self.missed = []

    def show(self, name, value, unit="", *, most=None, least=None):
        """One line; with a bound it says whether it was kept."""
        bound, kept = "", True
        if most is not None:
            bound, kept = f"at most {most:g}", value <= most
        if least is not None:
            bound, kept = f"at least {least:g}", value >= least
        verdict = ("" if kept else "MISSED") if bound else ""
        print(f"{name:<58}{value:>12,.3f} {unit:<6}{bound:<14}{verdict}".rstrip(), flush=True)
        if not kept:
            self.missed.append(name)

    def check(self, name, kept, note=""):
        """One line for what is either so or not."""
        print(f"{name:<58}{'yes' if kept else 'NO':>12} {note}".rstrip(), flush=True)
        if not kept:
            self.missed.append(name)

    def exit(self):
        """End the process: code 1 if a bound was missed."""
        if self.missed:
            print("missed: " + "; ".join(self.missed))
        sys.exit(1 if self.missed else 0)
