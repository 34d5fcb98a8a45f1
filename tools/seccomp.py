# ruff: noqa: INP001 - a script beside the package
"""Writes the system-call filters that the package ships: python tools/seccomp.py [--check].

Classic BPF for seccomp, built by hand so that neither libseccomp nor a compiler is needed. A filter allows by
default and denies, with EPERM, what a candidate has no business with: it complements namespaces, it does not
replace them. clone3 answers ENOSYS, because its flags lie behind a pointer that a filter cannot follow and libc
then falls back to clone, whose flags it can. A foreign architecture is killed; the x32 half of x86_64 is denied.

Numbers: Linux arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
Instruction layout: Linux include/uapi/linux/{filter,bpf_common,seccomp}.h.
"""

import struct
import sys
from pathlib import Path
from typing import NamedTuple

LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; arguments are 8 bytes, low half first
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = 1, 38

NEW_NAMESPACES = 0x7E020000  # CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}; NEWTIME exists for unshare and clone3 only
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)  # PER_LINUX, PER_LINUX32, UNAME26 variants, "only ask"

# name: (x86_64, aarch64); None where the architecture has no such call
DENIED = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "sched_setaffinity": (203, 122),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "syslog": (103, 116),
    "lookup_dcookie": (212, 18),
    "fanotify_init": (300, 262),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "uselib": (134, None),
    "modify_ldt": (154, None),
}
CLONE = (56, 220)
CLONE3 = (435, 435)
IOCTL = (16, 29)
PERSONALITY = (135, 92)


class Machine(NamedTuple):
    """One architecture: its column in the tables, its AUDIT_ARCH value, whether it has the x32 calls."""

    name: str
    column: int
    audit: int
    x32: bool


MACHINES = (Machine("x86_64", 0, 0xC000003E, x32=True), Machine("aarch64", 1, 0xC00000B7, x32=False))


def instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One struct sock_filter."""
    return struct.pack("<HBBI", code, if_true, if_false, value)


def refuse(error: int) -> bytes:
    """End with an errno."""
    return instruction(RETURN, ERROR | error)


def when_number(number: int, body: list[bytes]) -> list[bytes]:
    """Run `body`, which must end in a return, when the call is `number`; else skip it."""
    return [instruction(JUMP_EQUAL, number, 0, len(body)), *body]


def program(machine: Machine) -> bytes:
    """The whole filter for one architecture."""
    allow = instruction(RETURN, ALLOW)
    lines = [
        instruction(LOAD, ARCHITECTURE),
        instruction(JUMP_EQUAL, machine.audit, 1, 0),
        instruction(RETURN, KILL),
        instruction(LOAD, NUMBER),
    ]
    if machine.x32:
        lines += [instruction(JUMP_GREATER_EQUAL, 0x40000000, 0, 1), refuse(EPERM)]
    for numbers in DENIED.values():
        number = numbers[machine.column]
        if number is not None:
            lines += when_number(number, [refuse(EPERM)])
    lines += when_number(CLONE3[machine.column], [refuse(ENOSYS)])
    lines += when_number(
        CLONE[machine.column],
        [
            instruction(LOAD, ARGUMENT),
            instruction(JUMP_ANY_BIT, NEW_NAMESPACES, 0, 1),
            refuse(EPERM),
            allow,
        ],
    )
    # The kernel reads only the low half of a request number, so only that half may be compared.
    lines += when_number(
        IOCTL[machine.column],
        [
            instruction(LOAD, ARGUMENT + 8),
            instruction(JUMP_EQUAL, TIOCSTI, 1, 0),
            instruction(JUMP_EQUAL, TIOCLINUX, 0, 1),
            refuse(EPERM),
            allow,
        ],
    )
    known = [instruction(JUMP_EQUAL, value, len(PERSONALITIES) - at, 0) for at, value in enumerate(PERSONALITIES)]
    lines += when_number(PERSONALITY[machine.column], [instruction(LOAD, ARGUMENT), *known, refuse(EPERM), allow])
    return b"".join([*lines, allow])


def main() -> int:
    """Write the filters, or with --check compare them with what is there."""
    folder = Path(__file__).parent.parent / "src" / "overnight" / "sandbox" / "filters"
    stale = 0
    for machine in MACHINES:
        path, wanted = folder / f"{machine.name}.bpf", program(machine)
        if "--check" in sys.argv[1:]:
            stale += not path.is_file() or path.read_bytes() != wanted
        else:
            path.write_bytes(wanted)
    return stale


if __name__ == "__main__":
    raise SystemExit(main())
