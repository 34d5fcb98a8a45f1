"""The statistics that must hold, each with what is required and what is reached; exit code 1 if one does not hold.

`python benchmarks/night/checks.py --seeds 200`. A mean is compared as it is; its 95 % interval stands beside it.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import fmean

from outcome import Mean, mean, ratio
from table import Bench

PLACEBOS = ("placebo", "placebo-drift", "placebo-overfit", "placebo-gate")
CLAIMS = (
    ("sigma0-blind", 300), ("sigma4", 100), ("sigma4", 300), ("sigma8", 300), ("sigma16", 300), ("sigma16", 700),
    ("drift", 300), ("heteroscedastic", 300), ("valleys", 300), ("no-valleys", 300), ("overfit-gate", 700),
)  # fmt: skip
COVERED = ("sigma4", "sigma8", "sigma16", "drift", "heteroscedastic", "spikes", "valleys", "overfit-gate")


@dataclass(frozen=True, kw_only=True)
class Found:
    """One check: what must hold and what was reached, in words."""

    name: str
    required: str
    reached: str
    holds: bool


Check = Callable[[Bench], Found]


def gain(scenario: str, budget: int, least: float, policy: str = "default") -> Check:
    """True gain over the naive ratchet's."""

    def check(bench: Bench) -> Found:
        found = bench.cell(policy, scenario, budget).difference
        return Found(
            name=f"{policy}, {scenario}, {budget}: gain over naive",
            required=f">= {least:g}",
            reached=str(found),
            holds=found.value >= least,
        )

    return check


def claim(scenario: str, budget: int) -> Check:
    """Mean claim minus truth; noise of the mean itself is allowed for."""
    most = 3.0 if scenario.startswith("sigma16") else 1.5

    def check(bench: Bench) -> Found:
        found = bench.cell("default", scenario, budget).excess
        return Found(
            name=f"default, {scenario}, {budget}: claim minus truth",
            required=f"within {most:g}",
            reached=str(found),
            holds=abs(found.value) <= most + _slack(found, most),
        )

    return check


def coverage(scenario: str) -> Check:
    """Share of 95 % intervals that hold the truth."""
    least = 0.85 if scenario == "spikes" else 0.90

    def check(bench: Bench) -> Found:
        found = bench.cell("default", scenario, 300).coverage or 0.0
        return Found(
            name=f"default, {scenario}, 300: coverage",
            required=f">= {least:.0%}",
            reached=f"{found:.1%}",
            holds=found >= least,
        )

    return check


def lucky(policy: str, scenario: str, most: float) -> Check:
    """Share of keeps that were no gain."""

    def check(bench: Bench) -> Found:
        found = bench.cell(policy, scenario, 300).lucky
        return Found(
            name=f"{policy}, {scenario}, 300: keeps that were no gain",
            required=f"<= {most:.0%}",
            reached=f"{found:.1%}",
            holds=found <= most,
        )

    return check


def reported(scenario: str) -> Check:
    """After an ablation: share of the wins that are told which are worthless."""

    def check(bench: Bench) -> Found:
        nights = bench.cell("default-ablated", scenario, 300).nights
        found = ratio([one.idle for one in nights], [one.reported for one in nights])
        return Found(
            name=f"default, {scenario}, 300: reported wins that are worthless after ablation",
            required="<= 10%",
            reached=f"{found:.1%}",
            holds=found <= 0.10,
        )

    return check


def placebo(scenario: str) -> Check:
    """Share of nights without any true effect that are called proven."""

    def check(bench: Bench) -> Found:
        found = bench.cell("default", scenario, 300).certified
        return Found(
            name=f"default, {scenario}, 300: certified",
            required="<= 5%",
            reached=f"{found:.1%}",
            holds=found <= 0.05,
        )

    return check


def truth_does_not_fall(scenario: str) -> Check:
    """The truth after 700 evaluations is not below that after 300."""

    def check(bench: Bench) -> Found:
        early, late = (bench.cell("default", scenario, budget).nights for budget in (300, 700))
        change = mean([new.gain - old.gain for old, new in zip(early, late, strict=True)])
        return Found(
            name=f"default, {scenario}: true gain at 700 minus at 300",
            required=">= 0",
            reached=str(change),
            holds=fmean([change.value]) >= 0,
        )

    return check


CHECKS: tuple[Check, ...] = (
    gain("sigma0-blind", 300, -3),
    gain("sigma4", 100, -40),
    gain("sigma4", 300, -8),
    gain("sigma8", 300, 15),
    gain("sigma16", 300, 45),
    gain("sigma16", 700, 70),
    gain("drift", 300, 8),
    gain("heteroscedastic", 300, 40),
    gain("valleys", 300, 50),
    gain("no-valleys", 300, -25),
    gain("overfit", 700, 120),
    gain("overfit-gate", 700, 120),
    *(truth_does_not_fall(scenario) for scenario in ("overfit", "overfit-gate")),
    *(claim(scenario, budget) for scenario, budget in CLAIMS),
    *(coverage(scenario) for scenario in COVERED),
    *(lucky("default", scenario, 0.30) for scenario in ("sigma4", "sigma8")),
    *(lucky("audit", scenario, 0.15) for scenario in ("sigma4", "sigma8")),
    *(reported(scenario) for scenario in ("sigma4", "sigma8")),
    *(placebo(scenario) for scenario in PLACEBOS),
)


def run(bench: Bench) -> Iterator[Found]:
    """Every check in turn."""
    for check in CHECKS:
        yield check(bench)


def _slack(found: Mean, most: float) -> float:
    """What a mean over few nights may be off by chance; nothing where there are enough of them."""
    return 0.0 if found.half <= most / 2 else found.half


def main() -> int:
    """Print the checks as Markdown; 1 if one does not hold."""
    parser = argparse.ArgumentParser(description="The statistics that must hold.")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    missed = 0
    print("| what | required | reached | |\n| --- | --- | --- | --- |")
    with ProcessPoolExecutor(options.jobs) as pool:
        for found in run(Bench(pool, options.seeds)):
            missed += not found.holds
            word = "holds" if found.holds else "**missed**"
            print(f"| {found.name} | {found.required} | {found.reached} | {word} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
