"""What a start costs before anything happens: the import, `--help`, `status`, each against `python -c pass`.

Run it: python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import OVERNIGHT, Figures, children_cpu, environment, repository

REPEATS = 15

FILES = {
    "program.md": "---\nmetric: loss\nedit: [model.py]\nrun: cat model.py\nbounds: [-10, 10]\n---\n# Lower the loss\n",
    "model.py": "loss: 1\n",
}
AGENT = 'command echo "loss: 2.$OVERNIGHT_NUMBER" > model.py'


def cost(line, folder, variables):
    """(CPU seconds, wall seconds) of one process."""
    used, began = children_cpu(), time.perf_counter()
    subprocess.run(line, cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)
    return children_cpu() - used, time.perf_counter() - began


def main():
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="overnight-start-") as name:
        root = repository(Path(name) / "project", FILES)
        variables = environment(Path(name) / "cache")
        run = [*OVERNIGHT, "run", "--experiments", "20", "--agent", AGENT]
        subprocess.run(run, cwd=root, env=variables, check=True, stdout=subprocess.DEVNULL)
        lines = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import overnight": [sys.executable, "-c", "import overnight"],
            "overnight --help": [*OVERNIGHT, "--help"],
            "overnight status": [*OVERNIGHT, "status"],
            "overnight status --json": [*OVERNIGHT, "status", "--json"],
        }
        seen = {what: [] for what in lines}
        for _ in range(REPEATS):
            for what, line in lines.items():
                seen[what].append(cost(line, root, variables))
        base = statistics.median(cpu for cpu, _ in seen["python -c pass"])
        for what, costs in seen.items():
            cpu = statistics.median(cpu for cpu, _ in costs)
            wall = statistics.median(wall for _, wall in costs)
            figures.show(f"{what}: CPU", 1e3 * cpu, "ms", most=150 if what == "import overnight" else None)
            figures.show("   against `python -c pass`", cpu / base, "x")
            figures.show("   wall", 1e3 * wall, "ms")
    figures.exit()


if __name__ == "__main__":
    main()
