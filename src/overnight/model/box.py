"""What we ask of a sandbox and what it tells us afterwards. Paths are absolute strings."""

from typing import Literal

from overnight.model.contract import Tier
from overnight.model.value import Value, Words


class Mount(Value, frozen=True, kw_only=True):
    """`source` (outside) appears at `target` (inside). A tmpfs has no source and is sized in bytes.

    A device is a node that may be opened for reading and writing: a graphics processor.
    """

    target: str
    source: str = ""
    kind: Literal["read", "write", "tmpfs", "device"] = "read"
    size: int = 0


class Limits(Value, frozen=True, kw_only=True):
    """Bounds on the whole process tree: seconds, bytes, counts. None = unlimited.

    `disk` bounds what the box's writable mounts and temporary folders hold together; `grace` is the time between
    a polite SIGTERM and SIGKILL when a limit ends the command.
    """

    wall: float
    cpu_seconds: float | None = None
    memory: int | None = None
    pids: int | None = None
    cpus: int | None = None
    disk: int | None = None
    output: int = 1024**2
    grace: float = 0.0


class Box(Value, frozen=True, kw_only=True):
    """One command to run. `fds` are descriptors of ours that the command inherits under the same numbers;
    `stdin` and `stdout` may name descriptors to use in place of an empty input and a captured output.
    """

    command: tuple[str, ...]
    cwd: str
    mounts: tuple[Mount, ...] = ()
    env: Words = ()
    limits: Limits
    network: bool = False
    stdin: int | None = None
    stdout: int | None = None
    fds: tuple[int, ...] = ()


class Coverage(Value, frozen=True, kw_only=True):
    """What a sandbox isolates, said honestly: `covers` and `lacks` are short plain phrases.

    Without `mounts` a command runs at the real paths of the machine: mounts are ignored, `cwd` is a real folder.
    With `private_network` what it starts is a `Networked`: each box has a loopback of its own, which we can enter.
    Without `descriptors` a box that hands on `fds` is refused.
    """

    tier: Tier
    name: str
    limits: Literal["hard", "soft", "none"]
    mounts: bool = True
    private_network: bool = False
    descriptors: bool = True
    covers: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


class Completed(Value, frozen=True, kw_only=True):
    """How a boxed command ended, after every process of its tree is dead.

    `code` is the exit status (negative = killed by that signal). `stopped` says which limit ended it, if one did.
    `stdout`/`stderr` are at most `limits.output` bytes each; `flooded` tells that more was printed. Times in
    seconds over the whole tree, `peak_memory` in bytes over the whole tree. `slept`: the machine was suspended.
    """

    code: int
    stopped: Literal["", "wall", "cpu", "memory", "pids", "disk", "output", "cancelled"] = ""
    stdout: bytes = b""
    stderr: bytes = b""
    flooded: bool = False
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    slept: bool = False
