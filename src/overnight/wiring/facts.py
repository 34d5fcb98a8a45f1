"""What lint must know of the repository, looked up."""

import glob
from pathlib import Path

from overnight.model.contract import Contract, Objective
from overnight.model.event import Measured, Opened
from overnight.model.experiment import Measurement
from overnight.model.value import lookup
from overnight.program import Facts, places
from overnight.rules.noise import sigma
from overnight.wiring.site import Site

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
    """The scatter of the last segment's baseline, found without folding all that came after it."""
    objective: Objective | None = None
    readings: list[Measurement] = []
    for _, events in site.ledger.read():
        for event in events:
            if isinstance(event, Opened):
                objective, readings = event.contract.objective, []
            elif isinstance(event, Measured) and event.number == 0 and not event.measurement.split:
                readings.append(event.measurement)
    if objective is None or objective != contract.objective:
        return None
    return sigma([value for run in readings if (value := lookup(run.values, objective.metric)) is not None])
