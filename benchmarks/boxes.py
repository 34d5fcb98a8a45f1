"""What a box costs: a run in each kind of box against no box, the proof at start, watching a busy candidate.

python benchmarks/boxes.py [ROUNDS]
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from measuring import Figures

from overnight.model.box import Box, Limits, Mount
from overnight.sandbox import Unboxed, available, survey
from overnight.sandbox.holding import Capped, Watchdog
from overnight.sandbox.ladder import RUNGS
from overnight.sandbox.proof import prove
from overnight.testing.sandbox import PYTHON, SYSTEM

MOUNTS = tuple(Mount(target=path, source=path) for path in dict.fromkeys(SYSTEM) if Path(path).exists())
LIMITS = Limits(wall=60.0, memory=10**9, pids=100, cpus=1, cpu_seconds=50.0, disk=10**8)
HOLDERS = (Capped, Watchdog)
PAUSE = 0.03  # the kernel's own tidying after a run is not the next run's
BUSY = """
import time
begun, used, total = time.perf_counter(), time.process_time(), 0
for number in range(5_000_000): total += number * number % 7
print(time.perf_counter() - begun, time.process_time() - used)
"""


def box(*command):
    """A box with every limit that a contract has."""
    return Box(command=command, cwd="/", mounts=MOUNTS, env=(("PATH", "/usr/bin:/bin"),), limits=LIMITS)


def added(boxed, bare, rounds):
    """Milliseconds that one run takes more in `boxed` than in `bare`, medians of runs in turns; our own CPU too."""
    walls, cpu = {boxed: [], bare: []}, []
    for _ in range(rounds):
        for sandbox in (bare, boxed):
            begun, used = time.perf_counter(), time.process_time()
            sandbox.start(box("/bin/true")).wait()
            walls[sandbox].append(1000 * (time.perf_counter() - begun))
            if sandbox is boxed:
                cpu.append(1000 * (time.process_time() - used))
            time.sleep(PAUSE)
    return statistics.median(walls[boxed]) - statistics.median(walls[bare]), statistics.median(cpu)


def busy(sandbox, *, watched):
    """(wall seconds, CPU seconds) of the same work, and our own CPU seconds, looked at or not."""
    before, used = {holder: holder.first for holder in HOLDERS}, time.process_time()
    for holder, first in before.items():
        holder.first = first if watched else 3600.0
    try:
        completed = sandbox.start(box(PYTHON, "-I", "-S", "-B", "-c", BUSY)).wait()
    finally:
        for holder, first in before.items():
            holder.first = first
    wall, cpu = map(float, completed.stdout.split())
    return wall, cpu, time.process_time() - used


def watching(figures, name, sandbox, rounds):
    """The same work watched and not, in turns: what the candidate notices, and what it costs beside it."""
    walls, cpus, ours = [], [], []
    for _ in range(rounds):
        watched, alone = busy(sandbox, watched=True), busy(sandbox, watched=False)
        walls.append(watched[0] / alone[0])
        cpus.append(watched[1] / alone[1])
        ours.append((watched[2] - alone[2]) / watched[0])
    figures.show(f"{name}: a busy candidate, wall, watched", 100 * (statistics.median(walls) - 1), "%", most=2)
    figures.show(f"{name}: a busy candidate, its CPU, watched", 100 * (statistics.median(cpus) - 1), "%", most=2)
    figures.show(f"{name}: our own CPU while watching, of one core", 100 * statistics.median(ours), "%", most=2)


def main(rounds):
    """Every rung that this machine offers."""
    figures, bare = Figures(), Unboxed()
    offered = [report for report in survey() if report.available and report.name != "none"]
    for report in survey():
        if not report.available:
            print(f"{report.name} is not offered here: {report.reason}")
    for report in offered:
        sandbox = available(report.name)
        bound = 25 if report.name in {"capped", "contained"} else None
        more, cpu = added(sandbox, bare, 4 * rounds)
        figures.show(f"{report.name}: added to a run over no box", more, "ms", most=bound)
        figures.show(f"{report.name}: our own CPU for a run", cpu, "ms")
        proofs = []
        for _ in range(5):
            begun = time.perf_counter()
            prove(next(rung for rung in RUNGS if rung.name == report.name).open())
            proofs.append(time.perf_counter() - begun)
        figures.show(f"{report.name}: the proof by attack", statistics.median(proofs), "s", most=1)
        if bound:
            watching(figures, report.name, sandbox, 3 * rounds)
    with tempfile.TemporaryDirectory() as cache:
        survey(Path(cache))
        begun = time.perf_counter()
        survey(Path(cache))
        figures.show("the whole ladder, proofs remembered", 1000 * (time.perf_counter() - begun), "ms")
    figures.exit()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
