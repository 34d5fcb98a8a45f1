"""What a hostile agent does to its checkout, as values that read aloud."""

from collections.abc import Callable
from pathlib import Path

from catalogue import Act

HERE = "# here\n"


def edit(name: str, text: str | bytes) -> Act:
    """Writes the file `name`."""

    def act(workdir: Path) -> None:
        path = workdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    return act


def code(*, first: str = "", then: str = "", last: str = "") -> Act:
    """Adds code to train.py: at its very beginning, after its functions (where it can replace them), at its end."""

    def act(workdir: Path) -> None:
        path = workdir / "train.py"
        text = path.read_text()
        assert HERE in text
        middle = text.replace(HERE, f"{then}\n{HERE}")
        changed = f"import os, sys\n{first}\n{middle}\n{last}\n"
        compile(changed, path, "exec")  # a cheat that is no program would prove nothing
        path.write_text(changed)

    return act


def instead(text: str) -> Act:
    """Replaces train.py."""
    return edit("train.py", text)


def both(*acts: Callable[[Path], object]) -> Act:
    def act(workdir: Path) -> None:
        for one in acts:
            one(workdir)

    return act


HALF = code(then="def predict(question):\n    return 3 * question + 0.5")
"""A real gain, so that only the cheat beside it can be the reason why it is not kept."""
