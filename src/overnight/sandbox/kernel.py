"""What we ask of the kernel directly, and what it means when the kernel refuses."""

import ctypes
import os
import platform
from functools import lru_cache
from pathlib import Path

from overnight.errors import MachineError, OvernightError
from overnight.sandbox.refused import NotHereError

PR_SET_PDEATHSIG = 1
# Unlike 0, a limit of 1 byte also keeps the kernel from piping the memory to a crash reporter outside (core(5)).
NO_CORE_DUMP = (1, 1)
PR_SET_CHILD_SUBREAPER = 36
FILTERS = Path(__file__).parent / "filters"
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def control(option: int, value: int) -> bool:
    """prctl(option, value); False when the kernel does not know the option."""
    return bool(_libc().prctl(option, value, 0, 0, 0) == 0)


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def adopt_orphans() -> bool:
    """Make this process the parent of its orphaned descendants, so that their use of the machine can be read.

    Holds for the rest of the process and is not inherited. An orphan that nobody waits for stays as a zombie
    until this process ends.
    """
    return control(PR_SET_CHILD_SUBREAPER, 1)


def pick_cores(count: int | None, turn: int) -> set[int] | None:
    """`count` of the cores that we may use, a different set each turn so that boxes side by side do not share."""
    if count is None:
        return None
    ours = sorted(os.sched_getaffinity(0))
    return {ours[(turn * count + step) % len(ours)] for step in range(min(count, len(ours)))}


@lru_cache(maxsize=1)
def filter_path() -> Path:
    """The system-call filter for this machine.

    Raises:
        NotHereError: there is none for its architecture.
    """
    name = ARCHITECTURES.get(platform.machine().lower())
    if name is None:
        raise NotHereError(
            f"there is no system-call filter for {platform.machine()} (only for x86_64 and aarch64), "
            "so candidates cannot be boxed here",
            "--isolation none runs them without a box",
        )
    return FILTERS / f"{name}.bpf"


def refusal(said: str) -> OvernightError:
    """The error for what bwrap said when it could not make a box, with the fix where the reason is known."""
    reason = said.splitlines()[-1] if said else "it gave no reason"
    if not any(word in said for word in ("namespace", "uid map", "gid map", "loopback", "clone", "user.max")):
        return MachineError(f"bubblewrap could not set up its box: {reason}")
    return NotHereError(f"this machine does not let bubblewrap make a box ({reason})", _remedy())


def _remedy() -> str:
    """How to allow user namespaces on this machine, from the switches that forbid them."""
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor forbids it to programs without a profile: allow it for bwrap with a profile in "
            "/etc/apparmor.d, or for all with: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return "allow it with: sudo sysctl kernel.unprivileged_userns_clone=1"
    if _setting("user/max_user_namespaces") == "0":
        return "allow it with: sudo sysctl user.max_user_namespaces=15000"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "inside a container start that container with: --security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined --security-opt systempaths=unconfined"
        )
    return "user namespaces are forbidden here, perhaps by the container or the security module around us"


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
