"""A sandbox that remembers what runs, so that leaving a night ends every box."""

from overnight.model.box import Box, Completed, Coverage
from overnight.ports import Networked, Overheard, Running, Sandbox


class Tracked:
    """Any Sandbox, plus `kill_all`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._alive: set[_Watched] = set()

    def covers(self) -> Coverage:
        """The wrapped sandbox's own words."""
        return self._sandbox.covers()

    def start(self, box: Box) -> Running:
        """Start `box` and remember it until it is dead."""
        watched = _Watched(self._sandbox.start(box), self._alive)
        self._alive.add(watched)
        return watched

    def kill_all(self) -> None:
        """End every box that still runs."""
        for watched in tuple(self._alive):
            watched.kill()
            watched.wait()


class _Watched:
    def __init__(self, running: Running, alive: "set[_Watched]") -> None:
        self._running = running
        self._alive = alive

    def wait(self) -> Completed:
        completed = self._running.wait()
        self._alive.discard(self)
        return completed

    def kill(self) -> None:
        self._running.kill()

    def printed(self) -> bytes:
        return self._running.printed() if isinstance(self._running, Overheard) else b""

    def network(self) -> int | None:
        return self._running.network() if isinstance(self._running, Networked) else None
