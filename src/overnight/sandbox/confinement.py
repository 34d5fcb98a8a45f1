"""The guard of one confined box: a small process between overnight and the command (standard library only).

Started as a script of its own with a plan on a descriptor. It forks the command into its confinement, answers for it
the few calls that need a look at a path, and outlives it until every descendant is dead: as their subreaper it
inherits whoever tries to slip away, and when overnight dies its end of a pipe says so and it kills them all.
The confined cannot signal it. Killed by somebody else, its filter's questions stay unanswered and the orphans go to
overnight, or to overnight's guardian.

Tells on its status pipe one line of JSON when the command has ended ("code"), or could not start ("refused"), and a
second one with what the tree has used once all are dead.
"""

import array
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from typing import Any, NoReturn

PRCTL = {"subreaper": 36, "no_new_privileges": 38, "drop": 24, "ambient": 47}
CAPSET = {"x86_64": 126, "aarch64": 91}
SECCOMP = {"x86_64": 317, "aarch64": 277}
FILTER_MODE, NEW_LISTENER = 1, 8
ADD_RULE, RESTRICT = 445, 446
RECEIVE, SEND, STILL_VALID = 0xC0502100, 0xC0182101, 0x40082102
AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH = -100, 0x100, 0x1000
LONGEST_PATH = 4096
PAUSE = 0.002
MOST_ROUNDS = 20000
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Run the plan read from the descriptor that the first word names; the others name control and status."""
    plan_fd, control, status = (int(word) for word in sys.argv[1:4])
    with open(plan_fd, "rb") as file:  # noqa: PTH123 - a descriptor
        plan = json.load(file)
    for descriptor in (control, status):
        os.set_inheritable(descriptor, False)
    LIBC.prctl(PRCTL["subreaper"], 1, 0, 0, 0)
    ours, theirs = socket.socketpair()
    command = os.fork()
    if command == 0:
        ours.close()
        _become(plan, theirs, status)
    theirs.close()
    listener = _received(ours)
    for name in plan["inherited"]:
        os.close(name)
    for stream in range(3):
        os.close(stream)
    code = _attend(command, listener, control, plan)
    _tell(status, {"code": code})
    if not _bury():
        os._exit(1)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    largest = used.ru_maxrss if used.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss else 0
    _tell(status, {"cpu": used.ru_utime + used.ru_stime, "largest": largest * 1024})
    os._exit(0)


def _tell(status: int, words: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(status, json.dumps(words).encode() + b"\n")


def _become(plan: dict[str, Any], link: socket.socket, status: int) -> NoReturn:
    """In the child: give up every right that the plan does not name, then be the command."""
    try:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        _limit(plan)
        _drop_capabilities(plan["machine"])
        LIBC.prctl(PRCTL["no_new_privileges"], 1, 0, 0, 0)
        _fence_files(plan)
        listener = _filter(plan["machine"], bytes.fromhex(plan["asking"]), NEW_LISTENER)
        socket.send_fds(link, [b"x"], [listener])
        os.close(listener)
        link.close()
        _filter(plan["machine"], bytes.fromhex(plan["filter"]), 0)
        os.chdir(plan["cwd"])
    except OSError as error:
        _tell(status, {"refused": f"{error.strerror or error} ({error.filename or 'the kernel'})"})
        os._exit(1)
    name = plan["command"][0]
    try:
        os.execvpe(name, plan["command"], plan["env"])  # noqa: S606 - this is what the box is for
    except OSError as error:
        os.write(2, f"{name}: {error.strerror}\n".encode())
        os._exit(127 if error.errno == errno.ENOENT else 126)


def _limit(plan: dict[str, Any]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, tuple(plan["core"]))
    if plan["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (plan["largest_file"], plan["largest_file"]))
    if plan["cores"] is not None:
        os.sched_setaffinity(0, plan["cores"])


def _drop_capabilities(machine: str) -> None:
    """What root could do beyond its files; an ordinary person has none of it."""
    for number in range(64):
        if LIBC.prctl(PRCTL["drop"], number, 0, 0, 0) != 0 and ctypes.get_errno() == errno.EINVAL:
            break
    LIBC.prctl(PRCTL["ambient"], 4, 0, 0, 0)
    header = struct.pack("<Ii", 0x20080522, 0)
    _checked(LIBC.syscall(CAPSET[machine], header, struct.pack("<6I", *(0,) * 6)))


def _fence_files(plan: dict[str, Any]) -> None:
    network, scoped = (0, 0) if plan["network"] else (3, 1)
    rights = struct.pack("<QQQ", plan["handled"], network, scoped | 2)
    ruleset = _checked(LIBC.syscall(444, rights, len(rights), 0))
    for path, allowed in plan["rules"]:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        _checked(LIBC.syscall(ADD_RULE, ruleset, 1, struct.pack("<Qi", allowed, place), 0), path)
        os.close(place)
    _checked(LIBC.syscall(RESTRICT, ruleset, 0))
    os.close(ruleset)


def _filter(machine: str, program: bytes, flags: int) -> int:
    """Install one seccomp filter; its listener with NEW_LISTENER."""
    content = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(content))
    return _checked(LIBC.syscall(SECCOMP[machine], FILTER_MODE, flags, described))


def _checked(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def _received(link: socket.socket) -> int | None:
    """The listener; None when the child gave up before it had one."""
    _, descriptors, _, _ = socket.recv_fds(link, 1, 1)
    link.close()
    return descriptors[0] if descriptors else None


def _attend(command: int, listener: int | None, control: int, plan: dict[str, Any]) -> int:
    """Answer questions until the command has ended or overnight says stop; the command's exit code, left unreaped."""
    poller = select.poll()
    watched = os.pidfd_open(command)
    for descriptor in (watched, control, *([] if listener is None else [listener])):
        poller.register(descriptor, select.POLLIN)
    while True:
        ready = dict(poller.poll())
        if control in ready:
            _kill_all()
            poller.unregister(control)
        if listener in ready and listener is not None:
            if ready[listener] & select.POLLIN:
                with contextlib.suppress(OSError):
                    _answer(listener, plan)
            else:
                poller.unregister(listener)
        if watched in ready:
            found = os.waitid(os.P_PID, command, os.WEXITED | os.WNOWAIT)
            if found is None:
                continue
            return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


def _kill_all() -> None:
    """SIGKILL for every descendant."""
    pending = _children(os.getpid())
    for pid in pending:
        pending += _children(pid)
    for pid in pending:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _bury() -> bool:
    """Kill in rounds and wait for all, until nobody is left; False when somebody does not die."""
    for _ in range(MOST_ROUNDS):
        _kill_all()
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        time.sleep(PAUSE)  # orphans have no descriptor to wait on
    return False


def _children(pid: int) -> list[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - strings are enough
    except OSError:
        return []
    return [int(word) for task in tasks for word in _read(f"/proc/{pid}/task/{task}/children").split()]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a file of /proc
            return file.read()
    except OSError:
        return b""


def _answer(listener: int, plan: dict[str, Any]) -> None:
    """One question: make the change ourselves, on a descriptor that cannot be swapped, or refuse it."""
    asked = array.array("B", bytes(80))
    fcntl.ioctl(listener, RECEIVE, asked)
    ticket, pid, _, number, _, _, *arguments = struct.unpack("<QIIiIQ6Q", asked.tobytes())
    try:
        change = _change(plan, number, pid, arguments)
        # The number may belong to a stranger by now: what was read counts only while the asker still waits.
        fcntl.ioctl(listener, STILL_VALID, struct.pack("<Q", ticket))
        result = _make(plan, *change)
    except OSError as error:
        result = error.errno or errno.EPERM
    with contextlib.suppress(FileNotFoundError):
        fcntl.ioctl(listener, SEND, struct.pack("<QqiI", ticket, 0, -result, 0))


def _change(plan: dict[str, Any], number: int, pid: int, arguments: list[int]) -> tuple[str, bool, int | bytes | None]:
    """What is asked: the path as we see it, whether a link at its end is meant itself, the mode or the two times."""
    name = next(call for call, value in plan["asked"].items() if value == number)
    if name == "chmod":
        return _place(pid, AT_FDCWD, _text(pid, arguments[0])), False, arguments[1]
    if name == "fchmod":
        return f"/proc/{pid}/fd/{arguments[0]}", False, arguments[1]
    folder = ctypes.c_int(arguments[0] & 0xFFFFFFFF).value
    path = _text(pid, arguments[1]) if arguments[1] else ""
    flags = 0 if name == "fchmodat" else arguments[3]
    wanted: int | bytes | None = arguments[2]
    if name == "utimensat":
        wanted = _memory(pid, arguments[2], 32) if arguments[2] else None
    return _place(pid, folder, path), bool(flags & AT_SYMLINK_NOFOLLOW), wanted


def _place(pid: int, folder: int, path: str) -> str:
    """`path` of the process `pid` as a path of ours."""
    own = f"/proc/{pid}/"
    if path.startswith("/"):
        return own + path.removeprefix("/proc/self/") if path.startswith("/proc/self/") else path
    start = f"{own}cwd" if folder == AT_FDCWD else f"{own}fd/{folder}"
    return f"{start}/{path}" if path else start


def _make(plan: dict[str, Any], path: str, itself: bool, wanted: int | bytes | None) -> int:  # noqa: FBT001 - unpacked
    """The change, if its file lies below a writable folder; 0 or the errno."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | (os.O_NOFOLLOW if itself else 0))
    try:
        real = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - text in, text out
        if not any(real == place or real.startswith(place + "/") for place in plan["writable"]):
            return errno.EACCES
        if isinstance(wanted, int):
            os.chmod(f"/proc/self/fd/{descriptor}", wanted & 0o777)  # noqa: PTH101 - a path of /proc
            return 0
        _checked(LIBC.utimensat(descriptor, b"", wanted, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
    finally:
        os.close(descriptor)
    return 0


def _text(pid: int, address: int) -> str:
    """The string at `address` of the process `pid`."""
    page = 4096
    read = _memory(pid, address, page - address % page)
    if b"\0" not in read:
        read += _memory(pid, address + len(read), page)
    text, end, _ = read.partition(b"\0")
    if not end or len(text) >= LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, "no such path")
    return os.fsdecode(text)


def _memory(pid: int, address: int, size: int) -> bytes:
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, address)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
