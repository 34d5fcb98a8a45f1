"""Which changes of a night become commits of a branch, and which of them belong together."""

from collections.abc import Collection, Mapping, Sequence

from overnight.errors import UsageError
from overnight.model.event import Certificate
from overnight.model.state import State
from overnight.model.value import Value
from overnight.rules.lineage import lineage


class Taken(Value, frozen=True, kw_only=True):
    """The changes `numbers`, oldest first, that give `tree` together.

    They are of `line`, all that experiment `final` is built of.
    `certified` are those of `numbers` that the certificate covers; `certificate` None = nothing was certified.
    """

    final: int
    tree: str
    line: tuple[int, ...]
    numbers: tuple[int, ...]
    certified: tuple[int, ...] = ()
    certificate: Certificate | None = None

    @property
    def left_out(self) -> tuple[int, ...]:
        """Changes of the line that an ablation found to cost nothing measurable."""
        return tuple(number for number in self.line if number not in self.numbers)


def taken(state: State, *, everything: bool) -> Taken:
    """The changes behind the last certified gain, without what its ablation dropped; with `everything` all of the best.

    Raises:
        UsageError: nothing is certified, or with `everything` nothing was kept; the message says what to do.
    """
    win, best = state.win, state.best
    if everything:
        if best is None or best.number == 0:
            raise UsageError(f"nothing better than the unchanged code was found in study {state.study}, so there is "
                             "nothing to finish: `overnight run --more 20` goes on")  # fmt: skip
        if win is None or best.number != win.number:
            line = lineage(state, best.number)
            covered = set(lineage(state, win.number)) if win else set()
            certified = tuple(number for number in line if number in covered)
            return Taken(
                final=best.number, tree=best.tree, line=line, numbers=line, certified=certified, certificate=win
            )
    if win is None:
        raise UsageError(_nothing_certified(state))
    line = lineage(state, win.number)
    needed = set(win.kept or line)
    numbers = tuple(number for number in line if number in needed)
    tree = win.tree or state.experiments[win.number].tree
    return Taken(final=win.number, tree=tree, line=line, numbers=numbers, certified=numbers, certificate=win)


def _nothing_certified(state: State) -> str:
    best = state.best
    if best is None or best.number == 0:
        return (
            f"nothing better than the unchanged code was found in study {state.study}, so there is nothing to finish: "
            "`overnight run --more 20` goes on"
        )
    said = "was certified and did not hold" if state.certificate is not None else "has not been certified"
    return (
        f"the best of study {state.study} (#{best.number}) {said}, so no branch was made: `overnight certify` measures "
        "it afresh beside the unchanged code, or take what the search kept as it is with --all"
    )


def themes(touched: Mapping[int, Collection[str]]) -> tuple[tuple[int, ...], ...]:
    """Keys of `touched` whose files hang together, directly or through others; each group and all groups in order."""
    groups: list[tuple[set[int], set[str]]] = []
    for key, paths in touched.items():
        keys, files = {key}, set(paths)
        apart = []
        for group in groups:
            if group[1] & files:
                keys |= group[0]
                files |= group[1]
            else:
                apart.append(group)
        groups = [*apart, (keys, files)]
    return tuple(sorted(tuple(sorted(keys)) for keys, _ in groups))


def named(wanted: Sequence[str]) -> tuple[str, ...]:
    """`wanted` with a number behind each name that came before."""
    given: list[str] = []
    for name in wanted:
        count = 1
        while (new := name if count == 1 else f"{name}-{count}") in given:
            count += 1
        given.append(new)
    return tuple(given)
