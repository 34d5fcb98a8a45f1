"""What overnight itself costs for one experiment, on a fresh study and on one with 10,000 experiments behind it.

Everything is real: engine, ledger, workspace, a `command` agent in a bubblewrap box that changes one line, a candidate
in another bubblewrap box that prints a number. Only the 10,000 experiments of history are not run one by one: their
entries and candidates are written into one git pack, as packing leaves them, behind a real baseline.
Run it: python benchmarks/orchestration.py
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from history import BLOB, COMMIT, TREE, append_packed, packed_object
from measuring import Figures, children_cpu, creation_seconds, environment, repository, sync_seconds

from overnight.ledger import Journal
from overnight.model.contract import Tier
from overnight.model.event import Asked, Judged, Measured, Promoted, Proposed
from overnight.model.experiment import Measurement, Outcome, Trust

HISTORY = 10_000
EXPERIMENTS = 100
ROUNDS = 3
KEPT_EVERY = 80

PROGRAM = """---
metric: loss
direction: minimize
edit: [model.py]
run: cat model.py
bounds: [-1000000, 1000000]
---
# Lower the loss
"""
AGENT = 'command echo "loss: 2.$OVERNIGHT_NUMBER" > model.py'
HEAVY = ("rich", "optuna", "libcst", "numpy", "typer", "click", "asyncio", "markdown_it", "psutil")


def night(root, study, experiments):
    """Run that many more experiments of `study` in this process; what each took, and what the process holds."""
    from overnight.engine.baseline import measure_baseline
    from overnight.engine.experiment import run_experiment
    from overnight.engine.stop import Stopping
    from overnight.wiring.night import open_night
    from overnight.wiring.options import Options
    from overnight.wiring.site import find_site

    options = Options(agent=AGENT, seed=1, environment=dict(os.environ))
    wall, cpu = [], []
    with open_night(find_site(root, study), options, [], Stopping()) as opened:
        lab = opened.laboratory
        measure_baseline(lab)
        first = len(lab.recorder.state.experiments)
        for _ in range(experiments):
            began, used = time.perf_counter(), time.process_time()
            lab.recorder.catch_up()
            unavailable = run_experiment(lab)
            assert not unavailable, unavailable
            wall.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        state = lab.recorder.state
        odd = [f"#{one.number} {one.outcome}: {one.reason}" for one in state.experiments[first:] if one.value is None]
    return {
        "wall": wall,
        "cpu": cpu,
        "resident": resident,
        "history": first - 1,
        "heavy": sorted(sys.modules.keys() & set(HEAVY)),
        "odd": odd[:3],
    }


def in_process_of_its_own(folder, study, experiments):
    """`night` in a new process, so that nothing of another study is in its memory."""
    words = [sys.executable, __file__, str(folder / "project"), study, str(experiments)]
    done = subprocess.run(words, env=environment(folder / "cache"), check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def write_history(git_dir, study, count):
    """Append `count` judged experiments to `study`, which has a baseline."""
    ((opened, *_), *_) = [events for _, events in Journal(git_dir, study).read()]
    append_packed(git_dir, study, history(git_dir, opened, count))


def history(git_dir, opened, count):
    """(events, candidate, its packed objects) of every entry of `count` experiments, three entries each."""
    blob = subprocess.run(
        ["git", "rev-parse", f"{opened.tree}:program.md"], cwd=git_dir, check=True, capture_output=True, text=True
    ).stdout.strip()
    best, best_commit = 0, opened.base
    for number in range(1, count + 1):
        at = 1.78e9 + 60 * number
        kept = number % KEPT_EVERY == 0
        value = -number / 1000 if kept else 1 + number / 1000
        model, model_packed = packed_object(BLOB, f"loss: {value}\n".encode())
        tree, tree_packed = packed_object(
            TREE, b"100644 model.py\0" + bytes.fromhex(model) + b"100644 program.md\0" + bytes.fromhex(blob)
        )
        who = f"overnight <overnight@localhost> {number} +0000"
        commit, commit_packed = packed_object(
            COMMIT, f"tree {tree}\nparent {best_commit}\nauthor {who}\ncommitter {who}\n\nA change\n".encode()
        )
        summary = f"Raise LEARNING_RATE to {number / 7:.3f}, because the loss still fell at the end"
        values = (("loss", value), ("wall_seconds", 3.4), ("cpu_seconds", 3.3), ("peak_memory_mb", 121.5))
        values += (("loc", 120.0), ("diff_lines", 5.0))
        run = Measurement(
            values=values, seconds=3.5, seed=number, tier=Tier.contained, limits="soft", host="box", trust=Trust.scored
        )
        outcome = Outcome.keep if kept else Outcome.discard
        reason = f"worse than #{best} by {number / 1000:.6g}"
        yield (Asked(at=at, number=number, parent=best, agent="tuner", policy="ratchet"),), "", ()
        yield (
            (
                Proposed(
                    at=at, number=number, tree=tree, commit=commit, parent_commit=best_commit, paths=("model.py",),
                    added=1, deleted=1, loc=1, agent="tuner", summary=summary, seconds=1.25,
                    parameters=(("model.py:LEARNING_RATE", f"{number / 7:.6f}"),),
                ),
            ),
            commit,
            (model_packed, tree_packed, commit_packed),
        )  # fmt: skip
        judged = Judged(at=at, number=number, outcome=outcome, reason=reason, value=value, gain=0.0, best=best)
        promoted = (Promoted(at=at, number=number, commit=commit),) if kept else ()
        yield (Measured(at=at, number=number, run=0, measurement=run), judged, *promoted), "", ()
        if kept:
            best, best_commit = number, commit


def smallest_python():
    """CPU seconds of `python -I -c pass` now: what this machine is worth at this moment."""
    used = children_cpu()
    for _ in range(10):
        subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
    return (children_cpu() - used) / 10


def main():
    if len(sys.argv) > 1:
        print(json.dumps(night(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
        return
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="overnight-cost-") as name:
        folder = Path(name)
        root = repository(folder / "project", {"program.md": PROGRAM, "model.py": "loss: 1\n"})
        in_process_of_its_own(folder, "long", 0)
        write_history(root / ".git", "long", HISTORY)
        early, late, python, made = [], [], [], []
        for round_ in range(ROUNDS):
            python.append(smallest_python())
            made.append(creation_seconds(folder))
            early.append(in_process_of_its_own(folder, f"fresh-{round_}", EXPERIMENTS))
            late.append(in_process_of_its_own(folder, "long", EXPERIMENTS))
        sync = sync_seconds(folder)
        costs = [_median([one], "cpu") for one in early]
        # Each round has both kinds: the machine's other work does not favour one of them.
        ratios = [_median([after], "cpu") / cost for cost, after in zip(costs, late, strict=True)]
        then = _median(late, "cpu")
        figures.show("`python -I -c pass` now, CPU", 1e3 * statistics.median(python), "ms")
        figures.show("making one of some twenty files here, CPU, first round", 1e3 * made[0], "ms")
        figures.show("   last round", 1e3 * made[-1], "ms")
        figures.show(
            "CPU an experiment, the first 100, median of 3 rounds", 1e3 * statistics.median(costs), "ms", most=10
        )
        figures.show(f"CPU an experiment, after {late[0]['history']:,}", 1e3 * then, "ms")
        figures.show("   against the first 100", statistics.median(ratios), "x", most=1.3)
        figures.show("wall an experiment, the first 100", 1e3 * _median(early, "wall"), "ms", most=80)
        figures.show(f"wall an experiment, after {late[0]['history']:,}", 1e3 * _median(late, "wall"), "ms", most=80)
        figures.show("   (this disk syncs a small file in)", 1e3 * sync, "ms")
        figures.show("resident memory, fresh", early[0]["resident"], "MB")
        figures.show(f"resident memory, {late[-1]['history']:,} of history", late[-1]["resident"], "MB", most=80)
        heavy = sorted({name for one in (*early, *late) for name in one["heavy"]})
        figures.check("no heavy import in the engine's process", not heavy, " ".join(heavy))
        odd = [line for one in (*early, *late) for line in one["odd"]]
        figures.check("every experiment gave a number", not odd, "; ".join(odd[:3]))
    figures.exit()


def _median(nights, what):
    return statistics.median(value for one in nights for value in one[what])


if __name__ == "__main__":
    main()
