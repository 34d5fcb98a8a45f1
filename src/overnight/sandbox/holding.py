"""Holds a started process tree to its limits and says in the end what it has used.

Two ways: `Watchdog` looks at processes every 20 ms and is soft; `Capped` lets the kernel limit and count, by a
control group, and only looks every 50 ms whether the kernel had to. What both watch is the disk.
"""

import signal
from collections.abc import Sequence

from overnight.model.box import Limits
from overnight.sandbox.cgroups import Account, GoneError, Group
from overnight.sandbox.meters import CpuMeter, DiskMeter, MemoryMeter, memory_device, nameless_bytes
from overnight.sandbox.processes import Process, out_of_memory_kills
from overnight.sandbox.watch import Stopped, Totals, Tree, Used

WALK_PERIOD = 0.1


class Watchdog:
    """A `Holder` that adds up what the processes of the tree hold: soft limits."""

    first = 0.004
    period = 0.020

    def __init__(self, tree: Tree, limits: Limits, folders: Sequence[str]) -> None:
        self._tree = tree
        self._limits = limits
        self._memory = MemoryMeter(limits.memory, self._files_in_memory)
        self._cpu = CpuMeter()
        self._disk = DiskMeter(limits.disk, folders, tree.temporary_bytes)
        self._out_of_memory = out_of_memory_kills()

    def look(self, now: float) -> Stopped:
        """One look at every process."""
        limits = self._limits
        processes = self._tree.processes(limits.pids)
        self._cpu.observe(processes)
        if limits.pids is not None and sum(process.threads for process in processes) > limits.pids:
            return "pids"
        if self._memory.observe(processes, now):
            return "memory"
        if limits.cpu_seconds is not None and max(self._cpu.seconds, self._tree.clocked()) > limits.cpu_seconds:
            return "cpu"
        return "disk" if self._disk.observe(processes, now) else ""

    def _files_in_memory(self, processes: Sequence[Process]) -> int:
        """Temporary file systems, and files without a name."""
        device = memory_device()
        nameless = 0 if device is None else nameless_bytes(processes, device)
        return self._tree.temporary_bytes() + nameless

    def conclude(self, used: Used, code: int, now: float) -> Totals:
        """The larger of the kernel's account and ours; a kill for want of memory is told by a counter of others too."""
        limits = self._limits
        cpu = max(used.cpu_seconds, self._cpu.seconds)
        peak = max(used.largest, self._memory.peak)
        stopped: Stopped = ""
        if out_of_memory_kills() != self._out_of_memory or (limits.memory is not None and peak > limits.memory):
            stopped = "memory"
        elif limits.cpu_seconds is not None and cpu > limits.cpu_seconds:
            stopped = "cpu"
        elif code == -signal.SIGXFSZ or self._disk.observe((), now, last=True):
            stopped = "disk"
        return Totals(stopped, cpu, peak)


class Capped:
    """A `Holder` that asks the tree's control group: hard limits on memory and processes, exact accounts."""

    first = period = 0.050

    def __init__(self, tree: Tree, limits: Limits, folders: Sequence[str], group: Group) -> None:
        self._tree = tree
        self._limits = limits
        self._group = group
        self._disk = DiskMeter(limits.disk, folders, tree.temporary_bytes)
        self._walk_at = 0.0

    def look(self, now: float) -> Stopped:
        """What the kernel had to do; now and then whether all of the tree is still in the group."""
        found = self._judge(self._group.account(), 0.0)
        if found or now < self._walk_at:
            return found
        self._walk_at = now + WALK_PERIOD
        processes = self._tree.processes(self._limits.pids)
        if self._group.outside(process.pid for process in processes):
            raise GoneError("no longer holds all of the box's processes")
        return "disk" if self._disk.observe(processes, now) else ""

    def conclude(self, used: Used, code: int, now: float) -> Totals:
        """The group's account; `used.own` is bubblewrap's part of it."""
        account = self._group.account()
        stopped = self._judge(account, used.own)
        if not stopped and (code == -signal.SIGXFSZ or self._disk.observe((), now, last=True)):
            stopped = "disk"
        return Totals(stopped, max(0.0, account.cpu_seconds - used.own), self._group.peak())

    def _judge(self, account: Account, own: float) -> Stopped:
        limit = self._limits.cpu_seconds
        if account.killed:
            return "memory"
        if account.refused:
            return "pids"
        return "cpu" if limit is not None and account.cpu_seconds - own > limit else ""
