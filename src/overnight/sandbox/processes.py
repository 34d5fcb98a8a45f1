"""Reads process trees: who runs, for how long, holding how much. Knows nothing about limits.

On Linux straight from /proc, so that a look at a small tree costs some ten microseconds a process; elsewhere
through psutil.
"""

import os
import sys
from collections.abc import Iterable
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Process(NamedTuple):
    """One process at one moment. Times in seconds, `resident` in bytes; (pid, started) names it for ever."""

    pid: int
    started: float
    state: str
    session: int
    threads: int
    own_seconds: float
    waited_seconds: float
    resident: int


def read(path: str) -> bytes:
    """The content of a small /proc file, or nothing when the process is gone or hidden from us."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def look(pid: int) -> Process | None:
    """The process `pid` now, or None when there is no such process."""
    if sys.platform != "linux":
        return _look_portably(pid)
    # The command's name stands in parentheses and may itself hold spaces and parentheses.
    fields = read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    if len(fields) < 22:
        return None
    return Process(
        pid=pid,
        started=int(fields[19]) / TICKS,
        state=fields[0].decode(),
        session=int(fields[3]),
        threads=int(fields[17]),
        own_seconds=(int(fields[11]) + int(fields[12])) / TICKS,
        waited_seconds=(int(fields[13]) + int(fields[14])) / TICKS,
        resident=int(fields[21]) * PAGE,
    )


def children(pid: int, threads: int = 0) -> list[int]:
    """The direct children of `pid`, oldest first; `threads` = 1 spares the look for further threads."""
    if sys.platform != "linux":
        return _children_portably(pid)
    tasks = [str(pid)]
    if threads != 1:
        try:
            tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - fifty times a second, strings are enough
        except OSError:
            return []
    return [int(word) for task in tasks for word in read(f"/proc/{pid}/task/{task}/children").split()]


def tree(roots: Iterable[int], at_most: int | None = None) -> list[Process]:
    """`roots` and all their descendants that exist now, parents first.

    Stops early once more than `at_most` tasks (threads included) were seen: a fork bomb is not worth counting out.
    """
    found: list[Process] = []
    tasks = 0
    pending = list(roots)
    for pid in pending:
        process = look(pid)
        if process is None:
            continue
        found.append(process)
        tasks += process.threads
        if at_most is not None and tasks > at_most:
            break
        pending.extend(children(pid, process.threads))
    return found


class Size(NamedTuple):
    """Bytes in memory where a page shared by n processes counts 1/n: all, and those of mapped files in memory."""

    held: int
    files: int = 0


def proportional(process: Process) -> Size:
    """What `process` holds; its resident size if we may not look closer.

    0 when it is dead or dying: then it has given its memory back, whatever it held when it was last seen.
    """
    table = {
        line.split()[0]: int(line.split()[1]) * 1024
        for line in read(f"/proc/{process.pid}/smaps_rollup").splitlines()
        if line.startswith((b"Pss:", b"Pss_Shmem:"))
    }
    if b"Pss:" in table:
        return Size(table[b"Pss:"], table.get(b"Pss_Shmem:", 0))
    now = look(process.pid)
    return Size(now.resident) if now is not None and lives(process, now) else Size(0)


def lives(process: Process, now: Process | None = None) -> bool:
    """Whether the process that was seen as `process` still runs; `now` spares a look."""
    now = now or look(process.pid)
    return now is not None and now.started == process.started and now.state not in "ZX"


def innermost_pid(pid: int) -> int:
    """The number that `pid` has inside its own PID namespace; 0 when it is gone."""
    for line in read(f"/proc/{pid}/status").splitlines():
        if line.startswith(b"NSpid:"):
            return int(line.split()[-1])
    return 0


def executed_seconds(pid: int) -> float:
    """CPU time of the thread `pid` alone, to the nanosecond, readable until it is reaped; 0 where unknown."""
    words = read(f"/proc/{pid}/schedstat").split()
    return int(words[0]) / 1e9 if words else 0.0


def out_of_memory_kills() -> int:
    """How many processes the kernel has killed for want of memory, in our own control group where there is one.

    In that group alone: what another box, in a group of its own, was killed for is no concern of ours.
    """
    for line in read("/proc/self/cgroup").decode(errors="replace").splitlines():
        _, controllers, path = line.split(":", 2)
        files = {"": ("", "memory.events.local"), "memory": ("/memory", "memory.oom_control")}.get(controllers)
        table = read(f"/sys/fs/cgroup{files[0]}{path}/{files[1]}") if files else b""
        if b"oom_kill " in table:
            return counter(table, b"oom_kill")
    return counter(read("/proc/vmstat"), b"oom_kill")


def counter(table: bytes, name: bytes) -> int:
    """The number beside `name` in a table of `name number` lines; 0 when it is not there."""
    _, _, rest = (b"\n" + table).partition(b"\n" + name + b" ")
    number = rest.partition(b"\n")[0].strip()
    return int(number) if number.isdigit() else 0


def _look_portably(pid: int) -> Process | None:
    import psutil  # noqa: PLC0415 - only where there is no /proc

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            state = "Z" if process.status() == psutil.STATUS_ZOMBIE else "R"
            return Process(
                pid=pid,
                started=process.create_time(),
                state=state,
                session=os.getsid(pid),
                threads=process.num_threads(),
                own_seconds=times.user + times.system,
                waited_seconds=getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0),
                resident=process.memory_info().rss,
            )
    except psutil.ZombieProcess:
        return Process(pid, 0.0, "Z", 0, 1, 0.0, 0.0, 0)
    except (psutil.Error, OSError):
        return None


def _children_portably(pid: int) -> list[int]:
    import psutil  # noqa: PLC0415 - only where there is no /proc

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []
