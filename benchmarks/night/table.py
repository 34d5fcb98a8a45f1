"""Prints the tables of the simulated nights: `python benchmarks/night/table.py --seeds 200 --only policies,noise`.

Every figure is a mean over seeds with its 95 % interval; differences are paired with the naive ratchet in the same
worlds. Seeds of the tables begin at 10,000: nothing was tuned on them.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from statistics import fmean

from outcome import Mean, Night, mean, ratio
from peers import PEERS
from run import night
from scenarios import SCENARIOS

from overnight.wiring.policies import POLICIES

FIRST_SEED = 10_000
Row = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Many nights of one policy in one scenario, and those of the naive ratchet in the same worlds."""

    nights: Sequence[Night]
    naive: Sequence[Night]

    @property
    def gain(self) -> Mean:
        """True gain."""
        return mean([one.gain for one in self.nights])

    @property
    def difference(self) -> Mean:
        """True gain more than the naive ratchet's."""
        return mean([one.gain - other.gain for one, other in zip(self.nights, self.naive, strict=True)])

    @property
    def excess(self) -> Mean:
        """Claim minus truth."""
        return mean([one.excess for one in self.nights])

    @property
    def coverage(self) -> float | None:
        """Share of intervals that hold the truth; None when no interval is given."""
        held = [one.covered for one in self.nights if one.covered is not None]
        return fmean(held) if held else None

    @property
    def certified(self) -> float:
        """Share of nights whose gain is called proven."""
        return fmean(one.certified for one in self.nights)

    @property
    def lucky(self) -> float:
        """Share of the keeps that were no gain."""
        return ratio([one.lucky for one in self.nights], [one.keeps for one in self.nights])

    @property
    def worthless(self) -> float:
        """Share of the changes in the final candidate whose removal costs nothing."""
        return ratio([one.worthless for one in self.nights], [one.steps for one in self.nights])


class Bench:
    """Runs nights, in the pool if there is one, and remembers them."""

    def __init__(self, pool: ProcessPoolExecutor | None, seeds: int, first: int = FIRST_SEED) -> None:
        self._pool, self._seeds = pool, range(first, first + seeds)
        self._known: dict[tuple[str, str, int], list[Night]] = {}

    def cell(self, policy: str, scenario: str, budget: int) -> Cell:
        """All seeds of one cell."""
        return Cell(
            nights=self._nights(policy, scenario, budget),
            naive=self._nights("naive", scenario, budget),
        )

    def _nights(self, policy: str, scenario: str, budget: int) -> list[Night]:
        key = (policy, scenario, budget)
        if key not in self._known:
            wanted = (repeat(policy), repeat(scenario), repeat(budget), self._seeds)
            found = self._pool.map(night, *wanted, chunksize=4) if self._pool else map(night, *wanted)
            self._known[key] = list(found)
        return self._known[key]


def policies(bench: Bench) -> Iterator[Row]:
    """Every policy and peer at sigma 8 and 300 evaluations."""
    yield (
        "policy",
        "true gain vs naive",
        "lucky keeps",
        "worthless changes in the final",
        "claim minus truth",
        "cover",
    )
    for policy in (*PEERS, *(name for name in POLICIES if name != "auto")):
        cell = bench.cell(policy, "sigma8", 300)
        yield (
            policy,
            f"{cell.difference}",
            f"{cell.lucky:.0%}",
            f"{cell.worthless:.0%}",
            f"{cell.excess}",
            _share(cell.coverage),
        )


def noise(bench: Bench) -> Iterator[Row]:
    """The default and the ratchet with certification by noise and budget."""
    yield (
        "sigma",
        "evaluations",
        "naive",
        "default",
        "default minus naive",
        "without hints",
        "`auto`",
        "claim minus truth",
    )
    for sigma in (0, 4, 8, 16):
        for budget in (100, 300, 700):
            cell = bench.cell("default", f"sigma{sigma}", budget)
            blind = bench.cell("default", f"sigma{sigma}-blind", budget)
            auto = bench.cell("auto", f"sigma{sigma}", budget)
            yield (
                str(sigma),
                str(budget),
                f"{fmean(one.gain for one in cell.naive):.0f}",
                f"{cell.gain.value:.0f}",
                f"{cell.difference}",
                f"{blind.difference}",
                f"{auto.difference}",
                f"{cell.excess}",
            )


def landscapes(bench: Bench) -> Iterator[Row]:
    """Other judges and other landscapes, 300 evaluations."""
    yield _HEAD
    for scenario in ("drift", "heteroscedastic", "spikes", "valleys", "no-valleys"):
        yield _row(scenario, 300, bench.cell("default", scenario, 300))


def overfitting(bench: Bench) -> Iterator[Row]:
    """Overfitting to the search split, with and without a gate."""
    yield _HEAD
    for scenario in ("overfit", "overfit-gate", "overfit4", "overfit4-gate", "rare", "rare-gate"):
        for budget in (300, 700):
            yield _row(scenario, budget, bench.cell("default", scenario, budget))


def placebo(bench: Bench) -> Iterator[Row]:
    """Nights in which nothing works."""
    yield ("scenario", "evaluations", "certified", "claim", "naive claims")
    for scenario in ("placebo", "placebo-drift", "placebo-overfit", "placebo-gate"):
        cell = bench.cell("default", scenario, 300)
        claim = mean([one.claim for one in cell.nights])
        naive = mean([one.claim for one in cell.naive])
        yield (SCENARIOS[scenario].title, "300", f"{cell.certified:.1%}", f"{claim}", f"{naive}")


TABLES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "policies": policies,
    "noise": noise,
    "landscapes": landscapes,
    "overfitting": overfitting,
    "placebo": placebo,
}

_HEAD = (
    "scenario", "evaluations", "naive", "default", "default minus naive", "naive claim minus truth",
    "claim minus truth", "cover",
)  # fmt: skip


def _row(scenario: str, budget: int, cell: Cell) -> Row:
    return (
        SCENARIOS[scenario].title,
        str(budget),
        f"{fmean(one.gain for one in cell.naive):.0f}",
        f"{cell.gain.value:.0f}",
        f"{cell.difference}",
        f"{mean([one.excess for one in cell.naive])}",
        f"{cell.excess}",
        _share(cell.coverage),
    )


def _share(share: float | None) -> str:
    return "none given" if share is None else f"{share:.1%}"


def main() -> None:
    """Print the tables that were asked for, as Markdown."""
    parser = argparse.ArgumentParser(description="Tables of simulated nights.")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--only", default=",".join(TABLES), help=f"some of {', '.join(TABLES)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    wanted = [TABLES[name] for name in options.only.split(",") if name in TABLES]
    if len(wanted) < len(options.only.split(",")):
        parser.error(f"--only takes some of {', '.join(TABLES)}")
    with ProcessPoolExecutor(options.jobs) as pool:
        bench = Bench(pool, options.seeds)
        for table in wanted:
            print(f"\n{table.__doc__} {options.seeds} seeds.\n")
            for index, row in enumerate(table(bench)):
                print(f"| {' | '.join(row)} |", flush=True)
                if index == 0:
                    print("|" + " --- |" * len(row))


if __name__ == "__main__":
    main()
