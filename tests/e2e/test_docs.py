"""The documentation is run. In a page, comments right before a fenced block say what happens to it:

`<!-- file: NAME -->` saves it, `<!-- not run: REASON -->` leaves it out, `<!-- exit: CODE -->` expects that exit code.
Blocks marked `sh` and `console` are run in order, in one folder a page. In a `console` block lines that begin with `$ `
are commands; of the lines below each, the words of four letters and more must occur in what the command prints.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))))
NOT_RUN = {"README.md": 2}
"""How many blocks of a page are not run."""

MOST = {
    "docs/tutorial.md": 30,
    "docs/how-to/own-metric.md": 12,
    "docs/how-to/coding-agent.md": 6,
    "docs/how-to/finish.md": 8,
    "docs/how-to/morning.md": 8,
    "docs/how-to/stop-and-resume.md": 2000,
}
"""Most experiments of one `overnight run` or `demo`, where it is not one."""

_COMMENT = re.compile(r"<!-- (file|not run|exit): (.+?) -->")
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+)(?P<language>\w*)\s*$")
_WORD = re.compile(r"[A-Za-z_]{4,}")
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\((?P<target>[^)\s]+)\)")

SHIM = """#!{python}
import os, sys
words = sys.argv[1:]
for place, word in enumerate(words[:-1]):
    if word in ("--experiments", "--more"):
        words[place + 1] = str(min(int(words[place + 1]), {most}))
if words[:1] == ["demo"] and "--experiments" not in words:
    words += ["--experiments", "{most}"]
os.execv(sys.executable, [sys.executable, "-m", "overnight", *words])
"""


class Block(NamedTuple):
    """A fenced block: `notes` are the comments right before it, `line` counts from 1."""

    line: int
    language: str
    text: str
    notes: dict[str, str]


def blocks(page: str) -> list[Block]:
    found: list[Block] = []
    lines = (ROOT / page).read_text(encoding="utf-8").split("\n")
    place, notes = 0, {}
    while place < len(lines):
        opened = _FENCE.match(lines[place])
        if opened is None:
            notes = notes | dict(_COMMENT.findall(lines[place])) if lines[place].startswith("<!--") else {}
            place += 1
            continue
        end = lines.index(opened["indent"] + opened["fence"], place + 1)
        text = "".join(line.removeprefix(opened["indent"]) + "\n" for line in lines[place + 1 : end])
        found.append(Block(place + 1, opened["language"], text, notes))
        place, notes = end + 1, {}
    return found


class Reader:
    """Somebody who types what a page says."""

    def __init__(self, page: str, place: Path):
        self.page = page
        self.folder = place / "clone"
        self.folder.mkdir()
        shutil.copytree(ROOT / "examples", self.folder / "examples")
        programs, home = place / "bin", place / "home"
        programs.mkdir()
        home.mkdir()
        shim = programs / "overnight"
        shim.write_text(SHIM.format(python=sys.executable, most=MOST.get(page, 1)))
        shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
        (home / ".gitconfig").write_text("[user]\n\tname = Reader\n\temail = reader@example.org\n")
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "OVERNIGHT_"))}
        path = f"{programs}:{Path(sys.executable).parent}:{clean['PATH']}"
        cache = str(place / "cache")
        self.environment = {**clean, "PATH": path, "HOME": str(home), "XDG_CACHE_HOME": cache, "NO_COLOR": "1"}
        self._present = place / "present-folder"

    def read(self, block: Block) -> None:
        if "file" in block.notes:
            path = self.folder / block.notes["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            self.type(block.text, block)
        elif block.language == "console":
            for command, shown in sessions(block.text):
                said = self.type(command, block)
                # The runs here are shorter than those shown: one experiment is "1 experiment".
                missing = [word for word in _WORD.findall(shown) if word.removesuffix("s") not in said]
                assert not missing, f"{self.page}:{block.line}: `{command}` did not say {missing} but\n{said}"

    def type(self, command: str, block: Block) -> str:
        done = subprocess.run(
            ["bash", "-e", "-c", f"trap 'pwd > \"{self._present}\"' EXIT\n{command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
        )
        expected = int(block.notes.get("exit", "0"))
        assert done.returncode == expected, (
            f"{self.page}:{block.line}: exit {done.returncode} of\n{command}\n{done.stdout}"
        )
        self.folder = Path(self._present.read_text().strip())
        return done.stdout


def sessions(text: str) -> list[tuple[str, str]]:
    """(command, shown output) of each command in a console block."""
    found = [part.partition("\n") for part in re.split(r"^\$ ", text, flags=re.MULTILINE)]
    assert not found[0][0], f"a console block begins with a command, not with {found[0][0]!r}"
    return [(command, shown) for command, _, shown in found[1:]]


def to_run(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.language in {"sh", "console"} and "not run" not in block.notes]


@pytest.mark.parametrize("page", [page for page in PAGES if to_run(page)])
def test_what_a_page_says_happens(page, tmp_path):
    reader = Reader(page, tmp_path)
    for block in blocks(page):
        if "not run" not in block.notes:
            reader.read(block)


def test_each_block_that_is_not_run_says_why():
    left_out = {page: [block.notes["not run"] for block in blocks(page) if "not run" in block.notes] for page in PAGES}
    assert {page: len(reasons) for page, reasons in left_out.items() if reasons} == NOT_RUN
    assert all(len(reason.split()) > 3 for reasons in left_out.values() for reason in reasons)


def test_the_readmes_first_command_installs_and_runs_the_demo(tmp_path):
    command = next(block.text for block in blocks("README.md") if block.language == "sh")
    assert "pip install ." in command
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    done = subprocess.run(
        ["bash", "-e", "-c", command.replace("overnight demo", "overnight demo --experiments 1")],
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ended: 1 experiment is done" in done.stdout


def headings(text: str) -> set[str]:
    """The anchors that a page's headings get."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, "AGENTS.md"])
def test_relative_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    broken = []
    for target in _LINK.findall(text):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = ROOT / page if not name else (ROOT / page).parent / name
        if not path.exists() or (anchor and anchor not in headings(path.read_text(encoding="utf-8"))):
            broken.append(target)
    assert not broken


def test_every_page_is_reached_from_the_readme():
    reached, new = set(), {ROOT / "README.md"}
    while new:
        page = new.pop()
        reached.add(page)
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target.partition("#")[0]).resolve()
            if path.suffix == ".md" and path.is_file() and path not in reached:
                new.add(path)
    assert {ROOT / page for page in PAGES} <= reached
