"""Which files somebody has opened, told by the kernel; seen from outside, whatever mount namespace they were opened in.

Linux (inotify(7)). A watch belongs to the file itself, not to a name of it: another name, a bind mount or a link in a
box leads to the same watch. Opening with O_PATH, which gives no access to the content, does not count.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

_OPEN, _OVERFLOW = 0x20, 0x4000
_EVENT = struct.Struct("iIII")
_READ = 1 << 16


class OpenedFiles:
    """Watches `files` from now on; without inotify, or when its limits are used up, it sees nothing."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._names: dict[int, Path] = {}
        self._descriptor = -1
        if sys.platform != "linux":
            return
        libc = ctypes.CDLL(None)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor >= 0:
            add: Callable[[int, bytes, int], int] = libc.inotify_add_watch
            for path in files:
                watch = add(self._descriptor, os.fsencode(path), _OPEN)
                if watch >= 0:
                    self._names[watch] = path

    def opened(self) -> tuple[Path, ...]:
        """Those that were opened since the last question, sorted; all of them when the kernel lost count."""
        seen: set[Path] = set()
        while data := self._read():
            at = 0
            while at < len(data):
                watch, mask, _, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size + length
                if mask & _OVERFLOW:
                    seen.update(self._names.values())
                elif mask & _OPEN and watch in self._names:
                    seen.add(self._names[watch])
        return tuple(sorted(seen))

    def close(self) -> None:
        """End the watch."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> bytes:
        if self._descriptor < 0:
            return b""
        try:
            return os.read(self._descriptor, _READ)
        except BlockingIOError:
            return b""
