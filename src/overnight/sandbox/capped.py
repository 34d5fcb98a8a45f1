"""Bubblewrap in a control group (tier `capped`): what `contained` isolates, and limits that the kernel holds.

Covers: all that bubblewrap covers; memory with swap and temporary files, processes and threads, cores, all of them
hard and over the whole tree; CPU time and memory by the kernel's own account. Does not cover: wall and CPU seconds
and disk are looked at every 50 to 100 ms; side channels; bugs of the kernel.

The box's init is in the group before the command starts, so nothing of it ever runs outside. A group that is taken
away or changed half-way ends the box with an error and no result: never a box with less.
"""

import itertools
import sys
import threading
import time

from overnight.model.box import Box, Coverage
from overnight.model.contract import Tier
from overnight.ports import Running
from overnight.sandbox.bubblewrap import COVERS, Bubblewrap, launch
from overnight.sandbox.cgroups import Caps, Hierarchy, own_paths
from overnight.sandbox.kernel import pick_cores
from overnight.sandbox.refused import NotHereError

CAPPED = (
    "memory (with swap and temporary files), processes and cores: limits of the kernel over the whole tree",
    "CPU time and memory: the kernel's own account, a kill for want of memory fails the run",
)
LACKS = (
    "CPU seconds and disk are looked at, not held by the kernel: they can be passed for some 50 ms (disk 100 ms)",
    "caches and memory bandwidth are shared with the neighbours",
)
# bwrap's init lives in the group beside the command.
INIT = 1
# So long after a box has been put into its group, the kernel puts the next one into its own without a wait.
WARM_SECONDS = 0.02


class Capped:
    """A `Sandbox` of tier capped. `program` names the bwrap to use; `start` needs a thread that outlives the box.

    `hierarchy` is where its groups are made, by default wherever this process may. What killed overnight processes
    left there is removed.

    Raises:
        NotHereError: no control groups can be made here; with the reason and the fix.
    """

    def __init__(self, program: str = "", hierarchy: Hierarchy | None = None) -> None:
        self._bubblewrap = Bubblewrap(program)
        self._hierarchy = hierarchy or find_hierarchy()
        self._hierarchy.sweep()
        self._turns = itertools.count()
        self._warm_until = 0.0

    def covers(self) -> Coverage:
        """Tier capped, hard limits."""
        return Coverage(
            tier=Tier.capped,
            name="bubblewrap and control groups",
            limits="hard",
            private_network=True,
            covers=(*COVERS, *CAPPED),
            lacks=LACKS,
        )

    def identity(self) -> tuple[str, ...]:
        """bubblewrap's, and where the groups are made.

        Raises:
            NotHereError: there is no bwrap.
        """
        return (*self._bubblewrap.identity(), *self._hierarchy.identity())

    def start(self, box: Box) -> Running:
        """Start the command in a group of its own.

        Raises:
            IsolationError: no bwrap, or this machine does not let it make namespaces; the message says the fix.
            MachineError: the group cannot be made (any more), a mount's source does not exist, or bwrap failed.
        """
        program = self._bubblewrap.program()
        if time.monotonic() > self._warm_until:
            threading.Thread(target=self._hierarchy.warm, name="overnight-warm", daemon=True).start()
        limits = box.limits
        cores = pick_cores(limits.cpus, next(self._turns))
        tasks = None if limits.pids is None else limits.pids + INIT
        caps = Caps(limits.memory, tasks, None if cores is None else frozenset(cores), limits.cpus)
        running = launch(program, box, cores, self._hierarchy.make(caps))
        self._warm_until = time.monotonic() + WARM_SECONDS
        return running


def find_hierarchy() -> Hierarchy:
    """Where this process may make control groups.

    Raises:
        NotHereError: nowhere; with the reason and the fix.
    """
    from overnight.sandbox.cgroup_v1 import HierarchyV1  # noqa: PLC0415 - only one of the two is wanted
    from overnight.sandbox.cgroup_v2 import HierarchyV2  # noqa: PLC0415 - only one of the two is wanted

    if sys.platform != "linux":
        raise NotHereError(f"control groups need Linux, this is {sys.platform}", "run overnight on Linux")
    return HierarchyV1() if "memory" in own_paths() else HierarchyV2()
