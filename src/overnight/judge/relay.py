"""Carries bytes from a port in the judge's network to the same port in the candidate's; a process of its own.

Started as `python -I -S relay.py CONTROL CANDIDATE JUDGE PORT SECONDS`, the first three being descriptors: a stream
socket to whoever started it, and two network namespaces. Joining a namespace of somebody else's makes a process of an
ordinary user lose its own, and a process with threads may not: so this is neither a thread nor a part of overnight.

Says one line on CONTROL: `open` (the candidate listens, and so do we, for the judge), `late` (it did not listen within
SECONDS), or `failed WHY`. Then serves until CONTROL ends, which is also what happens when overnight is killed. Only the
judge's connections make connections, so that a candidate cannot reach the judge.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import threading
import time
from pathlib import Path

NEW_USER, NEW_NET = 0x10000000, 0x40000000
OWNER_OF_NAMESPACE = 0xB701  # NS_GET_USERNS, ioctl_ns(2)
LISTENING = "0A"
LOOK = 0.003
PIECE = 65536
WAITING = 1024
RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing sends a reset, as a program that died would."""


def enter(namespace: int) -> None:
    """Join a network namespace: as root at once, else by way of the user namespace that it belongs to."""
    libc = ctypes.CDLL(None, use_errno=True)
    owner = fcntl.ioctl(namespace, OWNER_OF_NAMESPACE)
    libc.setns(owner, NEW_USER)  # refused to one who is in it already; what counts is the next call
    os.close(owner)
    if libc.setns(namespace, NEW_NET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"the network of a box cannot be entered: {os.strerror(error)}")


def listener_in(namespace: int, port: int) -> socket.socket:
    """A socket that listens at 127.0.0.1:`port` of another network, made there by a child process."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            enter(namespace)
            made = socket.create_server(("127.0.0.1", port), backlog=WAITING)
            socket.send_fds(theirs, [b"x"], [made.fileno()])
        os._exit(0)
    theirs.close()
    _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    os.waitpid(child, 0)
    ours.close()
    if not descriptors:
        raise OSError(0, "no port could be opened in the judge's network")
    return socket.socket(fileno=descriptors[0])


def listening(port: int) -> str:
    """Where somebody in our present network listens on `port`: "127.0.0.1", "::1" or "".

    The kernel's own table is read, so that the candidate sees no connection that asks nothing.
    """
    for table, address in (("tcp", "127.0.0.1"), ("tcp6", "::1")):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(f"/proc/self/net/{table}").read_text(encoding="ascii").splitlines():
                words = line.split()
                if words[3] == LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    return address
    return ""


def pump(source: socket.socket, target: socket.socket) -> bool:
    """Carry bytes one way until `source` ends; False when either side broke off."""
    try:
        while piece := source.recv(PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for side in (source, target):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
        return False
    return True


def serve(judge: socket.socket, address: tuple[str, int]) -> None:
    """One connection of the judge, from its beginning to its end."""
    whole = False
    try:
        candidate = socket.create_connection(address)
    except OSError:
        candidate = None
    if candidate is not None:
        for side in (judge, candidate):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back: list[bool] = []
        answers = threading.Thread(target=lambda: back.append(pump(candidate, judge)), daemon=True)
        answers.start()
        whole = pump(judge, candidate)
        answers.join()
        whole = whole and back == [True]
        candidate.close()
    if not whole:
        with contextlib.suppress(OSError):
            judge.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    judge.close()


def accept(listener: socket.socket, address: tuple[str, int]) -> None:
    """Serve the judge's connections, each in a thread of its own, for ever."""
    while True:
        try:
            judge, _ = listener.accept()
        except OSError:  # too many at once: the next ones wait until some have ended
            time.sleep(LOOK)  # nothing tells when a descriptor is free again
            continue
        try:
            threading.Thread(target=serve, args=(judge, address), daemon=True).start()
        except RuntimeError:
            judge.close()


def ended(control: socket.socket, seconds: float) -> bool:
    """Wait for `seconds`; whether whoever started us has let go."""
    return bool(select.select([control], [], [], seconds)[0])


def main(words: list[str]) -> None:
    """As the module says."""
    control = socket.socket(fileno=int(words[0]))
    candidate, judge, port = int(words[1]), int(words[2]), int(words[3])
    deadline = time.monotonic() + float(words[4])
    try:
        listener = listener_in(judge, port)
        enter(candidate)
    except OSError as error:
        control.sendall(f"failed {error.strerror}\n".encode())
        return
    while not (address := listening(port)):
        if time.monotonic() > deadline:
            control.sendall(b"late\n")
            return
        if ended(control, LOOK):
            return
    threading.Thread(target=accept, args=(listener, (address, port)), daemon=True).start()
    control.sendall(b"open\n")
    ended(control, float(1 << 20))


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # threads that wait for a side which no longer speaks are not waited for
