"""Which boxes this machine offers, settled once for a whole run of the tests.

A proof by attack that fails because the machine is busy for a moment must not make two workers of pytest-xdist collect
different tests: the process that starts the workers finds out, and tells them (see `conftest`).
"""

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from overnight.ports import Sandbox
from overnight.sandbox.ladder import available, survey

ATTEMPTS = 3


class Settled(NamedTuple):
    """Names on the ladder, strongest first, and the folder in which their proofs are remembered."""

    names: tuple[str, ...]
    proofs: str


_known: list[Settled] = []


def settled() -> Settled:
    """What was settled, else found out now: a box counts when one of a few attempts proves it."""
    if not _known:
        folder = tempfile.mkdtemp(prefix="overnight-tests-proofs-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        surveys = [survey(Path(folder)) for _ in range(ATTEMPTS)]
        proven = {report.name for reports in surveys for report in reports if report.available}
        _known.append(Settled(tuple(report.name for report in surveys[0] if report.name in proven), folder))
    return _known[0]


def settle(names: tuple[str, ...], proofs: str) -> None:
    """Take over what another process has found out."""
    _known[:] = [Settled(names, proofs)]


def sandbox(name: str) -> Sandbox:
    """The box called `name`, a new one, proven in this run of the tests."""
    return available(name, Path(settled().proofs))
