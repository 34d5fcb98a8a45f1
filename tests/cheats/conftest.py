import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

pytest.register_assert_rewrite("boxes")

from boxes import box  # noqa: E402 - its asserts explain themselves only when registered before
from catalogue import Kind  # noqa: E402 - the imports above come first
from study import BUDGET, HURRIED, SECRET, House, Study, a_study  # noqa: E402 - same


class Studies:
    """Studies by kind of judge and box, made when they are first asked for and shared by a test process.

    Sharing is safe because no cheat may be promoted and nothing of one may reach the next. Those that get through ask
    for a study of their own.
    """

    def __init__(self, stack: ExitStack, make) -> None:
        self._stack = stack
        self._make = make
        self._houses: dict[tuple[Kind, str], House] = {}
        self._studies: dict[tuple[Kind, str, str], Study] = {}

    def house(self, kind: Kind, budget: str = BUDGET) -> House:
        if (kind, budget) not in self._houses:
            self._houses[kind, budget] = House(self._make(f"house-{kind}"), kind, budget=budget)
        return self._houses[kind, budget]

    def shared(self, kind: Kind, tier: str, *, hurried: bool = False) -> Study:
        budget = HURRIED if hurried else BUDGET
        study = self._studies.get((kind, tier, budget))
        if study is None or study.recorder.state.kept:  # a specification that failed must not take the others along
            self._studies[kind, tier, budget] = self.own(kind, tier, budget)
        return self._studies[kind, tier, budget]

    def own(self, kind: Kind, tier: str, budget: str = BUDGET) -> Study:
        return self._stack.enter_context(a_study(self.house(kind, budget), box(tier)))


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studies]:
    """With a secret in the environment of this process, as there is one in everybody's."""
    os.environ["CHEAT_API_KEY"] = SECRET
    with ExitStack() as stack:
        yield Studies(stack, tmp_path_factory.mktemp)
    del os.environ["CHEAT_API_KEY"]


@pytest.fixture(scope="session")
def bystander() -> Iterator[int]:
    """The number of a process of the person's that has a secret in its environment."""
    line = [sys.executable, "-c", "input()"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, env={"CHEAT_API_KEY": SECRET}) as process:
        yield process.pid
        process.communicate(b"\n")


@pytest.fixture
def listeners() -> Iterator[list[tuple[int, int, object]]]:
    """(family, kind, address) of a socket here, of an abstract one, and of hosts that nobody has (RFC 5737)."""
    with socket.create_server(("127.0.0.1", 0)) as local, socket.socket(socket.AF_UNIX) as abstract:
        name = f"\0overnight-cheat-{os.getpid()}"
        abstract.bind(name)
        abstract.listen()
        outside = [
            (int(socket.AF_INET), int(socket.SOCK_DGRAM), ("192.0.2.1", 53)),
            (int(socket.AF_INET), int(socket.SOCK_STREAM), ("192.0.2.1", 80)),
        ]
        stream = int(socket.SOCK_STREAM)
        yield [(int(socket.AF_INET), stream, local.getsockname()), (int(socket.AF_UNIX), stream, name), *outside]
