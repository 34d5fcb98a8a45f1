"""Finds podman or docker and speaks to it: one command each, with a deadline, its complaint as an error.

Knows the differences between the two that matter here. Asks nothing of a registry: the one image that is used is
empty, made from an empty archive on this machine.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from overnight.errors import MachineError
from overnight.sandbox.processes import look, read
from overnight.sandbox.refused import NotHereError

SECONDS = 60.0
FIRST_SECONDS = 20.0
IMAGE = "localhost/overnight-empty"
OWNER = "overnight.owner"
EMPTY_ARCHIVE = bytes(10240)
INSTALL = "install podman (apt install podman), or start docker's daemon and be allowed to use it"


class Engine(NamedTuple):
    """A container engine that answers. `cores`: whether it can pin a container to cores; `user`: who runs inside."""

    program: str
    podman: bool
    cores: bool
    user: str

    def ask(self, *words: str, content: bytes = b"", passed: Sequence[int] = ()) -> str:
        """What the engine prints for `words`, given `content`.

        Raises:
            MachineError: it does not answer or refuses; with its own words.
        """
        try:
            said = subprocess.run(
                [self.program, *words],
                input=content,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                pass_fds=passed,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MachineError(f"{self.program} {words[0]} does not answer: {error}") from error
        if said.returncode != 0:
            complaint = said.stderr.decode(errors="replace").strip().splitlines() or ["it gave no reason"]
            raise MachineError(f"{self.program} {words[0]} failed: {complaint[-1]}")
        return said.stdout.decode(errors="replace").strip()

    def room(self, name: str) -> str:
        """A folder of ours for the container `name`: podman leaves notes where it is started."""
        return f"{tempfile.gettempdir()}/{name}"

    def note(self, name: str) -> str:
        """Where podman writes the number of the first process of the container `name`."""
        return f"{self.room(name)}/pid"

    def first(self, name: str) -> int:
        """The number of the first process of the container `name`; 0 while there is none.

        podman keeps whoever asks waiting while a container prints more than is read, so its note is looked at.
        """
        said = read(self.note(name)) if self.podman else self.ask("inspect", "--format", "{{.State.Pid}}", name)
        return int(said or 0)

    def tell(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start the engine with `words` and do not wait for its answer."""
        nowhere = subprocess.DEVNULL
        return subprocess.Popen([self.program, *words], stdin=nowhere, stdout=nowhere, stderr=nowhere, process_group=0)


def find(programs: Sequence[str] = ("podman", "docker")) -> Engine:
    """The first engine of `programs` on PATH that answers.

    Raises:
        NotHereError: there is none; with what each said.
    """
    reasons = []
    for name in programs:
        program = shutil.which(name)
        if program is None:
            reasons.append(f"{name} is not installed")
            continue
        podman = Path(program).name == "podman"
        told = "{{.Host.CgroupControllers}}" if podman else "{{.ServerVersion}} {{.SecurityOptions}}"
        try:
            said = subprocess.run(
                [program, "info", "--format", told], capture_output=True, timeout=FIRST_SECONDS, text=True, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reasons.append(f"{name} does not answer ({error})")
            continue
        if said.returncode == 0 and said.stdout.strip():
            # In an engine of an ordinary person, docker's root is that person; podman keeps the number.
            mapped_to_root = not podman and "rootless" in said.stdout
            user = "0:0" if mapped_to_root else f"{os.getuid()}:{os.getgid()}"
            return Engine(program, podman, not podman or "cpuset" in said.stdout, user)
        complaint = said.stderr.strip().splitlines() or ["it gave no reason"]
        reasons.append(f"{name} does not answer ({complaint[-1]})")
    raise NotHereError("; ".join(reasons), INSTALL)


def prepare(engine: Engine) -> None:
    """Make the empty image if it is not there, and remove the boxes of processes that are gone.

    Raises:
        MachineError: the engine refuses.
    """
    if not engine.ask("images", "--quiet", IMAGE):
        engine.ask("import", "-", IMAGE, content=EMPTY_ARCHIVE)
    wanted = ("--all", "--filter", f"label={OWNER}", "--format", f'{{{{.ID}}}} {{{{.Label "{OWNER}"}}}}')
    if engine.podman:
        wanted = (*wanted[:-1], f'{{{{.ID}}}} {{{{index .Labels "{OWNER}"}}}}')
    for line in engine.ask("ps", *wanted).splitlines():
        name, _, whose = line.partition(" ")
        if not _lives(whose):
            with contextlib.suppress(MachineError):  # its leash, or another overnight, may be at it
                engine.ask("rm", "--force", name)


def owner() -> str:
    """This process, named so that a later one with the same number is not taken for it."""
    me = look(os.getpid())
    return f"{os.getpid()}-{me.started if me else 0}"


def _lives(whose: str) -> bool:
    number, _, started = whose.partition("-")
    process = look(int(number)) if number.isdigit() else None
    return process is not None and str(process.started) == started
