"""The proof of the night's gain, on demand: `certify`."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.options import HERE, Json, Repo, Study, open_study

if TYPE_CHECKING:
    from overnight.engine.laboratory import Laboratory
    from overnight.model.event import Certificate
    from overnight.model.value import Words


def certify(
    ablation: Annotated[
        bool, typer.Option("--ablation/--no-ablation", help="Also take each kept change out in turn.")
    ] = True,
    again: Annotated[bool, typer.Option("--again", help="Although the best is certified already.")] = False,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--with", metavar="KEY=VALUE",
            help="Whether the gain carries over to another value of one of the contract's variables.",
        ),
    ] = None,
    study: Study = None,
    repo: Repo = HERE,
    json: Json = False,
) -> None:  # fmt: skip
    """Measure the unchanged code and the best afresh, in pairs, and find the changes that the gain needs.

    Fresh seeds, interleaved, on the holdout where the contract has one. Exit code 0 when the gain is certified, else 1.
    Interrupted, it goes on where it was. The search is not touched.
    """
    from overnight.cli.console import say, say_json, warn
    from overnight.cli.redteam import passing
    from overnight.report.certified import certificate_lines
    from overnight.wiring.certify import open_bench
    from overnight.wiring.options import Options

    site, state = open_study(repo, study, None)
    varied = settings(setting or [])
    options = Options(environment=dict(os.environ))
    with (
        passing() as status,
        open_bench(site, state, options, lambda phase, number: status(_now(phase, number)), varied) as lab,
    ):
        found = _certified(lab, varied, again=again, ablation=ablation)
        status("")
        state = lab.recorder.state
    if found is None:
        warn("not certified: " + (state.notes[-1][1] if state.notes else "no reading was possible"))
        raise typer.Exit(1)
    if json:
        import msgspec

        values = {name: msgspec.to_builtins(value) for name, value in msgspec.structs.asdict(found).items()}
        values["effects"] = [msgspec.structs.asdict(effect) for effect in found.effects]
        say_json({"study": state.study, **values})
    else:
        say("\n".join(certificate_lines(state, found)))
    if found.level.value == "no":
        raise typer.Exit(1)


def settings(given: list[str]) -> "Words":
    """KEY=VALUE words as pairs.

    Raises:
        UsageError: one is not of that form.
    """
    from overnight.errors import UsageError

    found = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise UsageError(f"--with {word!r} is not KEY=VALUE, for example --with DEPTH=24")
        found[name] = value
    return tuple(sorted(found.items()))


def _certified(lab: "Laboratory", setting: "Words", *, again: bool, ablation: bool) -> "Certificate | None":
    """The certificate that this call has made, or that was there and needs nothing more."""
    from overnight.engine.ablate import ablate
    from overnight.engine.certify import certify_best

    found = certify_best(lab, setting, again=again)
    if found is None or setting or not ablation:
        return found
    ablate(lab)
    return lab.recorder.state.certificate


def _now(phase: str, number: int) -> str:
    what = {"certify": "the gain", "ablate": "what each change is worth"}.get(phase, phase)
    return f"now: measuring {what} (#{number}) ..."
