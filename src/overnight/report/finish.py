"""What `finish` writes for others to read: a commit's message, and the text of a pull request.

An agent's words end up in tools that act on them: a mention calls somebody, `fixes #1` closes an issue, `[skip ci]`
switches checks off, `fixup!` and leading `#` steer a rebase. They are written so that none of that happens.
"""

import re
import textwrap
from collections.abc import Iterable, Sequence

from overnight.model.event import Certificate, Effect
from overnight.model.experiment import Certified
from overnight.model.state import Experiment, State
from overnight.report.escape import code, words
from overnight.report.headline import SPLIT, TRUST
from overnight.report.summary import percentage
from overnight.report.text import amount, duration, figure, percent, plural
from overnight.rules.finish import Taken
from overnight.rules.words import one_line

_SUBJECT = 72
_WIDTH = 76
_LISTED = 12
_STEERING = re.compile(r"^(?:\s|[#>\-*]|(?:fixup|squash|amend)!)+", re.IGNORECASE)
_CALLS = re.compile(r"@(?=\w)|#(?=\d)|(?<=\bgh)-(?=\d)|[\[\]]|://|\*\*\*+", re.IGNORECASE)
_INSTEAD = {"[": "(", "]": ")", "-": " ", "://": ": "}


def harmless(text: str, limit: int) -> str:
    """An agent's words as one line of a commit message that no tool takes for more than words."""
    line = _CALLS.sub(lambda found: _INSTEAD.get(found[0], ""), one_line(text, 2 * limit))
    return one_line(_STEERING.sub("", line), limit)


def subject(changes: Sequence[Experiment]) -> str:
    """The first line of a message: what the strongest of `changes` is said to do."""
    strongest = max(changes, key=lambda one: (one.gain or 0.0, one.number))
    said = harmless(strongest.summary, _SUBJECT)
    return said or f"Experiment {strongest.number} of an overnight study"


def message(state: State, taken: Taken, numbers: Sequence[int], *, theme: str = "") -> str:
    """The whole message of the commit that holds changes `numbers`; with `theme` its branch holds only a part of all.

    Lines of at most 76 characters, then trailers: study, experiments, and how they are certified.
    """
    changes = [state.experiments[number] for number in numbers]
    paragraphs = []
    if len(changes) > 1:
        paragraphs.append("These changes cannot be told one by one, so that they are one commit.")
    paragraphs += [" ".join(_about(state, taken, one, told=len(changes) > 1)) for one in changes]
    paragraphs.append(" ".join(_proof(state, taken, numbers, theme)))
    paragraphs.append(_cost(changes))
    trailers = [
        f"Overnight-Study: {harmless(state.study, 60)}",
        *(f"Overnight-Experiment: {number}" for number in numbers),
        f"Overnight-Certified: {_level(taken, numbers).value}",
    ]
    body = [textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False) for text in paragraphs]
    return "\n\n".join([subject(changes), *body, "\n".join(trailers)]) + "\n"


def pull_request(state: State, taken: Taken, commits: Iterable[tuple[str, Sequence[int]]], *, theme: str = "") -> str:
    """The text of a pull request as Markdown; `commits` are (commit, its changes), oldest first."""
    assert state.contract is not None  # noqa: S101 - a study with kept changes was opened with a contract
    listed = list(commits)
    numbers = [number for _, told in listed for number in told]
    lines = [
        f"# {title(state, taken, theme)}",
        "",
        " ".join(_proof(state, taken, numbers, theme)),
        "",
        "## Changes",
        "",
    ]
    for place, (commit, told) in enumerate(listed, start=1):
        lines.append(f"{place}. {_entry(state, taken, [state.experiments[number] for number in told], commit)}")
    if taken.left_out and not theme:
        lines += ["", "## Left out", ""]
        lines += [_left_out(state, taken, number) for number in taken.left_out[:_LISTED]]
        rest = len(taken.left_out) - _LISTED
        lines += [f"- and {rest} more"] if rest > 0 else []
    objective = state.contract.objective
    lines += [
        "",
        "## How it was measured",
        "",
        f"- {code(objective.metric, 60)}, {objective.direction.value}; base commit {code(state.base[:12])}",
        f"- {TRUST[_trust(state, numbers)]}; box: {state.tier.value}; seed {state.seed}",
        f"- {_cost([state.experiments[number] for number in numbers])}",
        f"- the whole night: `overnight report --study {state.study}`",
        f"- a number again: `overnight replay {numbers[-1]} --study {state.study}`",
    ]
    return "\n".join([*lines, ""])


def title(state: State, taken: Taken, theme: str = "") -> str:
    """The title of a pull request, without an agent's words."""
    assert state.contract is not None  # noqa: S101 - as above
    objective = state.contract.objective
    what = f"{words(state.study, 60)}: {words(objective.metric, 40)}"
    if theme:
        return f"{what}, the changes around {code(theme, 60)}"
    certificate = _covering(taken, taken.numbers)
    if certificate is None or certificate.gain is None:
        return f"{what}, {plural(len(taken.numbers), 'change')} kept and not certified"
    share = percentage(certificate.gain, certificate.baseline)
    return f"{what} better by {amount(certificate.gain, objective.unit, 3)}" + (f" ({percent(share)})" if share else "")


def _about(state: State, taken: Taken, one: Experiment, *, told: bool) -> list[str]:
    """What is known of one change, in sentences."""
    assert state.contract is not None  # noqa: S101 - as above
    unit = state.contract.objective.unit
    said = harmless(one.summary, 200)
    sentences = [f"Experiment {one.number}."]
    if said and (told or len(said) > _SUBJECT):
        sentences.append(f"Said by {harmless(one.agent, 40) or 'the agent'}: {said.rstrip('.')}.")
    if one.gain is not None and one.gain > 0:
        share = percentage(one.gain, state.baseline.value if state.baseline else None)
        size = amount(one.gain, unit, 3) + (f" ({percent(share)})" if share else "")
        sentences.append(f"Better by {size} than the best before it, as the search measured it.")
    else:
        sentences.append("Not better than the best before it, as the search measured it.")
    sentences += _effect(taken, one.number, unit)
    if one.flags:
        rules = ", ".join(sorted({harmless(flag.rule, 20) for flag in one.flags}))
        sentences.append(f"To look at in its diff: {rules}.")
    if one.tampering:
        sentences.append("It was seen to tamper with the measurement: read its diff.")
    return sentences


def _effect(taken: Taken, number: int, unit: str) -> list[str]:
    """What is lost without a change, where an ablation has measured it."""
    effect = effect_of(taken, number)
    if effect is None:
        return []
    if effect.loss is not None:
        between = _between(effect.low, effect.high)
        return [f"Taken out of the final version alone, {amount(effect.loss, unit, 3)} are lost{between}."]
    if effect.entangled:
        return ["Later changes stand on it, so that it could not be taken out alone."]
    return []


def effect_of(taken: Taken, number: int) -> Effect | None:
    """The ablation's word on one change, None without one."""
    if taken.certificate is None or number not in (*taken.certified, *taken.left_out):
        return None
    return next((effect for effect in taken.certificate.effects if effect.number == number), None)


def _proof(state: State, taken: Taken, numbers: Sequence[int], theme: str) -> list[str]:
    """How far the gain was confirmed, in sentences."""
    assert state.contract is not None  # noqa: S101 - as above
    certificate = _covering(taken, numbers)
    if certificate is None:
        return ["NOT CERTIFIED: kept by the search, and never confirmed on fresh measurements. Read the diff."]
    objective = state.contract.objective
    others = len(taken.certified) - len(numbers)
    together = f" together with {plural(others, 'other change')}" if others > 0 else ""
    where = SPLIT[certificate.level].lower()
    setting = "".join(f", {harmless(name, 40)}={harmless(value, 40)}" for name, value in certificate.setting)
    sentences = [f"Certified{together}, {where}{setting}: {objective.metric}"]
    if certificate.baseline is not None and certificate.best is not None and certificate.gain is not None:
        gain = f"better by {amount(certificate.gain, objective.unit, 3)}{_between(certificate.low, certificate.high)}"
        old, new = amount(certificate.baseline, digits=5), amount(certificate.best, objective.unit, 5)
        sentences[0] += f" {old} -> {new}, {gain}, from {plural(certificate.runs, 'pair')} of fresh readings."
    else:
        sentences[0] += "."
    if theme:
        sentences.append("The certificate speaks of all changes together, not of this branch alone.")
    return sentences


def _covering(taken: Taken, numbers: Sequence[int]) -> Certificate | None:
    return taken.certificate if numbers and set(numbers) <= set(taken.certified) else None


def _level(taken: Taken, numbers: Sequence[int]) -> Certified:
    certificate = _covering(taken, numbers)
    return Certified.no if certificate is None else certificate.level


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({figure(low, 3)} to {figure(high, 3)})"


def _trust(state: State, numbers: Sequence[int]) -> str:
    order = list(TRUST)
    found = [state.experiments[number].trust.value for number in (0, *numbers)]
    return min(found, key=order.index)


def _cost(changes: Sequence[Experiment]) -> str:
    tokens = sum(one.tokens for one in changes)
    money = sum(one.cost_usd for one in changes)
    parts = [f"{duration(sum(one.seconds for one in changes))} of agent and judge"]
    parts += [f"{tokens} tokens"] if tokens else []
    parts += [f"${figure(money, 3)}"] if money else []
    return f"Cost: {', '.join(parts)}."


def _entry(state: State, taken: Taken, changes: Sequence[Experiment], commit: str) -> str:
    """One commit in the list of a pull request."""
    about = " ".join(sentence for one in changes for sentence in _about(state, taken, one, told=False))
    paths = sorted({path for one in changes for path in one.paths})
    files = ", ".join(code(path, 80) for path in paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
    size = f"+{sum(one.added for one in changes)} -{sum(one.deleted for one in changes)} lines"
    where = f"{commit[:12]}, {size}" + (f" in {files}" if files else "")
    return f"**{words(subject(changes), 80)}** ({where}). {words(about, 900)}"


def _left_out(state: State, taken: Taken, number: int) -> str:
    assert state.contract is not None  # noqa: S101 - as above
    said = words(harmless(state.experiments[number].summary, 120)) or "a change without words"
    effect = effect_of(taken, number)
    lost = ""
    if effect is not None and effect.loss is not None:
        lost = f" ({amount(effect.loss, state.contract.objective.unit, 3)}{_between(effect.low, effect.high)})"
    return f"- experiment {number}, {said}: nothing measurable is lost without it{lost}"
