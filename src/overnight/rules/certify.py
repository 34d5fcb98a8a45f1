"""The proof of a gain: fresh pairs of readings of baseline and best, interleaved, that the search never saw.

A pure plan: from what was read so far to the next reading, or to the certificate.
"""

import math

from msgspec.structs import replace

from overnight.model.contract import Contract
from overnight.model.event import Certificate
from overnight.model.experiment import Certified, Measurement
from overnight.model.state import State
from overnight.model.step import Fresh
from overnight.model.value import Value, Words, lookup
from overnight.rules.certificates import BASELINE, BEST
from overnight.rules.deciding.readings import contract_of, noisy
from overnight.rules.seeds import derive
from overnight.rules.statistics import night_alpha, paired_interval, successive_dof

CERTIFY = "certify"
WORN_OUT = 5
"""From this certificate on one holdout, fresh data are asked for."""


def due(state: State) -> bool:
    """Whether the best so far has no certificate although chance could have made it the best.

    Without noise and without a certify split its number is what it is, and nothing is to be certified.
    """
    contract, best = state.contract, state.best
    if contract is None or best is None or best.number == 0:
        return False
    if not has_holdout(contract) and not noisy(state):
        return False
    return state.certificate is None or state.certificate.number != best.number


def has_holdout(contract: Contract) -> bool:
    """Whether certification reads data of its own."""
    return contract.holdout is not None and bool(contract.holdout.certify)


def pairs_of(state: State) -> int:
    """How many fresh pairs a certificate takes: one where readings are exact."""
    return contract_of(state).keep.pairs if noisy(state) else 1


def looks_left(state: State, contract: Contract) -> int | None:
    """Looks at the certify split that may still be taken; None = there is none to count."""
    if contract.holdout is None or not contract.holdout.certify:
        return None
    return contract.holdout.queries - state.counts.holdout_reads


class Subject(Value, frozen=True, kw_only=True):
    """What is certified: experiment `number`; with `tree` that tree, made of it by taking changes out.

    `setting` are contract variables that differ from program.md: whether the gain carries over, which is no win.
    """

    number: int
    tree: str = ""
    setting: Words = ()

    def trial(self, side: str) -> str:
        """The name of its trial of the baseline, which all subjects of one certificate share, or of the best."""
        made = f"@{self.tree[:12]}" if self.tree else ""
        other = "".join(f"@{name}={value}" for name, value in self.setting)
        if side == BASELINE:
            return f"0{other}/{BASELINE}"
        return f"{self.number}{made}{other}/{side if not (made or other) else f'{side}-again'}"


def next_fresh(state: State, subject: Subject) -> Fresh | Certificate | None:
    """The next reading for a certificate, or the certificate; None = no look is left.

    Both of a pair get one seed, so that what the seed decides is the same for both; the order alternates.
    """
    contract = contract_of(state)
    taken = {trial.name: trial.runs for trial in state.trials}
    readings = {name: taken.get(subject.trial(name), ()) for name in (BASELINE, BEST)}
    failed = next((run for runs in readings.values() for run in runs if run.failure is not None), None)
    if failed is None and min(map(len, readings.values())) < pairs_of(state):
        left = looks_left(state, contract)
        if left is not None and left <= 0:
            return None
        return _next_of_pair(state, subject, len(readings[BASELINE]), len(readings[BEST]))
    return _certificate(state, subject, readings[BASELINE], readings[BEST])


def _next_of_pair(state: State, subject: Subject, old: int, new: int) -> Fresh:
    pair = min(old, new)
    order = (BASELINE, BEST) if pair % 2 == 0 else (BEST, BASELINE)
    done = {BASELINE: old, BEST: new}
    name = next(trial for trial in order if done[trial] == pair)
    contract = contract_of(state)
    split = CERTIFY if has_holdout(contract) else ""
    seed = derive(state.seed, CERTIFY, state.counts.certificates, pair)
    read = 0 if name == BASELINE else subject.number
    tree = state.experiments[0].tree if name == BASELINE else subject.tree or state.experiments[read].tree
    return Fresh(number=read, trial=subject.trial(name), tree=tree, seed=seed, split=split)


def _certificate(
    state: State, subject: Subject, old: tuple[Measurement, ...], new: tuple[Measurement, ...]
) -> Certificate:
    contract = contract_of(state)
    metric, objective = contract.objective.metric, contract.objective
    pairs = list(zip(_values(old, metric), _values(new, metric), strict=False))
    night = 1 + max((made.night for made in state.certificates), default=0)
    shown = Certificate(
        number=subject.number, runs=max(1, len(pairs)), night=night, tree=subject.tree, setting=subject.setting
    )
    failed = next((run.failure for run in (*old, *new) if run.failure is not None), None)
    if failed is not None or not pairs:
        note = f"a reading failed: {failed.detail}" if failed else f"{metric} was not measured"
        return replace(shown, baseline=_mean(_values(old, metric)), best=_mean(_values(new, metric)), note=note)
    alpha = night_alpha(contract.keep.alpha, night) if has_holdout(contract) else contract.keep.alpha
    noise = next((item for item in state.noise if item.metric == metric), None)
    exact = noise is not None and noise.sigma == 0.0
    gain, low, high = paired_interval(
        [objective.gain(before, after) for before, after in pairs],
        sigma=noise.sigma if noise else None,
        dof=math.inf if exact else successive_dof(noise.pairs) if noise else 0.0,
        split_error=state.split_error,
        alpha=alpha,
    )
    doubtful = noisy(state) or state.split_error > 0.0
    least = low if doubtful else gain
    agrees = least is not None and least > 0 and least >= objective.min_effect
    level = (Certified.holdout if has_holdout(contract) else Certified.yes) if agrees else Certified.no
    return replace(
        shown,
        baseline=_mean([before for before, _ in pairs]),
        best=_mean([after for _, after in pairs]),
        gain=gain,
        level=level,
        low=low if doubtful else None,
        high=high if doubtful else None,
        alpha=alpha if doubtful else None,
        note=_note(state, contract, len(pairs), night),
    )


def _note(state: State, contract: Contract, pairs: int, night: int) -> str:
    where = "on the certify split" if has_holdout(contract) else "on fresh seeds"
    if pairs == 1:
        said = f"baseline and best, measured once each {where}; one reading each gives no interval"
    else:
        said = f"{pairs} pairs of readings of baseline and best {where}, interleaved"
    if has_holdout(contract) and night >= WORN_OUT and noisy(state):
        said += f". This is certificate number {night} on these data: name fresh ones in `holdout.certify`"
    return said


def _values(readings: tuple[Measurement, ...], metric: str) -> list[float]:
    return [value for run in readings if (value := lookup(run.values, metric)) is not None]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
