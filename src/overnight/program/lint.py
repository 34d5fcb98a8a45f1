"""Holes that a cheater would use, found before the night: a contract against the repository that it is about.

Does not know whether the judge is right; it knows what the candidate could reach.
"""

from collections.abc import Callable, Iterable

from overnight.model.contract import BUILT_IN_METRICS, Contract
from overnight.model.problem import Problem, Severity
from overnight.program.commands import files_named, script_of, tests_of
from overnight.program.facts import Facts
from overnight.program.findings import nearest
from overnight.program.formats import runs_code
from overnight.program.holes import OPEN_HOLES, open_holes, split_sources
from overnight.program.imports import imported
from overnight.program.overlaps import named_in, overlap

Matches = Callable[[tuple[str, ...], str], bool]

__all__ = ["OPEN_HOLES", "lint"]

_SHOWN = 5
_COSTS = frozenset({"wall_seconds", "cpu_seconds", "peak_memory_mb"})


def lint(contract: Contract, facts: Facts, *, matches: Matches) -> tuple[Problem, ...]:
    """Every hole found, errors first. Errors must stop a run, warnings must be shown and recorded.

    `matches(globs, path)` is the scope's own rule for git-style globs.
    """
    inspector = _Inspector(contract, facts, matches)
    inspector.edit()
    inspector.locked()
    inspector.hidden()
    inspector.artifacts()
    inspector.judge()
    inspector.blind_judge()
    inspector.contradictions()
    inspector.checkout()
    inspector.patterns()
    if contract.inferred:
        inspector.open_holes()
    return tuple(sorted(inspector.problems, key=lambda problem: (problem.severity != "error", problem.line)))


class _Inspector:
    def __init__(self, contract: Contract, facts: Facts, matches: Matches) -> None:
        self.problems: list[Problem] = []
        self._contract, self._facts, self._matches = contract, facts, matches
        self._tracked = frozenset(facts.tracked)
        self._editable = frozenset(path for path in facts.tracked if matches(contract.edit, path))

    def edit(self) -> None:
        """Something can be edited, and every glob finds something."""
        if not self._editable:
            read = ", ".join(self._contract.edit)
            close = next((near for glob in self._contract.edit if (near := nearest(glob, self._facts.tracked))), "")
            fix = f"Did you mean `{close}`? " if close else ""
            fix += "Only files that git tracks count: commit the file, or name one that is."
            self._add(
                "nothing-to-edit", f"there is nothing to edit: `{read}` matches no tracked file.", at="edit", fix=fix
            )
            return
        for index, glob in enumerate(self._contract.edit):
            if not glob.startswith("!") and not any(self._matches((glob,), path) for path in self._tracked):
                message = f"`{glob}` in `edit` matches no tracked file."
                self._warn("empty-glob", message, at=f"edit.{index}",
                          fix="Correct it, or remove it if no new file shall appear there.")  # fmt: skip

    def locked(self) -> None:
        """No edit glob reaches what judges."""
        reasons: dict[str, str] = {}
        if self._matches(self._contract.edit, self._contract.program):
            reasons[self._contract.program] = "it is the contract itself"
        for path, reason in self._judging():
            if path in self._editable:
                reasons.setdefault(path, reason)
        for path, reason in reasons.items():
            message = f"`edit` reaches `{path}`, and {reason}: a candidate could rewrite its own verdict."
            fix = f'Take it out: add "!{path}" at the end of `edit`, or name the files to edit one by one.'
            if reason.endswith("imports it"):
                fix += (
                    " If the judge shall measure it: import it in `run`, write what comes out to a file, and hand that "
                    "over with `artifacts`; the judge sees only the files as they were."
                )
            self._add("edit-reaches-judge", message, at="edit", fix=fix)

    def _judging(self) -> Iterable[tuple[str, str]]:
        contract = self._contract
        commands = [("score", contract.score)]
        commands.append(("drive.judge", contract.drive.judge if contract.drive else ""))
        if contract.holdout:
            commands.append(("holdout.certify", contract.holdout.certify))
            commands.append(("holdout.gate", contract.holdout.gate))
        # Without a judge of its own, the run's script is the candidate even where another command runs it.
        candidate = set() if contract.score or contract.drive else set(files_named(contract.run, self._tracked))
        for key, command in commands:
            for path in files_named(command, self._tracked):
                if path not in candidate:
                    yield path, f"`{key}` runs it"
                    for module in imported(path, self._facts.sources, self._tracked):
                        yield module, f"`{path}`, which `{key}` runs, imports it"
        for index, guard in enumerate(contract.guards):
            for path in (*script_of(guard.run, self._tracked), *tests_of(guard.run, self._tracked)):
                yield path, f"the command of `guards[{index}]` depends on it"

    def hidden(self) -> None:
        """What is hidden is not in git, and somebody uses it."""
        here = tuple(pattern for pattern in self._contract.hide if not pattern.startswith(("/", "~")))
        present = dict.fromkeys((path for path in self._tracked if self._matches(here, path)), "")
        in_git = present | dict(self._facts.hidden_in_git)
        if in_git:
            shown = ", ".join(_with_commit(*item) for item in sorted(in_git.items())[:_SHOWN])
            more = f" and {len(in_git) - _SHOWN} more" if len(in_git) > _SHOWN else ""
            message = f"{shown}{more} should be hidden, but git holds it: an agent can read it from history."
            fix = (
                "Make new answers and keep them outside git (.gitignore); the old ones are known. "
                "`git log --all -- PATH` lists the commits."
            )
            self._add("hidden-in-git", message, at="hide", fix=fix)
        if self._contract.hide and not (self._contract.score or self._contract.drive):
            message = "`hide` has no effect: without `score` or `drive` there is no judge that could read hidden files."
            self._warn("hide-unused", message, at="hide", fix="Add a `score` command that reads them.")

    def artifacts(self) -> None:
        """Artefacts cannot stand in for tracked files, and go with a `score`."""
        clash = sorted(path for path in self._tracked if self._matches(self._contract.artifacts, path))
        if clash:
            message = (
                f"`artifacts` reaches `{clash[0]}`, which git tracks: a candidate could replace it in the judge's tree."
            )
            self._add(
                "artifact-overlays",
                message,
                at="artifacts",
                fix="Write results to a folder of their own, such as out/.",
            )
        code = next((path for path in self._importable() if self._matches(self._contract.artifacts, path)), "")
        if self._contract.score and code:
            message = f"`artifacts` would let a candidate hand over `{code}`, which the judge could import."
            self._add(
                "artifact-code", message, at="artifacts", fix="Hand over data only, in a folder of its own: out/*.npy"
            )
        for index, glob in enumerate(self._contract.artifacts):
            suffix = runs_code(glob)
            if suffix and not glob.startswith("!"):
                message = (
                    f"`{glob}` lets a candidate hand over a {suffix} file: to load that is to run the candidate's code "
                    "inside the judge, which can then print any number."
                )
                fix = "Hand over data: .npy, .json, .csv, .safetensors. Or load it in `run`, and hand over its output."
                self._warn("artifact-runs-code", message, at=f"artifacts.{index}", fix=fix)
        if self._contract.artifacts and not self._contract.score:
            message = "`artifacts` has no effect without `score`: nothing would read them."
            self._warn("artifacts-unused", message, at="artifacts")
        measured = self._contract.objective.metric in BUILT_IN_METRICS
        if self._contract.score and self._contract.run and not self._contract.artifacts and not measured:
            message = "`score` sees nothing of the run, because `artifacts` names no file to hand over."
            self._warn(
                "score-blind",
                message,
                at="score",
                fix="Name what the run writes: `artifacts: [out/pred.npy]`.",
            )

    def _importable(self) -> Iterable[str]:
        """Names that Python would import beside the judge's scripts: what is declared, and what it always looks for."""
        yield from (pattern for pattern in self._contract.artifacts if pattern.endswith((".py", ".pth", ".so", ".pyc")))
        for script in files_named(self._contract.score, self._tracked):
            folder = script.rpartition("/")[0]
            yield f"{folder}/json.py" if folder else "json.py"

    def judge(self) -> None:
        """A number that the candidate prints itself has bounds."""
        objective = self._contract.objective
        own = objective.metric in BUILT_IN_METRICS
        if not (self._contract.score or self._contract.drive or own or objective.bounds):
            message = f"`{objective.metric}` is printed by the candidate itself (self-reported) and has no `bounds`."
            self._warn("no-bounds", message, at="metric",
                      fix="Write `bounds: [low, high]` around the plausible, or add a `score` command.")  # fmt: skip

        checked = any(guard.run or guard.metric not in BUILT_IN_METRICS for guard in self._contract.guards)
        if objective.metric in _COSTS and not (self._contract.score or self._contract.drive or checked):
            message = (
                f"nothing checks that the program still does its work: for `{objective.metric}` a candidate that does "
                "nothing wins."
            )
            fix = "Add a guard (`guards: [{run: pytest -q}]`), or a judge: `overnight init --template speed` shows one."
            self._warn("unchecked", message, at="metric", fix=fix)

    def blind_judge(self) -> None:
        """The judge does not measure its own old copy of what is edited."""
        contract, drive = self._contract, self._contract.drive
        if contract.objective.metric in BUILT_IN_METRICS:
            return
        served = set(files_named(drive.serve, self._tracked)) if drive else set()
        for key, command in (("score", contract.score), ("drive.judge", drive.judge if drive else "")):
            for script in files_named(command, self._tracked):
                text = self._facts.sources.get(script, "")
                paths = sorted(self._editable - served - {script})
                for path in named_in(text, paths, python=script.endswith(".py")):
                    message = (
                        f"`{script}`, which `{key}` runs, names `{path}`: the judge sees that file as it was when the "
                        "study began, never a candidate's, so reading it scores all candidates the same."
                    )
                    fix = (
                        "Let `run` use it and write a result to a file, and hand that over: `artifacts: [out/result]`."
                    )
                    self._warn("judge-reads-base", message, at=key, fix=fix)

    def contradictions(self) -> None:
        """What is hidden is not shown by another key."""
        contract = self._contract
        shown = (("data", contract.data), ("env_dirs", contract.env_dirs), ("artifacts", contract.artifacts))
        for key, patterns in (*shown, ("isolation.read", contract.isolation.read), ("agent.read", contract.agent.read)):
            for index, pattern in enumerate(patterns):
                hidden = next((glob for glob in contract.hide if overlap(pattern, glob, self._matches)), "")
                hidden = hidden or (self._facts.shown_hidden.get(pattern, "") if key == "data" else "")
                if hidden:
                    message = f"`{pattern}` in `{key}` and `{hidden}` in `hide` contradict each other: one shows it."
                    fix = "Keep what is hidden in a folder of its own that no other key names."
                    self._add("hidden-shown", message, at=f"{key}.{index}", fix=fix)

    def checkout(self) -> None:
        """What git tracks and a checkout shows differently from the person's folder."""
        links = sorted(path for path in self._editable if path in self._facts.links)
        for path in links:
            severity: Severity = "error" if len(links) == len(self._editable) else "warning"
            message = f"`{path}` is a link: nothing can be edited through it."
            fix = f"Name the file that it points to (`{self._facts.links[path]}`), if git tracks it."
            self._add("edit-link", message, at="edit", fix=fix, severity=severity)
        for path in self._facts.submodules:
            message = f"`{path}` is a submodule: the box shows an empty folder there."
            self._warn("submodule", message, fix="If it is needed, commit its files, or name a copy of it in `data`.")
        if self._facts.pointers:
            shown = ", ".join(f"`{path}`" for path in self._facts.pointers[:_SHOWN])
            message = f"git-lfs keeps {shown} elsewhere: the box shows the text of the pointer, not the content."
            self._warn("lfs-pointer", message, fix="If it is needed, keep the file outside git and name it in `data`.")

    def patterns(self) -> None:
        """Patterns of data find files."""
        for key, counts in (("data", self._facts.data_counts), ("hide", self._facts.hide_counts)):
            for index, pattern in enumerate(getattr(self._contract, key)):
                if counts.get(pattern, 1) == 0:
                    message = f"`{pattern}` in `{key}` matches no file on this machine."
                    fix = f"Paths count from {self._contract.program}'s folder: correct it, or prepare the files first."
                    self._add("empty-pattern", message, at=f"{key}.{index}", fix=fix)

    def open_holes(self) -> None:
        """What a judge inside the candidate's process cannot prevent, each by name."""
        for code, message in open_holes(*split_sources(self._facts.sources, self._editable)):
            self._warn(
                code,
                message,
                fix="A `score` or `drive` command closes it; until then the result is self-reported.",
            )

    def _warn(self, code: str, message: str, *, at: str = "", fix: str = "") -> None:
        self._add(code, message, at=at, fix=fix, severity="warning")

    def _add(self, code: str, message: str, *, at: str = "", fix: str = "", severity: Severity = "error") -> None:
        places = self._facts.places
        line, column = places.get(at) or places.get(at.partition(".")[0]) or (0, 0)
        file = self._facts.file
        self.problems.append(
            Problem(severity=severity, code=code, file=file, line=line, column=column, message=message, fix=fix)
        )


def _with_commit(path: str, commit: str) -> str:
    return f"`{path}` (in commit {commit[:10]})" if commit else f"`{path}`"
