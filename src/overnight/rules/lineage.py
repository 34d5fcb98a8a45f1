"""What a candidate is built of."""

from overnight.model.state import State


def lineage(state: State, number: int) -> tuple[int, ...]:
    """The numbers that experiment `number` is built on, oldest first, itself last, the baseline left out."""
    line: list[int] = []
    while number > 0:
        line.append(number)
        number = min(state.experiments[number].parent, number - 1)
    return tuple(reversed(line))
