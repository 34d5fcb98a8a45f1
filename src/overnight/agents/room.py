"""The folder beside a checkout through which we and a command talk: the brief in, the reply out."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from overnight.errors import MachineError


class Room:
    """Paths of the brief (read-only in the box) and of the reply (alone in the writable folder `answers`).

    `replies` is a descriptor of the reply's folder, opened before the command ran: whatever the command does to paths,
    the reply is looked for there.
    """

    def __init__(self, answers: str, text: str) -> None:
        self.answers = answers
        self.reply = f"{answers}/reply.json"
        self.brief = f"{answers}.md"
        self._more: list[str] = []
        with open(self.brief, "xb") as file:  # noqa: PTH123 - text: one of these for every experiment
            file.write(text.encode())
        self._since = os.stat(self.brief).st_ctime_ns  # noqa: PTH116 - same
        self.replies = os.open(answers, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def folder(self, name: str) -> Path:
        """A new empty folder of the room, for a box that has none of its own."""
        place = f"{self.answers}-{name}"
        os.mkdir(place, 0o700)  # noqa: PTH102 - same
        self._more.append(place)
        return Path(place)

    def changed_since(self, root: Path) -> bool:
        """Whether anything below `root` was written, renamed, created or deleted after this room was opened.

        Can be asked when the room is gone.
        """
        return any(status.st_ctime_ns > self._since for status in _everything(root))

    def remove(self) -> None:
        """Delete everything, whatever a command left in it."""
        os.close(self.replies)
        with suppress(OSError):
            os.unlink(self.brief)  # noqa: PTH108 - same
        for place in (self.answers, *self._more):
            # A hostile command may have nested folders deeper than rmtree can walk; scratch is swept as a whole later.
            with suppress(RecursionError):
                shutil.rmtree(place, ignore_errors=True)


@contextmanager
def open_room(scratch: Path, number: int, text: str) -> Iterator[Room]:
    """A new room below `scratch`, removed afterwards with whatever a command left in it.

    Raises:
        MachineError: the disk is full or read-only.
    """
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        room = Room(tempfile.mkdtemp(prefix=f"agent-{number}-", dir=scratch), text)
    except OSError as error:
        raise MachineError(f"cannot write the agent's brief below {scratch}: {error.strerror}") from error
    try:
        yield room
    finally:
        room.remove()


def _everything(root: Path) -> Iterator[os.stat_result]:
    with suppress(OSError):
        yield os.lstat(root)
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            with suppress(OSError):
                yield os.lstat(Path(folder, name))
