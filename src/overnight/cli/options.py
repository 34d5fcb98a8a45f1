"""The options that most commands share, and the study they lead to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from overnight.model.state import Experiment, State
    from overnight.wiring import Site

Study = Annotated[
    str | None,
    typer.Option("--study", metavar="NAME", help="Which study, when the repository has several.", show_default=False),
]
Repo = Annotated[
    Path,
    typer.Option("--repo", metavar="DIR", help="A folder of the repository, if not this one.", show_default=False),
]
Segment = Annotated[
    int | None,
    typer.Option(
        "--segment", metavar="K", help="Which segment of the study, 1 = the first; the last if not given.",
        show_default=False,
    ),
]  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of words for people.")]
Number = Annotated[int, typer.Argument(metavar="N", help="Number of the experiment; 0 is the unchanged code.")]

HERE = Path()


def open_study(repo: Path, study: str | None, segment: int | None = None) -> "tuple[Site, State]":
    """The study that the options name, and its state in the last segment or the one given.

    Raises:
        UsageError: no repository, no such study or segment, or one that has not begun.
    """
    from overnight.errors import UsageError
    from overnight.wiring import find_site, read_state, studies

    site = find_site(present_folder(repo), study)
    state = read_state(site, segment)
    if state.contract is None:
        known = studies(site.repository)
        others = f" Studies here: {', '.join(known)} (choose one with --study NAME)." if known else ""
        raise UsageError(
            f"the study {site.study} in {site.repository.root} has not begun: `overnight run` starts it.{others}"
        )
    return site, state


def pick(state: "State", number: int) -> "Experiment":
    """Experiment `number`.

    Raises:
        UsageError: there is none; the message names the range.
    """
    from overnight.errors import UsageError

    last = len(state.experiments) - 1
    of = f"study {state.study}" if state.segments < 2 else f"segment {state.segment} of study {state.study}"
    if last < 0:
        raise UsageError(f"there is no experiment {number}: {of} has not measured anything yet")
    if not 0 <= number <= last:
        raise UsageError(f"there is no experiment {number}: {of} has 0 (the unchanged code) to {last}")
    return state.experiments[number]


def present_folder(repo: Path) -> Path:
    """`repo` as an absolute path.

    Raises:
        UsageError: the present folder has been deleted.
    """
    from overnight.errors import UsageError

    try:
        return repo.absolute()
    except FileNotFoundError:
        raise UsageError("the folder that you are in was deleted: change to your repository first") from None
