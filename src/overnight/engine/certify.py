"""Takes the fresh readings of a certificate; every look at the holdout is counted before it is taken."""

from overnight.engine.experiment import reading, withdraw
from overnight.engine.laboratory import Laboratory
from overnight.errors import UsageError
from overnight.model.event import Certificate, HoldoutRead, Measured
from overnight.model.state import State
from overnight.model.step import Fresh
from overnight.model.value import Words
from overnight.rules.certify import CERTIFY, Subject, due, next_fresh


def certify(lab: Laboratory) -> State:
    """Certify the best where that is due; what was read before an interruption counts.

    A best that is seen to tamper is withdrawn without a certificate; then the best is another one, which may be due.

    Raises:
        UsageError: the unchanged code itself was seen to tamper.
    """
    state = lab.recorder.state
    if not due(state) or state.best is None:
        return state
    found = measured(lab, Subject(number=state.best.number))
    return lab.recorder.append(found, durable=True) if found is not None else lab.recorder.flush()


def certify_best(lab: Laboratory, setting: Words = (), *, again: bool = False) -> Certificate | None:
    """The certificate of the best, made now unless it has one; None where none could be made.

    With `setting` the laboratory measures under other contract variables, and the certificate says only whether the
    gain carries over.

    Raises:
        UsageError: there is nothing better than the unchanged code, or that was seen to tamper.
    """
    state = lab.recorder.state
    best, last = state.best, state.certificate
    if best is None or best.number == 0:
        raise UsageError("nothing better than the unchanged code was found, so there is nothing to certify")
    if not setting and not again and last is not None and last.number == best.number:
        return last
    found = measured(lab, Subject(number=best.number, setting=setting))
    if found is not None:
        lab.recorder.append(found, durable=True)
    return found


def measured(lab: Laboratory, subject: Subject) -> Certificate | None:
    """The certificate of `subject`, not yet in the ledger; None where looks are used up or a reading shows tampering.

    Raises:
        UsageError: the unchanged code itself was seen to tamper.
    """
    while True:
        step = next_fresh(lab.recorder.state, subject)
        if step is None:
            lab.recorder.note("warning", "the holdout's allowed looks are used up: the best is not certified")
            return None
        if isinstance(step, Certificate):
            return step
        take(lab, step)
        if lab.recorder.state.experiments[step.number].tampering:
            withdraw(lab, step.number)
            return None


def take(lab: Laboratory, step: Fresh, phase: str = "certify") -> None:
    """One fresh reading, counted at once and written with whatever is appended next."""
    lab.recorder.flush()
    if step.split == CERTIFY:
        lab.recorder.append(HoldoutRead(split="certify", number=step.number), durable=True)
    lab.progress(phase, step.number, lab.contract.budget.wall)
    measurement = reading(lab, step.number, step.tree, step.seed, step.split)
    run = sum(len(trial.runs) for trial in lab.recorder.state.trials if trial.name == step.trial)
    lab.recorder.hold(Measured(number=step.number, run=run, measurement=measurement, trial=step.trial))
