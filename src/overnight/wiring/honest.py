"""`init --honest`: a judge of its own for a repository in karpathy's layout. Writes files, changes no line of code."""

from dataclasses import dataclass
from pathlib import Path

from overnight.errors import UsageError
from overnight.model.contract import Contract
from overnight.program import render
from overnight.program.honest import FOLDER, honest, missing, validation_file
from overnight.wiring.contract import read_contract
from overnight.wiring.install import copy_files
from overnight.wiring.site import Site


@dataclass(frozen=True, slots=True)
class Honest:
    """What was written, sentences for the person, and the commands that come next."""

    wrote: tuple[str, ...]
    says: tuple[str, ...]
    then: tuple[str, ...]


def make_honest(site: Site, *, audit: bool = False) -> Honest:
    """Write the folder honest/ beside program.md and put front matter before the prose of program.md.

    With `audit` every target is scored, from claims of the model that a second copy of it must bear out; without,
    a sample of them, from answers alone.

    Raises:
        UsageError: the repository has not this layout, or something is there already that would be overwritten.
    """
    contract, text = read_contract(site)
    folder = site.program.parent
    if not contract.inferred:
        raise UsageError(
            f"{site.program} has front matter already, and init never changes what you wrote: --honest is for a "
            "program.md of prose only. Move the front matter away, run init again, and carry over what you need"
        )
    if (folder / FOLDER).exists():
        raise UsageError(f"{folder / FOLDER} is there already, and nothing in it is overwritten: move it away first")
    prepare = _source(folder, "prepare.py")
    train = _source(folder, "train.py")
    if "evaluate_bpb(" not in train:
        raise UsageError(f"{folder / 'train.py'} does not call evaluate_bpb: that is where the judge gets the model")
    try:
        absent = missing(prepare)
    except SyntaxError as error:
        raise UsageError(f"{folder / 'prepare.py'} is not Python (line {error.lineno}): mend it first") from None
    if absent:
        raise UsageError(
            f"{folder / 'prepare.py'} does not define {', '.join(absent)}: --honest knows the interface of "
            "karpathy/autoresearch and no other. For another layout write a judge with `drive`"
        )
    hidden = validation_file(prepare)
    made = honest(contract, (hidden,) if hidden else (), audit=audit, gpus=int("cuda" in train))
    (folder / FOLDER).mkdir()
    copy_files(FOLDER, folder / FOLDER)
    site.program.write_text(_front(made) + text, encoding="utf-8")
    return Honest(
        wrote=(f"{FOLDER}/", site.program.name),
        says=(*_says(made, site.program.name), _where(contract, hidden)),
        then=(
            contract.run.replace("train.py", f"{FOLDER}/freeze.py"),
            f"git add {FOLDER} {site.program.name} && git commit -m 'A judge outside train.py'",
            "overnight check --measure",
            "overnight run",
        ),
    )


def _source(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8", errors="replace")


def _front(contract: Contract) -> str:
    return render(contract).removesuffix(contract.prose + "\n")


def _says(contract: Contract, program: str) -> tuple[str, ...]:
    serve = contract.run or (contract.drive.serve if contract.drive else "")
    shown = (
        ("train.py speaks of cuda: `gpus: 1` shows the graphics processor to its box",) if contract.budget.gpus else ()
    )
    return (
        f"{FOLDER}/prepare.py  what train.py imports while it is measured: your prepare.py, except for evaluate_bpb",
        f"{FOLDER}/serve.py    runs train.py like that (`{serve}`)",
        f"{FOLDER}/judge.py    asks the model for predictions, normalises and scores them, in a box of its own",
        f"{FOLDER}/protocol.py what it asks and what follows from the answers",
        f"{FOLDER}/freeze.py   you run it once: it puts validation text aside in {FOLDER}/hidden, not for git",
        f"{FOLDER}/README.md   what is proved then, and what is not",
        f"{program}  got front matter; its prose is as it was",
        *shown,
        "train.py and prepare.py stay as they are; `python train.py` by hand works as before",
    )


def _where(contract: Contract, hidden: str) -> str:
    if hidden:
        return f"hidden from the candidate: {FOLDER}/hidden and {hidden}"
    if contract.data:
        return (
            f"hidden from the candidate: {FOLDER}/hidden. Where prepare.py keeps the validation text could not be read "
            "from it: if it is in a file among `data`, add that file to `hide`"
        )
    return f"hidden from the candidate: {FOLDER}/hidden"
