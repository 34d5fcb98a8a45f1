"""The words with which an engine is asked to create the container of one box: pure composition, but for two limits.

Whatever must not be seen in `ps`, the variables, goes through a descriptor instead.
"""

import contextlib
import csv
import io
import os
import resource
from collections.abc import Iterator

from overnight.errors import MachineError
from overnight.model.box import Box, Mount
from overnight.sandbox.engines import IMAGE, OWNER, Engine, owner
from overnight.sandbox.kernel import NO_CORE_DUMP

TEMPORARY_BYTES = 1024**3
TEMPORARY = "/tmp"  # noqa: S108  inside the box, a private tmpfs
SHARED_MEMORY = "/dev/shm"  # noqa: S108  same
MOST_PROCESSES = 16384  # of one user together, in and out of containers; the box's own limit is --pids-limit
# What engines and their images add to an environment by themselves.
ADDED = ("HOSTNAME", "HOME", "TERM", "container", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
# The first process of a container is deaf to signals that it does not handle, so it must not be the command itself.
# It lets go of every stream, so that they end with the command; its own exit code is the command's. When the kernel
# has killed somebody for want of memory, it stays until that was seen from outside, where the count ends with it.
FIRST = """
exec 3<&0 0</dev/null
"$@" <&3 3<&- &
child=$!
exec 3<&- 1>&- 2>&-
trap 'kill -TERM "$child"' TERM
while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || break
done
for file in /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events; do
    [ -r "$file" ] && while read -r key count; do
        while [ "$key" = oom_kill ] && [ "$count" != 0 ]; do :; done
    done <"$file"
done
exit "$code"
"""


def arguments(engine: Engine, box: Box, name: str, *, environment: int, cores: set[int] | None) -> list[str]:
    """The words of `create` for a box called `name`; variables are read from the descriptor `environment`."""
    limits = box.limits
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    words = ["create", "--name", name, "--label", f"{OWNER}={owner()}", "--pull", "never", "--log-driver", "none"]
    words += ["--network", "host" if box.network else "none", "--read-only", "--cap-drop", "ALL"]
    words += ["--security-opt", "no-new-privileges", "--security-opt", "label=disable", "--user", engine.user]
    if engine.podman:
        words += ["--read-only-tmpfs=false", "--http-proxy=false", "--pidfile", engine.note(name)]
        words += [] if os.getuid() == 0 else ["--userns", "keep-id"]
    words += ["--ulimit", f"core={NO_CORE_DUMP[0]}:{NO_CORE_DUMP[1]}", "--ulimit", f"nofile={files}:{files}"]
    if engine.podman:  # or it asks for more than what it has itself, which not everybody may
        words += ["--ulimit", f"nproc={MOST_PROCESSES}:{MOST_PROCESSES}"]
    words += [] if limits.disk is None else ["--ulimit", f"fsize={limits.disk}:{limits.disk}"]
    words += [] if limits.memory is None else ["--memory", f"{limits.memory}b", "--memory-swap", f"{limits.memory}b"]
    words += [] if limits.pids is None else ["--pids-limit", str(4 * limits.pids + 32)]
    words += [] if limits.cpus is None else ["--cpus", str(min(limits.cpus, os.cpu_count() or 1))]
    words += [] if cores is None else ["--cpuset-cpus", ",".join(map(str, sorted(cores)))]
    words += ["--env-file", f"/dev/fd/{environment}", "--workdir", box.cwd, *_mounts(box, podman=engine.podman)]
    words += [] if box.stdin is None else ["--interactive"]
    given = {variable for variable, _ in box.env}
    forgotten = " ".join(variable for variable in ADDED if variable not in given)
    return [*words, "--entrypoint", "/bin/sh", IMAGE, "-c", f"unset {forgotten}\n{FIRST}", "sh", *box.command]


def _mounts(box: Box, *, podman: bool) -> list[str]:
    size = min(box.limits.disk or TEMPORARY_BYTES, TEMPORARY_BYTES)
    placed = {mount.target.rstrip("/") for mount in box.mounts}
    words = [] if SHARED_MEMORY in placed else ["--shm-size", f"{size}b"]
    own = () if TEMPORARY in placed else (Mount(target=TEMPORARY, kind="tmpfs", size=size),)
    # Unasked, podman copies what lies at the place into the new file system: a mask would show what it hides.
    empty = ",notmpcopyup" if podman else ""
    for mount in (*own, *box.mounts):
        if mount.kind == "tmpfs":
            size = mount.size or TEMPORARY_BYTES
            words += ["--tmpfs", f"{mount.target}:rw,exec,nosuid,nodev,size={size},mode=1777{empty}"]
        elif mount.kind == "device":
            words += ["--device", f"{mount.source}:{mount.target}:rw"]
        else:
            fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
            words += ["--mount", _row([*fields, *(["readonly"] if mount.kind == "read" else [])])]
    return words


def _row(fields: list[str]) -> str:
    """One row of CSV, as both engines take a mount."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()


@contextlib.contextmanager
def variables(box: Box) -> Iterator[int]:
    """A descriptor with the box's variables, one a line, so that `ps` does not show them.

    Raises:
        MachineError: a value has several lines, which no engine reads from a file.
    """
    for name, value in box.env:
        if "\n" in value:
            raise MachineError(f"the variable {name} has several lines, and a container is given one; write it in one")
    descriptor = os.memfd_create("environment", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, "".join(f"{name}={value}\n" for name, value in box.env).encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)
