"""The report of the night: `report`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.options import HERE, Json, Repo, Segment, Study, open_study

if TYPE_CHECKING:
    from overnight.model.state import State
    from overnight.report.reproduce import Beside
    from overnight.wiring import Site


def report(
    *,
    study: Study = None,
    repo: Repo = HERE,
    segment: Segment = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to FILE instead of the screen.")
    ] = None,
    json: Json = False,
) -> None:
    """The night in two minutes: what got better, what to merge.

    Markdown. A copy is kept in overnight/ below the git folder.
    """
    from overnight.cli.console import say, say_json
    from overnight.errors import UsageError

    site, state = open_study(repo, study, segment)
    text = compose(site, state)
    present = state.segment == state.segments
    kept = site.folder / ("report.md" if present else f"report-{state.segment}.md")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(text, encoding="utf-8")
        if out is not None:
            out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}; mend that, or choose another --out FILE"
                         ) from error  # fmt: skip
    if json:
        say_json({**_facts(state), "markdown": text, "path": str((out or kept).absolute())})
    elif out is not None:
        say(f"wrote {out}")
    else:
        sys.stdout.write(text)


def compose(site: "Site", state: "State") -> str:
    """The report of a study as Markdown, with the diffs of its strongest changes."""
    import time

    from overnight import __version__
    from overnight.report.markdown import render
    from overnight.report.merge import diffs_shown
    from overnight.wiring.site import require_whole

    require_whole(site)
    diffs = {
        one.number: site.repository.diff(one.parent_commit or state.base, one.commit) for one in diffs_shown(state)
    }
    running = state.segment == state.segments and site.running() is not None
    return render(
        state, diffs=diffs, now=time.time(), running=running, version=__version__, beside=beside(site, state)
    )  # fmt: skip


def beside(site: "Site", state: "State") -> "Beside":
    """What reproducing the study needs of this disk."""
    from overnight.report.reproduce import Beside
    from overnight.wiring.again import missing

    return Beside(root=str(site.repository.root), **asdict(missing(site, state, Path.home())))


def _facts(state: "State") -> dict[str, object]:
    import msgspec

    from overnight.report.certified import carries_over, certification
    from overnight.report.headline import demotions, doubt, headline
    from overnight.report.merge import certified_changes, uncertified_changes
    from overnight.report.search import yardstick
    from overnight.report.splits import rows
    from overnight.report.summary import numbers

    certificate = state.certificate
    proof = None
    if certificate is not None:
        effects = [msgspec.structs.asdict(effect) for effect in certificate.effects]
        proof = {**msgspec.structs.asdict(certificate), "effects": effects}
    return {
        **msgspec.structs.asdict(numbers(state)),
        "headline": headline(state),
        "doubt": doubt(state),
        "certification": certification(state),
        "certificate": proof,
        "carries_over": carries_over(state),
        "demoted": demotions(state),
        "merge": [one.number for one in certified_changes(state)],
        "uncertified": [one.number for one in uncertified_changes(state)],
        "splits": rows(state),
        "yardstick": yardstick(state),
    }
