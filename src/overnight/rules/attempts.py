"""Which past experiments a proposer is shown: bounded, whatever the length of the history."""

from overnight.model.state import Experiment, State

RECENT = 500


def remembered(state: State) -> tuple[Experiment, ...]:
    """The last 500 and the at most 50 best judged experiments, each once, oldest first."""
    first = max(0, len(state.experiments) - RECENT)
    older = sorted(number for number in state.leaders if number < first)
    recent = [experiment for experiment in state.experiments[first:] if experiment.outcome is not None]
    return (*(state.experiments[number] for number in older), *recent)
