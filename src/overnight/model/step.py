"""What to do next in a study: decided by `overnight.rules.conduct`, done by the engine or by a simulator."""

from overnight.model.experiment import Ask, Verdict
from overnight.model.value import Value


class Propose(Value, frozen=True, kw_only=True):
    """Let an agent work on experiment `number`; a new one when the state does not hold it yet."""

    number: int
    ask: Ask


class Again(Value, frozen=True, kw_only=True):
    """A policy's wish: read experiment `number` once more before anything is built on it."""

    number: int


class Read(Value, frozen=True, kw_only=True):
    """One judge run of experiment `number` with `seed`; `why` is one word for the record.

    `split` "" is the search metric; a gate split costs a look at the holdout, which is recorded before it is taken.
    """

    number: int
    seed: int
    split: str = ""
    why: str = "run"


class Fresh(Value, frozen=True, kw_only=True):
    """A reading of `tree`, which is or comes from experiment `number`, for trial `trial` of a certificate.

    It is no reading of the search. On split "certify" it costs a look at the holdout.
    """

    number: int
    trial: str
    tree: str
    seed: int
    split: str = ""


class Conclude(Value, frozen=True, kw_only=True):
    """The verdict on experiment `number`; `same_as` names the experiment whose measurements count."""

    number: int
    verdict: Verdict
    same_as: int | None = None


class Bit(Value, frozen=True, kw_only=True):
    """What the gate split said of `number` beside the best, `against`."""

    number: int
    against: int
    passed: bool


class Publish(Value, frozen=True, kw_only=True):
    """Experiment `number`, judged before, is the best from here on; `reason` is a sentence."""

    number: int
    reason: str


class Enough(Value, frozen=True, kw_only=True):
    """Nothing more can be done; `reason` is a sentence."""

    reason: str


Step = Propose | Read | Conclude | Bit | Publish | Enough
