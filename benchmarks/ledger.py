"""What the ledger costs: an append, reading and folding a long history, memory.

The first appends are real ones, synced and packed as a run does it; the rest of the history is written into one pack.
Reading and folding happen in a process that did nothing else. Run it: python benchmarks/ledger.py
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from history import append_packed
from measuring import Figures, sync_seconds

from overnight.ledger import Journal
from overnight.model.contract import Contract, Objective, Tier
from overnight.model.event import Asked, Judged, Measured, Opened, Proposed
from overnight.model.experiment import Measurement, Outcome, Trust
from overnight.rules.fold import Folding

EVENTS = 40_000
APPENDED = 2_000

CONTRACT = Contract(title="Lower the loss", prose="", objective=Objective(metric="val_bpb"), edit=("train.py",))
OPENED = Opened(study="bench", digest="0" * 64, contract=CONTRACT, base="0" * 40, tree="0" * 40)


def group(at):
    """Four events make an experiment, each an entry of its own: the worst case for reading."""
    number, step = divmod(at, 4)
    when = 1.78e9 + at
    if step == 0:
        return (Asked(at=when, number=number, parent=0, agent="tuner", policy="ratchet"),)
    if step == 1:
        return (
            Proposed(
                at=when,
                number=number,
                tree=f"{number:040x}",
                commit=f"{number:040x}",
                parent_commit=f"{number:040x}",
                paths=("train.py",),
                added=3,
                deleted=2,
                loc=120,
                summary=f"Raise LEARNING_RATE to {number / 7:.3f}, because the loss still fell at the end",
                parameters=(("train.py:LEARNING_RATE", f"{number / 7:.6f}"),),
                seconds=1.25,
            ),
        )
    if step == 2:
        values = (
            ("val_bpb", 2.3 + number / 1e6),
            ("wall_seconds", 3.4),
            ("cpu_seconds", 3.3),
            ("peak_memory_mb", 121.5),
            ("loc", 120.0),
            ("diff_lines", 5.0),
        )
        run = Measurement(values=values, seconds=3.5, seed=number, tier=Tier.confined, limits="soft", host="box")
        return (Measured(at=when, number=number, run=0, measurement=run),)
    reason = f"no gain: {2.3 + number / 1e6:.6f} is worse than the best so far, 2.300000"
    return (
        Judged(
            at=when,
            number=number,
            outcome=Outcome.discard,
            reason=reason,
            value=2.3 + number / 1e6,
            gain=-number / 1e6,
            trust=Trust.scored,
        ),
    )


def megabytes():
    """Resident memory of this process."""
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def write(folder, figures):
    """The first appends one by one, every second durable, packing as a run does; then all the others at once."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    journal = Journal(folder / ".git", "bench")
    head = journal.append((OPENED,), head="")
    seconds = {False: [], True: []}
    packing = 0.0
    cpu = time.process_time()
    for at in range(APPENDED):
        durable = at % 4 >= 2
        begin = time.perf_counter()
        head = journal.append(group(at), head=head, durable=durable)
        seconds[durable].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        journal.compact_if_due()
        packing += time.perf_counter() - begin
    cpu = time.process_time() - cpu
    figures.show("append, median", 1e3 * statistics.median(seconds[False]), "ms", most=5)
    figures.show("append durable, median", 1e3 * statistics.median(seconds[True]), "ms", most=5)
    figures.show("   (this disk syncs a small file in)", 1e3 * sync_seconds(folder), "ms")
    figures.show("packing, per append", 1e3 * packing / APPENDED, "ms")
    figures.show("CPU of all this, per append", 1e3 * cpu / APPENDED, "ms")
    append_packed(folder / ".git", "bench", ((group(at), "", ()) for at in range(APPENDED, EVENTS)))


def read(folder):
    """Read, decode and fold everything; seconds of it, best of three as a first read also warms the disk's cache."""
    journal = Journal(folder / ".git", "bench")
    figures = Figures()
    before = megabytes()
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        folding, count, last = Folding(), 0, ""
        for entry, events in journal.read():
            folding.add(events)
            count += len(events)
            last = entry
        state = folding.state()
        times.append(time.perf_counter() - begin)
        if len(times) == 1:
            resident, most = megabytes(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        del folding
    assert len(state.experiments) == EVENTS // 4
    begin = time.perf_counter()
    list(journal.read(last))
    new = time.perf_counter() - begin
    figures.show(f"read, decode and fold {count:,} events, each an entry", min(times), "s", most=1.5)
    figures.show("   the first time in a process", times[0], "s")
    figures.show("reading what is new, none", 1e3 * new, "ms")
    figures.show("resident memory before", before, "MB")
    figures.show("resident memory with the folded state", resident, "MB", most=80)
    figures.show("   peak", most, "MB")
    figures.exit()


def main():
    if len(sys.argv) > 1:
        read(Path(sys.argv[1]))
        return
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="overnight-ledger-") as folder:
        write(Path(folder), figures)
        reading = subprocess.run([sys.executable, __file__, folder], check=False)
    if reading.returncode:
        figures.missed.append("reading")
    figures.exit()


if __name__ == "__main__":
    main()
