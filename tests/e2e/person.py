"""A person with a repository, for the end-to-end specifications."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

OVERNIGHT = [sys.executable, "-m", "overnight"]

PROGRAM = """---
metric: loss
direction: minimize
edit: [model.py]
run: python3 model.py
bounds: [-1000, 1000]
budget: {wall: 20s, memory: 512MiB}
---
# Lower the loss

Change X and Y in model.py.
"""

MODEL = """X = 5  # range: -10..10
Y = 3  # range: -10..10

print("training ...")
print(f"loss: {(X - 2) ** 2 + (Y + 1) ** 2 + 0.5}")
"""


class Project:
    """A person's repository in a folder of its own, with a cache of its own."""

    def __init__(self, root: Path, cache: Path):
        self.root = root
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "OVERNIGHT_"))},
            "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),  # as in an active venv
            "XDG_CACHE_HOME": str(cache),
            "NO_COLOR": "1",
        }

    def git(self, *arguments, check=True):
        identity = ["-c", "user.name=Person", "-c", "user.email=person@example.org"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=self.root, check=check, capture_output=True, text=True
        ).stdout.strip()

    def write(self, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, bytes):
                path.write_bytes(text)
            else:
                path.write_text(text)

    def commit(self, message="change"):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def overnight(self, *arguments, code=0, timeout=120, cwd=None):
        done = subprocess.run(
            [*OVERNIGHT, *map(str, arguments)],
            cwd=cwd or self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def status(self, *arguments):
        return json.loads(self.overnight("status", "--json", *arguments).stdout)

    def log(self, *arguments):
        return [json.loads(line) for line in self.overnight("log", "--json", *arguments).stdout.splitlines()]

    def script(self, *steps):
        """A script for the scripted agent, outside the repository."""
        path = self.root.parent / "script.json"
        path.write_text(json.dumps({"steps": list(steps)}))
        return f"scripted {path}"

    def fingerprint(self):
        """Digest of every file of the repository but overnight's own places and the object store."""
        own = (".git/objects", ".git/refs/overnight", ".git/overnight")
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_file() and not path.is_symlink() and not name.startswith(own):
                found[name] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode)
            elif path.is_symlink():
                found[name] = os.readlink(path)
        return found


DESPITE = ("--despite", "empty-candidate")
"""For contracts that an empty candidate wins, where that is not what a specification is about."""


def step(summary="", **more):
    return {"summary": summary, **more}


def contract(**keys):
    """A program.md of JSON values, which are YAML too."""
    base = {
        "metric": "loss",
        "edit": ["model.py"],
        "run": "python3 model.py",
        "bounds": [-100000, 100000],
        "budget": {"wall": "20s", "memory": "512MiB"},
    }
    lines = [f"{key}: {json.dumps(value)}" for key, value in (base | keys).items() if value is not None]
    return "\n".join(["---", *lines, "---", "# A study", ""])


def printing(**values):
    return "".join(f"print('{name}: {value}')\n" for name, value in values.items())


def begun(project, *, model=MODEL, files=(), **keys):
    project.write({"program.md": contract(**keys), "model.py": model, **dict(files)})
    project.commit("the study")
    return project


def tried(project, *models, options=()):
    """Outcomes after the baseline of one night that tries each of `models`, every one built on the best so far."""
    steps = [step(f"model {index}", files={"model.py": model}) for index, model in enumerate(models)]
    project.overnight("run", "--experiments", len(steps), "--agent", project.script(*steps), *options)
    return [row["outcome"] for row in project.log()[1:]]
