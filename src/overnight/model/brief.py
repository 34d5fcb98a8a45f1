"""What an agent is told, as data and as Markdown."""

from overnight.model.contract import Objective
from overnight.model.state import Experiment
from overnight.model.value import Value


class AgentBudget(Value, frozen=True, kw_only=True):
    """What one proposal may use: wall seconds, dollars, tokens. None = no limit of that kind."""

    wall: float = 900.0
    usd: float | None = None
    tokens: int | None = None


class Brief(Value, frozen=True, kw_only=True):
    """The question put to an agent for experiment `number`.

    `text` is the whole brief in Markdown, bounded in size, without a word about the holdout. `attempts` are at
    most the last 500 and the best 50 judged experiments, oldest first, each once. `seed` is this experiment's
    own; a proposer that draws random numbers draws them from it, so that a resumed night is the same night.
    """

    study: str
    number: int
    text: str
    objective: Objective
    edit: tuple[str, ...]
    folder: str = ""
    parent: Experiment
    best: Experiment
    attempts: tuple[Experiment, ...] = ()
    hint: str = ""
    seed: int = 0
