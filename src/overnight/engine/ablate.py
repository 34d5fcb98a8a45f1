"""Which of the kept changes the certified gain needs: takes them out in turn and measures what is lost."""

from msgspec.structs import replace

from overnight.engine.certify import measured, take
from overnight.engine.experiment import withdraw
from overnight.engine.laboratory import Laboratory
from overnight.model.event import Certificate
from overnight.model.experiment import Certified
from overnight.model.state import State
from overnight.rules.ablation import Standing
from overnight.rules.certify import Subject
from overnight.rules.lineage import lineage
from overnight.rules.smallest import effects, next_reading


def ablation_due(state: State) -> bool:
    """Whether the certified gain stands on several changes that were not yet taken out in turn."""
    certificate = state.win
    if certificate is None or state.certificate is not certificate or certificate.kept:
        return False
    return len(lineage(state, certificate.number)) > 1


def ablate(lab: Laboratory) -> State:
    """Write a certificate of the smallest set of changes that keeps the gain, with what is lost without each.

    Where something can be left out, what is left is certified afresh beside the unchanged code. What was read before an
    interruption counts.

    Raises:
        UsageError: the unchanged code was seen to tamper.
    """
    state, surgeon = lab.recorder.state, lab.surgeon
    certificate = state.win
    if surgeon is None or certificate is None or not ablation_due(state):
        return state
    number = certificate.number

    def without(removed: tuple[int, ...]) -> str | None:
        return surgeon.without(number, removed, state)

    while True:
        step = next_reading(lab.recorder.state, number, without)
        if isinstance(step, Standing):
            break
        take(lab, step, phase="ablate")
        if lab.recorder.state.experiments[number].tampering:
            withdraw(lab, number)
            return lab.recorder.flush()
    found = replace(certificate, kept=step.kept, dropped=step.removed, effects=effects(step))
    tree = without(step.removed) if step.removed else None
    if tree is None:
        return lab.recorder.append(found, durable=True)
    return _smaller(lab, found, tree)


def _smaller(lab: Laboratory, found: Certificate, tree: str) -> State:
    """The certificate of what is left; where it does not hold, the whole stays and the reason is said."""
    again = measured(lab, Subject(number=found.number, tree=tree))
    if again is None or again.level is Certified.no:
        why = "was not certified again" if again is None else "did not reach a certificate of its own"
        note = f"{found.note}. Without {_named(found.dropped)} nothing measurable is lost, but what is left {why}"
        line = lineage(lab.recorder.state, found.number)
        return lab.recorder.append(replace(found, kept=line, dropped=(), note=note), durable=True)
    assert lab.surgeon is not None  # noqa: S101 - the tree is the surgeon's
    commit = lab.surgeon.commit(tree, found.number, found.dropped, lab.recorder.state)
    made = replace(again, kept=found.kept, dropped=found.dropped, effects=found.effects, commit=commit)
    return lab.recorder.append(made, candidate=commit, durable=True)


def _named(numbers: tuple[int, ...]) -> str:
    return ", ".join(f"#{number}" for number in numbers)
