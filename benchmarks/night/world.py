"""A simulated night's landscape: what a proposer finds, what it is truly worth, what a judge reads.

The truth of a candidate is the gain over the baseline in units of 1e-4 bits per byte, higher is better. A candidate is
a set of pieces, as a program is a set of changes: ideas of a finite pool (heavy-tailed effects, some pairs interact),
the two halves of valleys (the first alone costs, both together win), harmful pieces and pieces that do nothing.
Descendants inherit pieces, merges unite them, ablation takes one step's pieces away.

What this does not know: how an agent learns from the history. Proposals depend on the parent only.
"""

import math
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from random import Random

SEARCH, GATE, CERTIFY = "", "gate", "certify"


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """What there is to be found. The defaults are calibrated on the naive ratchet, see README.md.

    Shares are probabilities of one proposal; what is left over is harmful. `second_half` is the probability that a
    proposal on a candidate with an open first half is the half that it needs, `hint_true` and `hint_false` those that
    the author of a true first half, or of anything else, says that it needs a follow-up.
    """

    ideas: int = 46
    idea_scale: float = 10.2
    idea_tail: float = 1.15
    share_idea: float = 0.43
    share_null: float = 0.23
    share_half: float = 0.05
    valleys: int = 8
    pair_share: float = 0.03
    harm_scale: float = 12.0
    second_half: float = 0.15
    hint_true: float = 0.6
    hint_false: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Meter:
    """How the judge errs. Standard deviations in units of the truth.

    `sigma` is the noise of one reading, `drift` the step of the machine's random walk from one reading to the next,
    `spread` the spread of the log of a candidate's own noise, `spikes` the share of readings with six times the noise.
    `tau` is the part of a change's effect on the search split that is of this split only: no re-reading removes it, and
    descendants inherit it; `tau_own` is such a part that no descendant inherits. A holdout split has its own,
    `tau_holdout`, for each candidate, and nobody selects on it.
    """

    sigma: float = 8.0
    drift: float = 0.0
    spread: float = 0.0
    spikes: float = 0.0
    tau: float = 0.0
    tau_own: float = 0.0
    tau_holdout: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One version of the code; `fit` is what each split adds to its truth, `noise` its factor on the judge's sigma."""

    parent: int
    pieces: frozenset[int]
    truth: float
    hinted: bool
    fit: dict[str, float]
    noise: float


class World:
    """One landscape with its judge. Same seed, same calls: same answers; proposals and readings draw separately."""

    def __init__(self, seed: int, landscape: Landscape, meter: Meter) -> None:
        self.landscape, self.meter = landscape, meter
        self._finding, self._reading, self._fitting, self._machine = (
            Random(f"{what} {seed}") for what in ("proposals", "readings", "fits", "machine")
        )
        self._effects: list[float] = []
        self._fits: list[float] = []
        self._offset = 0.0
        self.readings = 0
        self._lay(Random(f"landscape {seed}"))
        root = frozenset[int]()
        self.candidates = [Candidate(parent=0, pieces=root, truth=0.0, hinted=False, fit=self._fit(root), noise=1.0)]

    def propose(self, parent: int) -> int:
        """A new candidate built on `parent`; its number."""
        land, rng, old = self.landscape, self._finding, self.candidates[parent].pieces
        luck, second, hint = rng.random(), rng.random(), rng.random()
        opened = [self._halves[valley][1] for valley in range(land.valleys) if self._is_open(valley, old)]
        first = False
        if opened and second < land.second_half:
            piece = rng.choice(opened)
        elif luck < land.share_half and land.valleys:
            piece = rng.choice(self._halves)[0]
            first = piece not in old
        elif luck < land.share_half + land.share_idea and land.ideas:
            piece = bisect(self._fame, rng.random() * self._fame[-1])
        elif luck < land.share_half + land.share_idea + land.share_null:
            piece = self._new(0.0)
        else:
            piece = self._new(-0.5 - land.harm_scale * abs(rng.gauss(0, 1)) ** 1.5)
        if piece in old:
            piece = self._new(0.0)
        return self._add(parent, old | {piece}, hinted=hint < (land.hint_true if first else land.hint_false))

    def merge(self, parent: int, donors: Iterable[int]) -> int:
        """A new candidate with the pieces of `parent` and of every donor."""
        pieces = self.candidates[parent].pieces.union(*(self.candidates[donor].pieces for donor in donors))
        return self._add(parent, pieces, hinted=False)

    def without(self, number: int, steps: Iterable[int]) -> int:
        """A new candidate: `number` without what the given experiments of its lineage changed."""
        pieces = self.candidates[number].pieces
        for step in steps:
            pieces = self._removed(pieces, step)
        return self._add(number, pieces, hinted=False)

    def read(self, number: int, split: str = SEARCH) -> float:
        """One reading of the judge."""
        meter, rng, candidate = self.meter, self._reading, self.candidates[number]
        self.readings += 1
        self._offset += self._machine.gauss(0, meter.drift) if meter.drift else 0.0
        sigma = meter.sigma * candidate.noise
        if meter.spikes and rng.random() < meter.spikes:
            sigma *= 6
        return candidate.truth + candidate.fit[split] + self._offset + rng.gauss(0, sigma)

    def truth(self, number: int) -> float:
        """What `number` is truly worth."""
        return self.candidates[number].truth

    def lineage(self, number: int) -> tuple[int, ...]:
        """`number` and what it was built on, without the baseline, newest first."""
        line = []
        while number:
            line.append(number)
            number = self.candidates[number].parent
        return tuple(line)

    def worthless(self, number: int) -> tuple[int, ...]:
        """The steps of the lineage of `number` whose removal from it costs nothing."""
        final = self.candidates[number]
        return tuple(
            step for step in self.lineage(number) if self._value(self._removed(final.pieces, step)) >= final.truth
        )

    def _removed(self, pieces: frozenset[int], step: int) -> frozenset[int]:
        change = self.candidates[step]
        return pieces - (change.pieces - self.candidates[change.parent].pieces)

    def _lay(self, rng: Random) -> None:
        land = self.landscape
        for _ in range(land.ideas):
            self._new(land.idea_scale * math.exp(rng.gauss(-0.6, land.idea_tail)))
        effects = self._effects
        self._fame = list(accumulate(math.exp(rng.gauss(0, 0.8)) * effect**0.35 for effect in effects))
        self._partners: list[dict[int, float]] = [{} for _ in effects]
        for late in range(land.ideas):
            for early in range(late):
                if rng.random() < land.pair_share:
                    weight = rng.gauss(0, 0.5) * min(effects[late], effects[early])
                    self._partners[late][early] = weight
        self._halves: list[tuple[int, int]] = []
        self._together: list[float] = []
        for _ in range(land.valleys):
            cost, win = 4 + 8 * abs(rng.gauss(0, 1)), 14 + 14 * abs(rng.gauss(0, 1))
            self._halves.append((self._new(-cost), self._new(0.0)))
            self._together.append(win + cost)

    def _new(self, effect: float) -> int:
        self._effects.append(effect)
        self._fits.append(self._fitting.gauss(0, self.meter.tau))
        return len(self._effects) - 1

    def _is_open(self, valley: int, pieces: frozenset[int]) -> bool:
        first, second = self._halves[valley]
        return first in pieces and second not in pieces

    def _value(self, pieces: frozenset[int]) -> float:
        total = 0.0
        for piece in sorted(pieces):
            total += self._effects[piece]
            if piece < len(self._partners):
                total += sum(weight for other, weight in self._partners[piece].items() if other in pieces)
        for (first, second), win in zip(self._halves, self._together, strict=True):
            if first in pieces and second in pieces:
                total += win
        return total

    def _fit(self, pieces: frozenset[int]) -> dict[str, float]:
        meter, rng = self.meter, self._fitting
        if not pieces:
            return {SEARCH: 0.0, GATE: 0.0, CERTIFY: 0.0}
        return {
            SEARCH: rng.gauss(0, meter.tau_own) + math.fsum(self._fits[piece] for piece in pieces),
            GATE: rng.gauss(0, meter.tau_holdout),
            CERTIFY: rng.gauss(0, meter.tau_holdout),
        }

    def _add(self, parent: int, pieces: frozenset[int], *, hinted: bool) -> int:
        noise = math.exp(self._finding.gauss(0, self.meter.spread)) if self.meter.spread else 1.0
        self.candidates.append(
            Candidate(
                parent=parent,
                pieces=pieces,
                truth=self._value(pieces),
                hinted=hinted,
                fit=self._fit(pieces),
                noise=noise,
            )
        )
        return len(self.candidates) - 1
