"""The system-call filter of a confined process, beside the one that every box has: what namespaces would else do.

Without namespaces, sockets, System V memory and message queues are the machine's, and so they are refused; so is every
call that changes how another process of the same person runs. Changes of a file's mode or times are handed to the
box's guard, which makes them only below the writable folders; changes of owner and attributes are refused.

Numbers and layout as in the generator of the shipped filters (tools/seccomp.py).
"""

import platform
import struct
from collections.abc import Sequence
from typing import NamedTuple

from overnight.sandbox.kernel import ARCHITECTURES

LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, ARGUMENT = 0, 4, 16
ALLOW, ASK, KILL, ERROR = 0x7FFF0000, 0x7FC00000, 0x80000000, 0x00050000
EPERM, EACCES, EOPNOTSUPP = 1, 13, 95
X32 = 0x40000000
AF_UNIX = 1

# name: (x86_64, aarch64); None where the architecture has no such call
ASKED = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "utimensat": (280, 88),
}
REFUSED = {
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
}
# Answered as by a file system that has none: copying programs take that as an answer.
UNSUPPORTED = {
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
# name: (x86_64, aarch64, which argument must be 0, and so mean the caller itself)
OWN_ONLY = {
    "prlimit64": (302, 261, 0),
    "setpriority": (141, 140, 1),
    "ioprio_set": (251, 30, 1),
    "sched_setparam": (142, 118, 0),
    "sched_setscheduler": (144, 119, 0),
    "sched_setattr": (314, 274, 0),
}
SOCKET, SOCKETPAIR = (41, 198), (53, 199)
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


class Calls(NamedTuple):
    """A filter for the kernel, and the numbers of the calls that it hands to the guard, by name."""

    program: bytes
    asked: dict[str, int]


def calls(machine: str = "", *, network: bool) -> Calls:
    """The filter for `machine` ("" = this one); `network` leaves sockets alone."""
    name = ARCHITECTURES[(machine or platform.machine()).lower()]
    column = list(AUDIT).index(name)
    asked = {call: number for call, numbers in ASKED.items() if (number := numbers[column]) is not None}
    lines = [
        _line(LOAD, ARCHITECTURE),
        *(_line(JUMP_EQUAL, AUDIT[name], 1, 0), _line(RETURN, KILL)),
        _line(LOAD, NUMBER),
    ]
    if name == "x86_64":
        lines += [_line(JUMP_GREATER_EQUAL, X32, 0, 1), _line(RETURN, ERROR | EPERM)]
    for number in asked.values():
        lines += _when(number, [_line(RETURN, ASK)])
    for table, error in ((REFUSED, EPERM), (UNSUPPORTED, EOPNOTSUPP)):
        for numbers in table.values():
            refused = numbers[column]
            if refused is not None:
                lines += _when(refused, [_line(RETURN, ERROR | error)])
    for row in OWN_ONLY.values():
        lines += _when(row[column], _unless_argument(row[2], 0, EPERM))
    if not network:
        lines += _when(SOCKET[column], [_line(RETURN, ERROR | EACCES)])
        lines += _when(SOCKETPAIR[column], _unless_argument(0, AF_UNIX, EACCES))
    lines.append(_line(RETURN, ALLOW))
    return Calls(b"".join(lines), asked)


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _when(number: int, body: Sequence[bytes]) -> list[bytes]:
    """Run `body`, which must end in a return, when the call is `number`; else skip it."""
    return [_line(JUMP_EQUAL, number, 0, len(body)), *body]


def _unless_argument(index: int, value: int, error: int) -> list[bytes]:
    """Allow when the low half of an argument (all these are ints) is `value`, else end with `error`."""
    return [
        _line(LOAD, ARGUMENT + 8 * index),
        _line(JUMP_EQUAL, value, 0, 1),
        _line(RETURN, ALLOW),
        _line(RETURN, ERROR | error),
    ]
