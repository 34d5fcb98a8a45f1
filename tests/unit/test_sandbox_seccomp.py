import importlib.util
import platform
from pathlib import Path

import pytest

from overnight.model.box import Box, Limits, Mount
from overnight.sandbox import Bubblewrap
from overnight.testing.sandbox import PYTHON, SYSTEM

ROOT = Path(__file__).parents[2]
FILTERS = ROOT / "src" / "overnight" / "sandbox" / "filters"


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("seccomp_generator", ROOT / "tools" / "seccomp.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_shipped_filters_are_what_the_generator_writes(generator):
    assert {path.name for path in FILTERS.iterdir()} == {"x86_64.bpf", "aarch64.bpf"}
    for machine in generator.MACHINES:
        assert (FILTERS / f"{machine.name}.bpf").read_bytes() == generator.program(machine)


def attack(program: str) -> bytes:
    mounts = tuple(Mount(target=path, source=path) for path in SYSTEM if Path(path).exists())
    command = (PYTHON, "-I", "-B", "-c", program)
    completed = Bubblewrap().start(Box(command=command, cwd="/", mounts=mounts, limits=Limits(wall=20))).wait()
    assert completed.code == 0, completed
    return completed.stdout


CALL = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    answer = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(a) for a in arguments))
    return answer if answer >= 0 else errno.errorcode[ctypes.get_errno()]
"""


def test_every_denied_call_is_denied_in_a_box(generator):
    column = [machine.name for machine in generator.MACHINES].index(platform.machine())
    numbers = {name: pair[column] for name, pair in generator.DENIED.items() if pair[column] is not None}
    program = CALL + f"for name, number in {numbers!r}.items():\n    print(name, call(number, 0, 0, 0, 0, 0))"
    answers = dict(line.split() for line in attack(program).decode().splitlines())
    assert answers == dict.fromkeys(numbers, "EPERM")


def test_clone_makes_processes_but_no_namespaces(generator):
    column = [machine.name for machine in generator.MACHINES].index(platform.machine())
    program = (
        CALL
        + f"""
import os, signal
for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
    print(call({generator.CLONE[column]}, flag | signal.SIGCHLD, 0, 0, 0, 0))
print(call({generator.CLONE3[column]}, 0, 0))
child = os.fork()
if child == 0: os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    )
    assert attack(program).split() == [b"EPERM"] * 7 + [b"ENOSYS", b"7"]


def test_threads_and_subprocesses_work_under_the_filter():
    program = """
import subprocess, threading
thread = threading.Thread(target=print, args=("thread",))
thread.start(); thread.join()
print(subprocess.run(["/bin/sh", "-c", "echo shell"], capture_output=True, text=True).stdout)
"""
    assert attack(program).split() == [b"thread", b"shell"]


def test_typing_into_a_terminal_is_denied_whatever_the_high_half_of_the_request():
    program = (
        CALL
        + """
import fcntl, os
leader, follower = os.openpty()
for request in (0x5412, 0x541C, 0x5412 | 1 << 32):
    ctypes.set_errno(0)
    answer = libc.ioctl(follower, ctypes.c_ulong(request), b"x")
    print(answer, errno.errorcode.get(ctypes.get_errno()))
fcntl.ioctl(follower, 0x5413, bytes(8))
print("window size works")
"""
    )
    lines = attack(program).decode().splitlines()
    assert lines == ["-1 EPERM"] * 3 + ["window size works"]


def test_an_odd_personality_is_denied_and_the_usual_one_can_be_asked(generator):
    column = [machine.name for machine in generator.MACHINES].index(platform.machine())
    program = (
        CALL
        + f"print(call({generator.PERSONALITY[column]}, 0x0040000), call({generator.PERSONALITY[column]}, 0xFFFFFFFF))"
    )
    assert attack(program).split() == [b"EPERM", b"0"]
