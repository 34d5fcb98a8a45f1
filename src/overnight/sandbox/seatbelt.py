"""macOS `sandbox-exec` with a profile of our own around one command (tier `fs+net`).

This has never been run on a Mac by us: the profile's text is tested, its effect is not. `overnight` attacks the box at
start, as it does every other, and does not offer it when something gets out.

Covers: contents of files (only what the box names can be read, only its writable mounts changed), network, signals to
processes outside. Does not cover: descendants that hide (there is no tree to kill), hard limits of any kind, names of
files, system services that the profile's base needs, places other than the real ones. Apple calls sandbox-exec
deprecated and keeps it working.

The language of profiles is not documented by Apple; what is used here is what the profiles in /System/Library/Sandbox
use: the last rule that matches decides.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from msgspec.structs import replace

from overnight.model.box import Box, Coverage
from overnight.model.contract import Tier
from overnight.ports import Running
from overnight.sandbox.none import Unboxed
from overnight.sandbox.refused import NotHereError

MAC = sys.platform == "darwin"
PROGRAM = "/usr/bin/sandbox-exec"
SYSTEM = (
    "/System",
    "/usr/lib",
    "/usr/share",
    "/Library/Apple",
    "/private/var/db/dyld",
    "/private/var/db/timezone",
    "/private/etc/localtime",
    "/private/etc/passwd",
    "/private/etc/group",
    "/private/etc/hosts",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
BASE = """(version 1)
(deny default)
(allow process-fork)
(allow process-info* (target same-sandbox))
(allow signal (target same-sandbox))
(allow sysctl-read)
(allow file-read-metadata)
(allow file-read* (literal "/"))
(allow ipc-posix-sem)
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
"""
NETWORK = """(allow network*)
(allow system-socket)
(allow mach-lookup (global-name "com.apple.mDNSResponder") (global-name "com.apple.SystemConfiguration.configd"))
"""
# sandbox-exec has an exit code of its own for a command that is not there; the shell has the usual ones.
SHELL = ("/bin/sh", "-c", 'exec "$@"', "sh")
COVERS = (
    "file contents: only what the box names can be read, only its writable folders changed",
    "network: none, or the machine's when the box asks for it",
    "signals: to no process outside",
    "environment: only the variables that the box names",
)
LACKS = (
    "proof by use: this box has never been run by those who wrote it, only attacked at every start",
    "processes: a descendant that hides can outlive the command, and overnight",
    "limits on memory, CPU and processes: looked at every 20 ms, none is held by the system",
    "names: whether a file exists can be seen",
    "other places: nothing is mounted, commands run at real paths",
)


class Seatbelt:
    """A `Sandbox` of tier fs+net: `Box.cwd` and every path in `Box.env` must be real paths of this machine.

    A mount's source can be read (or written) at its own place; a tmpfs only hides what lies there.
    """

    def __init__(self) -> None:
        self._unboxed = Unboxed()

    def covers(self) -> Coverage:
        """Tier fs+net, soft limits, no mounts."""
        return Coverage(tier=Tier.fs_net, name="sandbox-exec", limits="soft", mounts=False, covers=COVERS, lacks=LACKS)

    def identity(self) -> tuple[str, ...]:
        """sandbox-exec by its digest, and our profile's base.

        Raises:
            NotHereError: this is no Mac, or sandbox-exec is not there.
        """
        if not MAC:
            raise NotHereError(f"sandbox-exec needs macOS, this is {sys.platform}", "use another box on this machine")
        if not os.access(PROGRAM, os.X_OK):
            raise NotHereError(f"{PROGRAM} is not there", "run overnight in a Linux VM, where other boxes work")
        return PROGRAM, sha256(Path(PROGRAM).read_bytes() + BASE.encode()).hexdigest()

    def start(self, box: Box) -> Running:
        """Start the command in a session of its own, under the profile.

        Raises:
            NotHereError: there is no sandbox-exec here.
            MachineError: `cwd` does not exist or no process can be started.
        """
        self.identity()
        return self._unboxed.start(replace(box, command=command(box)))


def command(box: Box) -> tuple[str, ...]:
    """The line that runs `box.command` under its profile."""
    return (PROGRAM, "-p", profile_of(box), *SHELL, *box.command)


def profile_of(box: Box) -> str:
    """The profile of one box, its mounts taken at their sources."""
    return profile(
        readable=[mount.source for mount in box.mounts if mount.kind == "read"],
        writable=[mount.source for mount in box.mounts if mount.kind in {"write", "device"}],
        hidden=[mount.target for mount in box.mounts if mount.kind == "tmpfs"],
        network=box.network,
    )


def profile(*, readable: Sequence[str], writable: Sequence[str], hidden: Sequence[str], network: bool) -> str:
    """A profile that denies everything but reading `readable`, and changing what lies below `writable`.

    `hidden` is denied again, also below what is readable. Links in the paths are followed, because the system
    compares real paths.
    """
    reading = _paths((*SYSTEM, *readable))
    writing = _paths(writable)
    text = BASE
    text += f"(allow file-read* file-map-executable process-exec*{reading})\n"
    text += f"(allow file-read* file-write*{_paths(DEVICES)})\n"
    if writing:
        text += f"(allow file-read* file-write* file-map-executable process-exec*{writing})\n"
    if network:
        text += NETWORK
    covered = [hole for hole in hidden if not any(_real(hole) == _real(place) for place in writable)]
    return text + (f"(deny file-read* file-write* process-exec*{_paths(covered)})\n" if covered else "")


def _paths(places: Iterable[str]) -> str:
    return "".join(f"\n    (subpath {_quoted(_real(place))})" for place in dict.fromkeys(places))


def _real(place: str) -> str:
    return os.path.realpath(place)


def _quoted(text: str) -> str:
    """A string of the profile's language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
