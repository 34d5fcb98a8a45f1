"""The kernel's own clock of the processor time of a process and of all that it will ever start (perf_event_open(2)).

Without control groups the kernel adds a dead child's time to its parent's only when the parent waits for it. A tree
whose processes do not wait can so hide most of what it computes. This clock is inherited by every child and counts on
whoever waits. Where the kernel keeps it from us (kernel.perf_event_paranoid above 2, say) there is none.
"""

import ctypes
import os
import struct

CALL = {"x86_64": 298, "aarch64": 241}
SOFTWARE, TASK_CLOCK, SIZE = 1, 1, 64
INHERIT, NOT_THE_KERNEL, NOT_THE_HYPERVISOR = 1 << 1, 1 << 5, 1 << 6
CLOSE_ON_EXEC = 8


class TaskClock:
    """Runs from now on for the thread `pid` and for what it starts from now on. `runs` is False where there is none."""

    def __init__(self, pid: int) -> None:
        # The kernel's part cannot be left out of this clock; who does not ask for it needs no rights.
        wanted = INHERIT | NOT_THE_KERNEL | NOT_THE_HYPERVISOR
        asked = struct.pack("<IIQQQQQ", SOFTWARE, SIZE, TASK_CLOCK, 0, 0, 0, wanted).ljust(SIZE, b"\0")
        number = CALL.get(os.uname().machine)
        found = -1 if number is None else ctypes.CDLL(None).syscall(number, asked, pid, -1, -1, CLOSE_ON_EXEC)
        self._descriptor: int | None = found if found >= 0 else None

    @property
    def runs(self) -> bool:
        """Whether the kernel lets us have it."""
        return self._descriptor is not None

    def seconds(self) -> float:
        """Seconds of processor time so far, of the living and the dead; 0 without a clock, or once it was closed."""
        if self._descriptor is None:
            return 0.0
        return int(struct.unpack("<Q", os.read(self._descriptor, 8))[0]) / 1e9

    def close(self) -> None:
        """Give it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
