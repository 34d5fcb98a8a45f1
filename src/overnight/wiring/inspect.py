"""Looks at a repository and proposes what could be measured and what could be edited."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from overnight.errors import UsageError
from overnight.model.contract import Direction, Guard
from overnight.rules.scope import matches
from overnight.wiring.site import Site

_BENCHMARKS = (
    "bench.py", "benchmark.py", "benchmarks.py", "perf.py", "evaluate.py", "eval.py", "score.py", "measure.py",
    "train.py", "main.py", "run.py", "bench.sh", "benchmark.sh", "measure.sh",
)  # fmt: skip
_FOLDERS = ("", "benchmarks", "bench", "benchmark", "scripts", "perf")
_CODE = {
    ".py",
    ".js",
    ".ts",
    ".mjs",
    ".rs",
    ".go",
    ".c",
    ".cc",
    ".cpp",
    ".h",
    ".java",
    ".rb",
    ".sql",
    ".sh",
    ".jl",
    ".r",
}
_NOT_EDITED = re.compile(
    r"(^|/)(tests?|docs?|benchmarks?|bench|perf|vendor|third_party|node_modules|\.[^/]+)/|"
    r"(^|/)(test_[^/]*|[^/]*_test\.\w+|[^/]*\.test\.\w+|conftest\.py|setup\.py|bench[^/]*|perf[^/]*|judge[^/]*)$"
)
_HIGHER = re.compile(
    r"acc|score|f1|auc|reward|throughput|per_sec|qps|rps|speedup|recall|precision|hits|win", re.IGNORECASE
)
_PREFERRED = re.compile(r"^(val_bpb|val_loss|loss|score|accuracy|metric|error|latency|p95|seconds|time)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposal for a contract: `run` the command, `edit` the globs, `guards` from the tests; `why` in sentences."""

    run: str
    edit: tuple[str, ...]
    guards: tuple[Guard, ...]
    why: tuple[str, ...]


def inspect(site: Site, tree: str, *, run: str = "", edit: tuple[str, ...] = ()) -> Draft:
    """Propose a command, editable files and a test guard for the repository at `tree`.

    What the person gave (`run`, `edit`) is taken as it is.

    Raises:
        UsageError: no command can be proposed; the message says which options to give.
    """
    prefix = f"{site.prefix}/" if site.prefix else ""
    files = [path.removeprefix(prefix) for path in site.repository.files(tree) if path.startswith(prefix)]
    why = []
    if not run:
        run, reason = _command(site, tree, prefix, files)
        why.append(reason)
    if not edit:
        edit = _editable(files, run)
        why.append(f"editable: {', '.join(edit)} (your source files, without tests, docs and the benchmark)")
    elif not any(matches(edit, path) for path in files):
        raise UsageError(
            f"--edit {', '.join(edit)} matches no file that git tracks in {site.program.parent}: commit it, or "
            "name one that is"
        )
    return Draft(run, edit, _tests(files, edit), tuple(why))


def choose_metric(names: tuple[str, ...]) -> str:
    """The most likely objective among the metrics that a command prints; "" when none or undecidable."""
    if len(names) == 1:
        return names[0]
    liked = [name for name in names if _PREFERRED.match(name)]
    return liked[0] if liked else ""


def guess_direction(metric: str) -> Direction:
    """Maximize for scores, accuracies and rates, minimize for everything else."""
    return Direction.maximize if _HIGHER.search(metric) else Direction.minimize


def _command(site: Site, tree: str, prefix: str, files: list[str]) -> tuple[str, str]:
    for name in _BENCHMARKS:
        for folder in _FOLDERS:
            path = f"{folder}/{name}" if folder else name
            if path in files:
                runner = "sh" if path.endswith(".sh") else "python"
                return f"{runner} {path}", f"run: `{runner} {path}` (it is there)"
    if "package.json" in files:
        text = (site.repository.read(tree, f"{prefix}package.json") or b"{}").decode("utf-8", errors="replace")
        try:
            scripts = json.loads(text).get("scripts", {})
        except (ValueError, AttributeError):
            scripts = {}
        for script in ("bench", "benchmark", "perf"):
            if script in scripts:
                return f"npm run --silent {script}", f"run: the script {script} of package.json"
    for name in ("Makefile", "makefile", "justfile"):
        text = (site.repository.read(tree, prefix + name) or b"").decode("utf-8", errors="replace")
        found = re.search(r"^(bench\w*|perf)\s*:", text, re.MULTILINE)
        if found:
            tool = "just" if name == "justfile" else "make -s"
            return f"{tool} {found[1]}", f"run: the target {found[1]} of {name}"
    raise UsageError(
        "nothing here looks like a benchmark (bench.py, a `bench` script or target ...). Say what to run and what may "
        'change: overnight init --run "python my_benchmark.py" --edit "src/**", or begin from a template: '
        "overnight init --template speed NEW_FOLDER"
    )


def _editable(files: list[str], run: str) -> tuple[str, ...]:
    words = set(run.split())
    code = [path for path in files if PurePosixPath(path).suffix in _CODE and not _NOT_EDITED.search(path)]
    others = [path for path in code if path not in words]
    if not others:
        others = [path for path in code if path in words]
    if not others:
        raise UsageError('no source files to edit were found: name them, as in overnight init --edit "src/**"')
    suffix = Counter(PurePosixPath(path).suffix for path in others).most_common(1)[0][0]
    chosen = [path for path in others if path.endswith(suffix)]
    folders = {path.split("/", 1)[0] for path in chosen if "/" in path}
    if len(chosen) <= 5:
        return tuple(sorted(chosen))
    top = [path for path in chosen if "/" not in path]
    return (*sorted(f"{folder}/**/*{suffix}" for folder in folders), *sorted(top))


def _tests(files: list[str], edit: tuple[str, ...]) -> tuple[Guard, ...]:
    python = any(Path(path).name.startswith("test_") and path.endswith(".py") for path in files)
    if python and any(glob.endswith(".py") for glob in edit):
        return (Guard(run="python -m pytest -q -p no:cacheprovider"),)
    return ()
