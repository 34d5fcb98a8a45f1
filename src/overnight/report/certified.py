"""A certificate in words: what the fresh readings said, how sure that is, and what is lost without each change.

The gain that is claimed is the certificate's alone. The search's number stands beside it as what the search believed:
it belongs to the candidate that read best, and is therefore too high on average where readings scatter.
"""

from collections.abc import Iterator

from overnight.model.event import Certificate, Effect
from overnight.model.experiment import Certified
from overnight.model.state import State
from overnight.report.estimate import noisy, search_gain
from overnight.report.summary import percentage
from overnight.report.text import amount, figure, one_line, percent, plural, rounded, span
from overnight.rules.certify import has_holdout

WHERE = {
    Certified.no: "not certified",
    Certified.yes: "certified on fresh seeds",
    Certified.holdout: "certified on the holdout",
}
_OURS = ("interleaved", "one reading each gives no interval")
"""How the part of a note ends that says no more than the certificate's own fields."""


def confidence(found: Certificate) -> str:
    """The certificate's level as `97 %`; "" without an interval."""
    return percent(100 * (1 - found.alpha)) if found.alpha is not None else ""


def gain_words(found: Certificate, unit: str) -> str:
    """The size of the gain or loss, its share and its interval: `7.6 points (26.5 %; 4.8 to 10.5 with 97 % ...)`."""
    assert found.gain is not None  # noqa: S101 - only asked of a certificate with both numbers
    inside = []
    share = percentage(found.gain, found.baseline)
    if share:
        inside.append(percent(abs(share)))
    if found.low is not None and found.high is not None:
        ends = (found.low, found.high) if found.gain >= 0 else (-found.high, -found.low)
        sure = f" with {confidence(found)} confidence" if found.alpha is not None else ""
        inside.append(span(*ends) + sure)
    size = f"{rounded(abs(found.gain), _doubt(found))} {one_line(unit, 24)}".rstrip()
    return f"{size} ({'; '.join(inside)})" if inside else size


def values(found: Certificate) -> tuple[str, str]:
    """Baseline and best as they were measured afresh, without the unit."""
    assert found.baseline is not None  # noqa: S101 - as above
    assert found.best is not None  # noqa: S101 - as above
    return rounded(found.baseline, _doubt(found)), rounded(found.best, _doubt(found))


def what(found: Certificate) -> str:
    """Which candidate a certificate speaks of: `#13`, or `#13 without #3 and #7`."""
    left_out = f" without {listed(found.dropped)}" if found.dropped and found.tree else ""
    return f"#{found.number}{left_out}"


def listed(numbers: tuple[int, ...]) -> str:
    """`#3, #7 and #9`."""
    named = [f"#{number}" for number in numbers]
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else "".join(named)


def setting_words(found: Certificate) -> str:
    """`DEPTH=24, WIDTH=3`, or "" in the contract's own setting."""
    return ", ".join(f"{one_line(name, 60)}={one_line(value, 60)}" for name, value in found.setting)


def why_not(state: State, found: Certificate) -> str:
    """Why a measured gain is not certified, as a sentence."""
    assert state.contract is not None  # noqa: S101 - what is certified was read under a contract
    objective = state.contract.objective
    if found.gain is None or found.gain <= 0:
        return "No gain is left."
    if found.low is None and found.gain >= objective.min_effect:
        return "One pair of readings of a noisy metric gives no interval, so this may be chance."
    if found.low is not None and found.high is not None and found.low <= 0:
        ends = rounded(found.low, (found.high - found.low) / 2)
        return f"The interval reaches down to {ends}, so there may be no gain at all."
    least = f"{rounded(found.low, found.low)}" if found.low is not None else figure(found.gain, 3)
    down = f"The interval reaches down to {least}" if found.low is not None else f"The gain of {least} counts as a tie"
    return f"{down}: min_effect asks for {figure(objective.min_effect, 3)}."


def standing_win(state: State) -> Certificate | None:
    """The last certificate that confirmed a gain, unless a later one of the same candidate did not hold."""
    win, last = state.win, state.certificate
    if win is None or win.gain is None or win.baseline is None or win.best is None:
        return None
    contradicted = last is not None and last.number == win.number and last.level is Certified.no
    return None if contradicted else win


def certification(state: State) -> str:
    """What the fresh readings of the unchanged code and the best said, beside what the search believed."""
    found = state.certificate
    if found is None or state.contract is None:
        return "Baseline and best have not been measured afresh."
    moved = ""
    if state.best is not None and state.best.number != found.number:
        moved = f" Since then the best has moved on to #{state.best.number}, which is not certified."
    return f"{' '.join(_told(state, found))}{moved}"


def certificate_sentence(state: State, found: Certificate) -> str:
    """One certificate in a line, for whoever sees it written."""
    return carried(state, found) if found.setting else " ".join(_told(state, found))


def carries_over(state: State) -> list[str]:
    """For each other setting that was tried, whether the gain is there too: the last certificate of each counts."""
    last = {found.setting: found for found in state.certificates if found.setting}
    return [carried(state, found) for found in last.values()]


def carried(state: State, found: Certificate) -> str:
    """Whether the gain is there in another setting: `Carries over to DEPTH=24: yes, 3.1 points (2.0 to 4.2)`."""
    assert state.contract is not None  # noqa: S101 - as above
    unit = state.contract.objective.unit
    to = f"Carries over to {setting_words(found)}"
    best = state.best
    which = "" if best is not None and best.number == found.number else f" ({what(found)})"
    if found.gain is None:
        return f"{to}{which}: cannot be told, {one_line(found.note, 300)}."
    size = f"{rounded(found.gain, _doubt(found))} {one_line(unit, 24)}".rstrip()
    between = f" ({span(found.low, found.high)})" if found.low is not None and found.high is not None else ""
    if found.level is not Certified.no:
        return f"{to}{which}: yes, {size}{between}."
    if found.high is not None and found.high < 0:
        return f"{to}{which}: no, it is worse there, {size}{between}."
    return f"{to}{which}: not shown, {size}{between}. {why_not(state, found)}"


def certificate_lines(state: State, found: Certificate) -> list[str]:
    """What `certify` prints: the gain with its interval, then what is lost without each change."""
    return list(_lines(state, found))


def effect_words(effect: Effect, unit: str) -> str:
    """What is lost without one change, as words that follow its number."""
    if effect.loss is None:
        return "cannot be taken out alone, because later changes stand on it" if effect.entangled else "was not tried"
    low = effect.loss if effect.low is None else effect.low
    high = effect.loss if effect.high is None else effect.high
    doubt = (high - low) / 2
    size = f"{rounded(abs(effect.loss), doubt)} {one_line(unit, 24)}".rstrip()
    between = f" ({span(low, high)})" if doubt > 0 else ""
    many = "are" if unit.endswith("s") else "is"
    if low > 0:
        return f"without it {size}{between} {many} lost"
    if high < 0:
        return f"without it {size} {many} gained" + (f" ({span(-high, -low)})" if doubt > 0 else "")
    sign = "-" if effect.loss < 0 else ""
    return (
        f"without it nothing measurable is lost: {sign}{size}{between}" if doubt > 0 else "without it nothing is lost"
    )


def ranked_effects(found: Certificate) -> list[Effect]:
    """The effects of an ablation, the greatest loss first; those without a number last."""
    return sorted(found.effects, key=lambda effect: (effect.loss is None, -(effect.loss or 0.0), effect.number))


def remark(found: Certificate) -> str:
    """What a note says beyond the certificate's own fields."""
    first, stop, rest = found.note.partition(". ")
    text = rest if first.endswith(_OURS) else found.note if stop or not found.note.endswith(_OURS) else ""
    return f"{one_line(text, 400).rstrip('.')}." if text else ""


def _doubt(found: Certificate) -> float:
    return (found.high - found.low) / 2 if found.low is not None and found.high is not None else 0.0


def _told(state: State, found: Certificate) -> Iterator[str]:
    assert state.contract is not None  # noqa: S101 - as above
    objective = state.contract.objective
    where = "On the holdout" if has_holdout(state.contract) else "On fresh seeds"
    if found.baseline is None or found.best is None or found.gain is None:
        missing = "the unchanged code" if found.baseline is None else f"the best ({what(found)})"
        yield f"{where} {missing} gave no number, so nothing is certified."
        yield remark(found)
        return
    each = "were measured once each" if found.runs == 1 else f"were read in {found.runs} fresh pairs, side by side"
    old, new = values(found)
    change = "no difference"
    if found.gain:
        change = f"{'better' if found.gain > 0 else 'worse'} by {gain_words(found, objective.unit)}"
    yield f"{where} the unchanged code and the best ({what(found)}) {each}: {old} and {new}, {change}."
    if found.level is Certified.no:
        yield f"It did not hold. {why_not(state, found)}"
    if found.night > 1 and has_holdout(state.contract):
        yield f"This is certificate number {found.night} on this holdout; each one after the first must be surer."
    said = _agreement(state, found)
    if said:
        yield said
    if remark(found):
        yield remark(found)


def _agreement(state: State, found: Certificate) -> str:
    assert state.contract is not None  # noqa: S101 - as above
    searched = search_gain(state, found.number)
    baseline = state.baseline
    if searched is None or baseline is None or found.gain is None or (found.dropped and found.tree):
        return ""
    said = amount(searched, state.contract.objective.unit, 3)
    before, share = percentage(searched, baseline.value), percentage(found.gain, found.baseline)
    told = f"The search believed {said} ({percent(before)})" if before is not None else f"The search believed {said}"
    if searched <= 0:
        return f"{told}."
    ratio = share / before if share and before else found.gain / searched
    if found.gain <= 0:
        told += ": they do not agree"
    elif ratio < 0.5:
        told += ": the direction agrees, but less than half of the gain is left"
    else:
        told += ": they agree"
    high = " The search's number is too good on average, because it chose what read well." if noisy(state) else ""
    return f"{told}.{high}"


def _lines(state: State, found: Certificate) -> Iterator[str]:
    assert state.contract is not None  # noqa: S101 - as above
    objective = state.contract.objective
    under = f" with {setting_words(found)}" if found.setting else ""
    if found.gain is None or found.baseline is None or found.best is None:
        yield f"{what(found)}{under}: not certified. {one_line(found.note, 400)}"
        return
    old, new = values(found)
    better = "better" if found.gain >= 0 else "worse"
    yield (
        f"{what(found)}{under}: {one_line(objective.metric, 40)} is {better} by {gain_words(found, objective.unit)}: "
        f"{WHERE[found.level]}"
    )
    yield f"  {old} -> {new} {one_line(objective.unit, 24)}".rstrip() + f", {plural(found.runs, 'pair')} of readings"
    if found.level is Certified.no:
        yield f"  {why_not(state, found)}"
    if found.note:
        yield f"  {one_line(found.note, 400)}"
    for effect in ranked_effects(found):
        mark = " (left out)" if effect.number in found.dropped else ""
        yield f"  #{effect.number}{mark}: {effect_words(effect, objective.unit)}"
