"""What lint must know of the repository, looked up."""

import glob
from pathlib import Path

from overnight.model.contract import Contract
from overnight.model.state import State
from overnight.model.value import lookup
from overnight.program import Facts, places
from overnight.rules.noise import sigma
from overnight.wiring.site import Site, read_state

_SOURCE_LIMIT = 512 * 1024
_SOURCES = 500


def gather_facts(site: Site, contract: Contract, text: str, tree: str) -> Facts:
    """A snapshot of the repository at `tree`, with paths relative to the folder of program.md."""
    prefix = f"{site.prefix}/" if site.prefix else ""
    files = site.repository.files(tree)
    tracked = {path.removeprefix(prefix): entry for path, entry in files.items() if path.startswith(prefix)}
    python = [path for path, entry in tracked.items() if path.endswith(".py") and entry.size <= _SOURCE_LIMIT]
    return Facts(
        file=str(site.program),
        tracked=tuple(tracked),
        sources={path: _text(site, tree, prefix + path) for path in python[:_SOURCES]},
        hidden_in_git=tuple(
            path.removeprefix(prefix) for path in site.repository.ever_tracked(contract.hide, site.prefix)
        ),
        data_counts={pattern: _count(site.program.parent, pattern) for pattern in contract.data},
        hide_counts={pattern: _count(site.program.parent, pattern) for pattern in contract.hide},
        noise=_noise(site, contract),
        places=places(text),
    )


def _text(site: Site, tree: str, path: str) -> str:
    return (site.repository.read(tree, path) or b"").decode("utf-8", errors="replace")


def _count(folder: Path, pattern: str) -> int:
    full = str(folder / Path(pattern).expanduser())
    found = glob.iglob(full, recursive=True, include_hidden=True)  # noqa: PTH207 - the pattern may be absolute
    return sum(1 for path in found if Path(path).is_file())


def _noise(site: Site, contract: Contract) -> float | None:
    state = read_state(site)
    if state.contract is None or state.contract.objective != contract.objective:
        return None
    return sigma(values_of(state))


def values_of(state: State) -> list[float]:
    """The baseline's readings of the objective."""
    if not state.experiments or state.contract is None:
        return []
    metric = state.contract.objective.metric
    return [value for run in state.experiments[0].readings if (value := lookup(run.values, metric)) is not None]
