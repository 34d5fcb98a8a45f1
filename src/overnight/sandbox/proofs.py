"""Remembers on disk which boxes have been proven on this very machine, so that the next start costs milliseconds.

A proof is believed while nothing that it depends on has changed: kernel, boot, user, our version, the box's program
and its control groups. Failures are not remembered: whoever mends the machine is believed at once.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from overnight import __version__
from overnight.model.value import digest
from overnight.sandbox.processes import read


class Proofs:
    """A folder with one small file for each proven box; None remembers nothing. The folder is made when needed."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def holds(self, name: str, identity: tuple[str, ...]) -> bool:
        """Whether the box `name` was proven on this machine as it is now."""
        if self._folder is None:
            return False
        try:
            return bool(msgspec.json.decode(self._file(self._folder, name).read_bytes()) == _key(identity))
        except (OSError, msgspec.DecodeError):
            return False

    def keep(self, name: str, identity: tuple[str, ...]) -> None:
        """Remember a proof; where nothing can be written the next start proves anew."""
        if self._folder is None:
            return
        file = self._file(self._folder, name)
        fresh = file.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh.write_bytes(msgspec.json.encode(_key(identity)))
            fresh.replace(file)

    def _file(self, folder: Path, name: str) -> Path:
        return folder / f"{name.replace('+', '-')}.json"


def _key(identity: tuple[str, ...]) -> str:
    machine = os.uname()
    boot = read("/proc/sys/kernel/random/boot_id").decode("ascii", errors="replace").strip()
    user = f"{os.getuid()}:{os.getgid()}"
    return digest((__version__, machine.sysname, machine.release, machine.version, boot, user, identity))
