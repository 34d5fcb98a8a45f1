"""Takes the fresh readings of a certificate; every look at the holdout is counted before it is taken."""

from overnight.engine.experiment import reading, withdraw
from overnight.engine.laboratory import Laboratory
from overnight.model.event import Certificate, HoldoutRead, Measured
from overnight.model.state import State
from overnight.model.step import Fresh
from overnight.rules.certify import CERTIFY, due, next_fresh


def certify(lab: Laboratory) -> State:
    """Certify the best where that is due; what was read before an interruption counts.

    A best that is seen to tamper is withdrawn without a certificate; then the best is another one, which may be due.

    Raises:
        UsageError: the unchanged code itself was seen to tamper.
    """
    state = lab.recorder.state
    if not due(state) or state.best is None:
        return state
    number = state.best.number
    while True:
        step = next_fresh(lab.recorder.state, number)
        if step is None:
            return lab.recorder.note("warning", "the holdout's allowed looks are used up: the best is not certified")
        if isinstance(step, Certificate):
            return lab.recorder.append(step, durable=True)
        take(lab, step)
        if lab.recorder.state.experiments[step.number].tampering:
            withdraw(lab, step.number)
            return lab.recorder.flush()


def take(lab: Laboratory, step: Fresh) -> None:
    """One fresh reading, counted at once and written with whatever is appended next."""
    lab.recorder.flush()
    if step.split == CERTIFY:
        lab.recorder.append(HoldoutRead(split="certify", number=step.number), durable=True)
    lab.progress("certify", step.number, lab.contract.budget.wall)
    measurement = reading(lab, step.number, step.tree, step.seed, step.split)
    run = sum(len(trial.runs) for trial in lab.recorder.state.trials if trial.name == step.trial)
    lab.recorder.hold(Measured(number=step.number, run=run, measurement=measurement, trial=step.trial))
