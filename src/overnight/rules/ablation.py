"""Which kept changes a gain needs: the plan of an ablation, as a pure function of what was tried so far.

A trial takes some changes out of the final candidate and measures what is lost. First every change is judged by its
own trial (a block of them at once where most have proved worthless), then those without a measurable loss are taken
out together, the least missed first. So what is left out in the end was left out exactly so in a trial.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from overnight.model.value import Value

_PRIOR_WORTHLESS, _PRIOR_TRIED = 2, 5
"""Before any trial: two in five kept changes are worthless."""

_BLOCKS_PAY = (math.sqrt(5) - 1) / 2
"""Share of worthless changes from which trying several at once takes fewer trials than one by one (P. Ungar, "The
cutoff point for group testing", Communications on Pure and Applied Mathematics 13, 1960)."""


class Loss(Value, frozen=True, kw_only=True):
    """What the final candidate is better by than without some changes: mean and interval, positive = they help."""

    mean: float
    low: float
    high: float


Trial = Loss | Literal["entangled", "fails"]
"""What came of a trial: a loss; no tree can be made without these changes; or that tree gives no number."""

Trials = Mapping[frozenset[int], Trial]


class Standing(Value, frozen=True, kw_only=True):
    """What is known so far. `ask` is the next set to be taken out of the final candidate, () when all is settled.

    `kept` and `removed` are the lineage in two parts: nothing measurable is lost without `removed`, all of it at
    once. `proven` are those of `kept` whose own loss is measurable, or without which there is no number; of the rest
    only something measurable is lost without several of them. `losses` are of the changes that were taken out alone
    (or beside `removed`, where they cannot go alone); without one of `needed` there is no number; `entangled` could
    not be taken out without what stays.
    """

    ask: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    proven: tuple[int, ...] = ()
    losses: tuple[tuple[int, Loss], ...] = ()
    needed: tuple[int, ...] = ()
    entangled: tuple[int, ...] = ()


class _Untried(Exception):  # noqa: N818 - not an error: it carries the question out of the search
    def __init__(self, removed: frozenset[int]) -> None:
        self.removed = removed
        super().__init__()


def ablate(lineage: Sequence[int], trials: Trials, least: float = 0.0) -> Standing:
    """What to try next, or which changes of `lineage` (oldest first) the gain needs.

    A loss is measurable when the lower end of its interval is above `least`. All changes at once are never asked for:
    that is the unchanged code, whose loss the certificate knows. Pure: called again with the answer among `trials`
    it goes on, and when called with all of them it asks nothing. It asks for at most `most_trials` measured sets.
    """
    search = _Search(lineage, trials, least)
    ask: frozenset[int] = frozenset()
    try:
        search.run()
    except _Untried as untried:
        ask = untried.removed
    return search.standing(ask)


def most_trials(changes: int) -> int:
    """How many measured trials an ablation of so many changes takes at most; about half as many are usual."""
    return 0 if changes < 2 else 2 * changes + math.ceil(math.log2(changes))


class _Search:
    """One pass over what is known, up to the first question."""

    def __init__(self, lineage: Sequence[int], trials: Trials, least: float) -> None:
        self._lineage = tuple(lineage)
        self._all = frozenset(lineage)
        self._trials = {removed: trial for removed, trial in trials.items() if removed and removed < self._all}
        self._least = least
        self._blocks: list[tuple[int, ...]] = []
        self._tried = 0
        self._worthless = 0

    def run(self) -> None:
        # Later changes first: nothing stands on them, and what stands on nothing can be taken out.
        waiting = [] if len(self._lineage) < 2 else list(reversed(self._lineage))
        while waiting:
            size = self._block()
            self._sift(tuple(waiting[:size]))
            del waiting[:size]
        self._unite()
        for number in self._with("entangled"):
            self._worthless_set({*self._removed(), number})

    def standing(self, ask: Iterable[int]) -> Standing:
        removed = self._removed()
        losses = [(number, loss) for number in self._lineage if (loss := self._loss(number, removed)) is not None]
        known = {number for number, _ in losses} | removed
        proven = {number for number, loss in losses if not self._harmless(loss)} | {*self._with("fails")}
        return Standing(
            ask=self._sorted(ask),
            kept=self._sorted(self._all - removed),
            removed=self._sorted(removed),
            proven=self._sorted(proven - removed),
            losses=tuple(losses),
            needed=self._sorted(self._with("fails")),
            entangled=tuple(number for number in self._sorted(self._with("entangled")) if number not in known),
        )

    def _block(self) -> int:
        """How many changes to try at once: so many that half of such blocks are worthless as a whole."""
        share = (self._worthless + _PRIOR_WORTHLESS) / (self._tried + _PRIOR_TRIED)
        return 1 if share < _BLOCKS_PAY else max(1, round(math.log(0.5) / math.log(share)))

    def _sift(self, block: tuple[int, ...]) -> None:
        """Sort a block into worthless ones and others, halving it where it is not worthless as a whole."""
        if self._worthless_set(block):
            self._blocks.append(block)
            self._worthless += len(block)
            self._tried += len(block)
        elif len(block) > 1:
            half = len(block) // 2
            self._sift(block[:half])
            self._sift(block[half:])
        else:
            self._tried += 1

    def _unite(self) -> None:
        """Try worthless blocks together: all of them, else as many of the least missed as nothing is lost without."""
        order = sorted(self._blocks, key=self._missed)
        unions = [frozenset(number for block in order[:count] for number in block) for count in range(len(order) + 1)]
        low, high = 1, len(order)
        if high < 2 or self._worthless_set(unions[high]):
            return
        while high - low > 1:
            middle = (low + high) // 2
            if self._worthless_set(unions[middle]):
                low = middle
            else:
                high = middle

    def _missed(self, block: tuple[int, ...]) -> float:
        trial = self._trials[frozenset(block)]
        return trial.mean / len(block) if isinstance(trial, Loss) else math.inf

    def _worthless_set(self, numbers: Iterable[int]) -> bool:
        removed = frozenset(numbers)
        if removed == self._all:
            return False
        if removed not in self._trials:
            raise _Untried(removed)
        return self._harmless(self._trials[removed])

    def _harmless(self, trial: Trial) -> bool:
        return isinstance(trial, Loss) and trial.low <= self._least

    def _removed(self) -> frozenset[int]:
        """The largest set that was tried and cost nothing measurable; of several the one that cost least."""
        found = [
            (-len(removed), trial.mean, self._sorted(removed))
            for removed, trial in self._trials.items()
            if isinstance(trial, Loss) and self._harmless(trial)
        ]
        return frozenset(min(found)[2]) if found else frozenset()

    def _with(self, outcome: str) -> tuple[int, ...]:
        """Numbers whose own trial ended so, the latest first."""
        return tuple(number for number in reversed(self._lineage) if self._trials.get(frozenset((number,))) == outcome)

    def _loss(self, number: int, removed: frozenset[int]) -> Loss | None:
        alone = self._trials.get(frozenset((number,)))
        trial = self._trials.get(removed | {number}) if alone == "entangled" and number not in removed else alone
        return trial if isinstance(trial, Loss) else None

    def _sorted(self, numbers: Iterable[int]) -> tuple[int, ...]:
        chosen = frozenset(numbers)
        return tuple(number for number in self._lineage if number in chosen)
