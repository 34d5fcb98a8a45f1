# ruff: noqa: INP001 - a script beside the package
"""Record a real `overnight demo` in a terminal of 100 columns and 30 lines, as docs/images/demo.svg and status.svg.

Run it with the virtual environment's Python; it takes about two minutes and needs tmux.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COLUMNS, LINES = 100, 30
IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
TIME_LIMIT = 600.0


class Terminal:
    """A tmux session of its own with a plain shell; `screen` is what is on it, with colour codes."""

    def __init__(self, folder: Path) -> None:
        self._tmux = ["tmux", "-S", str(folder / "tmux.socket"), "-f", "/dev/null"]
        shell = f"PATH={Path(sys.executable).parent}:$PATH PS1='$ ' TERM=xterm-256color exec bash --norc --noprofile"
        size = ["-x", str(COLUMNS), "-y", str(LINES)]
        self._run("new-session", "-d", *size, "-c", str(folder), "sh", "-c", shell)
        self._run("set", "-g", "status", "off")
        self._run("resize-window", *size)

    def type(self, line: str) -> None:
        """Type `line` and Enter."""
        self._run("send-keys", line, "Enter")

    def screen(self) -> str:
        """The visible lines, with colour codes."""
        return self._run("capture-pane", "-e", "-p").rstrip("\n")

    def close(self) -> None:
        """End the session and what runs in it."""
        self._run("kill-server")

    def _run(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True).stdout


def record(experiments: int) -> None:
    """Run the demo and write its last live screen, then `overnight status` of the same study."""
    with tempfile.TemporaryDirectory(prefix="overnight-record-") as folder:
        terminal = Terminal(Path(folder))
        try:
            terminal.type(f"overnight demo --dir night --experiments {experiments}")
            _draw(_last_live_screen(terminal), "demo.svg", "overnight demo")
            terminal.type("cd night; clear")
            _settled(terminal)
            terminal.type("overnight status; overnight log --last 8")
            _draw(_settled(terminal), "status.svg", "overnight status")
        finally:
            terminal.close()


def _last_live_screen(terminal: Terminal) -> str:
    """The live screen as it was last seen before the report took its place."""
    kept = ""
    deadline = time.monotonic() + TIME_LIMIT
    while time.monotonic() < deadline:
        shown = terminal.screen()
        if "the repository is in" in shown:
            return kept
        if "experiments " in shown and "best  " in shown and "ended:" not in shown:
            kept = shown
        time.sleep(0.2)
    raise SystemExit("the demo did not end in time")


def _settled(terminal: Terminal) -> str:
    """The screen once it has stopped changing."""
    before, same = "", 0
    while same < 10:
        time.sleep(0.2)
        shown = terminal.screen()
        same = same + 1 if shown == before and _plain(shown).endswith("$") else 0
        before = shown
    return before.rstrip().removesuffix("$").rstrip()


def _plain(screen: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", screen).rstrip()


def _draw(screen: str, name: str, title: str) -> None:
    from rich.console import Console  # noqa: PLC0415 - needed only when something was recorded
    from rich.text import Text  # noqa: PLC0415 - same

    console = Console(record=True, width=COLUMNS, file=Path("/dev/null").open("w", encoding="utf-8"))  # noqa: SIM115 - lives as long as the process
    console.print(Text.from_ansi(screen))
    IMAGES.mkdir(parents=True, exist_ok=True)
    drawn = console.export_svg(title=title, unique_id=name.partition(".")[0])
    offline = re.sub(r"@font-face\s*\{.*?\}\s*", "", drawn, flags=re.DOTALL)
    spaced = offline.replace("<svg ", '<svg xml:space="preserve" ', 1)
    (IMAGES / name).write_text(spaced, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=40)
    record(parser.parse_args().experiments)
