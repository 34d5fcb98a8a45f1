"""The demo as a person meets it: how soon it is better, by how much, and whether unseen data agree.

Run it: python benchmarks/demo.py
"""

import subprocess
import tempfile
import time
from pathlib import Path

from measuring import OVERNIGHT, Figures, environment

from overnight.ledger import Journal
from overnight.model.event import Certificate, Judged, Promoted
from overnight.model.experiment import Outcome

EXPERIMENTS = 40
SECONDS = 180


def main():
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="overnight-demo-") as name:
        folder = Path(name) / "demo"
        started = time.time()
        subprocess.run(
            [*OVERNIGHT, "demo", "--dir", folder, "--experiments", str(EXPERIMENTS)],
            env=environment(Path(name) / "cache"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        whole = time.time() - started
        (study,) = (path.name for path in (folder / ".git/refs/overnight").iterdir())
        events = [event for _, group in Journal(folder / ".git", study).read() for event in group]
    judged = {event.number: event for event in events if isinstance(event, Judged)}
    in_time = [one for one in judged.values() if one.at - started <= SECONDS]
    kept = [event for event in events if isinstance(event, Promoted)]
    baseline = judged[0].value
    best = min(one.value for one in in_time if one.outcome in (Outcome.baseline, Outcome.keep))
    # Without a kept improvement there is no first moment: the whole run is the honest lower bound.
    figures.show("first kept improvement, from the start", kept[0].at - started if kept else whole, "s", most=30)
    figures.show("baseline", baseline, "bpb")
    figures.show(f"best within {EXPERIMENTS} experiments and {SECONDS} s", best, "bpb")
    figures.show("   below the baseline", 100 * (1 - best / baseline), "%", least=30)
    figures.show("experiments judged in that time", len(in_time) - 1)
    figures.show("the whole demo", whole, "s")
    certificates = [event for event in events if isinstance(event, Certificate)]
    figures.check("the certify split was read once each, at the end", len(certificates) == 1)
    if certificates and certificates[-1].gain is not None:
        last = certificates[-1]
        figures.show("certify split: baseline", last.baseline, "bpb")
        figures.show("certify split: best", last.best, "bpb")
        figures.show("   below the baseline", 100 * (1 - last.best / last.baseline), "%", least=30)
    figures.exit()


if __name__ == "__main__":
    main()
