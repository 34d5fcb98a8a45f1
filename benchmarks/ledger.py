"""What the ledger costs: an append, reading a long history, memory. Run it: python benchmarks/ledger.py."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from overnight.ledger import Journal
from overnight.model.contract import Tier
from overnight.model.event import Asked, Judged, Measured, Proposed
from overnight.model.experiment import Measurement, Outcome, Trust

EVENTS = 40_000


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


def write(folder):
    """Append everything, every second entry durable, packing as a run does."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    journal = Journal(folder / ".git", "bench")
    head = ""
    seconds = {False: [], True: []}
    packing = 0.0
    cpu = time.process_time()
    for at in range(EVENTS):
        durable = at % 4 >= 2
        begin = time.perf_counter()
        head = journal.append(group(at), head=head, durable=durable)
        seconds[durable].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        journal.compact_if_due()
        packing += time.perf_counter() - begin
    cpu = time.process_time() - cpu
    print(f"append, median         {statistics.median(seconds[False]) * 1e3:8.2f} ms")
    print(f"append durable, median {statistics.median(seconds[True]) * 1e3:8.2f} ms   (at most 5)")
    print(f"packing, per append    {packing / EVENTS * 1e3:8.3f} ms")
    print(f"all of it, CPU         {cpu / EVENTS * 1e3:8.2f} ms an append")
    packs = list((folder / ".git/objects/pack").glob("*.pack"))
    print(f"{len(packs)} packs, {sum(pack.stat().st_size for pack in packs) / 1e6:.1f} MB")


def read(folder):
    """Read and decode everything in a process that did nothing else."""
    journal = Journal(folder / ".git", "bench")
    before = megabytes()
    begin = time.perf_counter()
    count = 0
    last = ""
    for entry, events in journal.read():
        count += len(events)
        last = entry
    whole = time.perf_counter() - begin
    begin = time.perf_counter()
    list(journal.read(last))
    new = time.perf_counter() - begin
    print(f"read + decode {count:,} events {whole:8.3f} s    (with the fold at most 1.5)")
    print(f"reading what is new, none  {new * 1e3:8.3f} ms")
    print(f"resident: {before:.0f} MB before, {megabytes():.0f} MB after; peak", end=" ")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


def main():
    if len(sys.argv) > 1:
        read(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        sys.stdout.flush()
        subprocess.run([sys.executable, __file__, folder], check=True)


if __name__ == "__main__":
    main()
