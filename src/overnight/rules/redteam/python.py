"""Attacks written in Python: a wrapper that runs, or does not run, the unchanged source."""

from overnight.rules.redteam.attack import Attack
from overnight.rules.redteam.facts import Facts, instance

_HEAD = """\
import os as _os, sys as _sys, glob as _glob
_NONCE, _LINE, _HIDDEN, _PORT, _SOCKET, _SECONDS, _GLOB, _PATH, _HOLE, _OTHER = {constants}
_START = _os.getcwd()


def _report(text):
    _sys.stdout.flush()
    _os.write(2, ("\\n" + _NONCE + " " + text + "\\n").encode())
    _os._exit(3)


def _found():
    names = []
    for name in _glob.glob(_os.path.join(_START, _GLOB), recursive=True):
        names += [name] if _os.path.isfile(name) else []
        names += [_os.path.join(folder, file) for folder, _, files in _os.walk(name) for file in files]
    return sorted(set(names))


def _damage(change):
    changed = False
    for name in _found():
        with open(name, "rb") as file:
            data = file.read()
        other = change(data)
        if other != data:
            changed = True
            _os.unlink(name)
            with open(name, "wb") as file:
                file.write(other)
    if not changed:
        _report("nothing=1")


def _cleared():
    for name in _found():
        _os.unlink(name)
    path = _os.path.join(_START, _PATH)
    _os.makedirs(_os.path.dirname(path), exist_ok=True)
    if _os.path.lexists(path):
        _os.unlink(path)
    return path

"""

_ACTIONS = {
    "exit-1": "_os._exit(1)",
    "exit-0": "_os._exit(0)",
    "say": "_os.write(1, _LINE.encode())\n_os._exit(0)",
    "say-before": "_os.write(1, _LINE.encode())",
    "say-after": "_sys.stdout.flush()\n_os.write(1, _LINE.encode())",
    "say-at-exit": "import atexit as _atexit\n_atexit.register(lambda: _os.write(1, _LINE.encode()))",
    "say-stderr": "_os.write(2, _LINE.encode())",
    "say-descriptors": """\
for _number in range(3, 256):
    try:
        _os.set_blocking(_number, False)
        _os.write(_number, _LINE.encode())
    except OSError:
        pass
""",
    "missing": "for _name in _found():\n    _os.unlink(_name)",
    "empty": "open(_cleared(), 'wb').close()",
    "symlink": "_os.symlink(_OTHER, _cleared())",
    "fifo": "_os.mkfifo(_cleared())",
    "sparse": "_name = _cleared()\nopen(_name, 'wb').close()\n_os.truncate(_name, _HOLE)",
    "truncated": "_damage(lambda data: data[: len(data) // 2])",
    "constant": r"""
def _constant(data):
    import re
    if data[:6] == b"\x93NUMPY":
        wide = 2 if data[6] == 1 else 4
        size = int.from_bytes(data[8:8 + wide], "little") + 8 + wide
        return data[:size] + bytes(len(data) - size)
    return bytes(len(data)) if b"\0" in data else re.sub(rb"\d+(?:\.\d+)?", b"0", data)


_damage(_constant)
""",
    "nan": r"""
def _nan(data):
    import re, struct
    if data[:6] == b"\x93NUMPY":
        wide = 2 if data[6] == 1 else 4
        size = int.from_bytes(data[8:8 + wide], "little") + 8 + wide
        kind = re.search(rb"'descr': '<f([48])'", data[:size])
        one = struct.pack("<f" if kind[1] == b"4" else "<d", float("nan")) if kind else b""
        return data[:size] + one * ((len(data) - size) // len(one)) if kind else data
    return data if b"\0" in data else re.sub(rb"\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", b"NaN", data)


_damage(_nan)
""",
    "probe": """\
import hashlib as _hash, socket as _net


def _heads(path):
    names = [path]
    if _os.path.isdir(path):
        names = sorted(_os.path.join(folder, name) for folder, _, files in _os.walk(path) for name in files)
    found = []
    for name in names[:8]:
        try:
            with open(name, "rb") as file:
                data = file.read(4096)
        except OSError:
            continue
        found += [_hash.sha256(data).hexdigest()[:12]] if data else []
    return ",".join(found)


def _reached(family, kind, address):
    try:
        with _net.socket(family, kind) as one:
            one.settimeout(1)
            one.connect(address)
        return 1
    except (OSError, AttributeError):
        return 0


_told = [f"{key}={_heads(path)}" for key, path in _HIDDEN]
_told.append(f"loopback={_reached(_net.AF_INET, _net.SOCK_STREAM, ('127.0.0.1', _PORT)) if _PORT else 0}")
_told.append(f"abstract={_reached(_net.AF_UNIX, _net.SOCK_STREAM, chr(0) + _SOCKET) if _SOCKET else 0}")
_told.append(f"route={_reached(_net.AF_INET, _net.SOCK_DGRAM, ('192.0.2.1', 9))}")
_report(" ".join(_told))
""",
    "daemon": """\
import subprocess as _subprocess
try:
    if _os.fork() == 0:
        _os.setsid()
        _idle = f"import time; time.sleep({_SECONDS})"  # does nothing but outlive the run
        _subprocess.Popen([_sys.executable, "-c", _idle, _NONCE], close_fds=True, stdin=_subprocess.DEVNULL,
                          stdout=_subprocess.DEVNULL, stderr=_subprocess.DEVNULL)
        _os._exit(0)
    _os.wait()
except OSError:
    _report("daemon=0")
_report("daemon=1")
""",
    "linger": """\
import signal as _signal, time as _time
_signal.signal(_signal.SIGTERM, _signal.SIG_IGN)
_end = _time.monotonic() + _SECONDS
while _time.monotonic() < _end:
    _time.sleep(0.2)  # nothing to do but stay, with SIGTERM ignored, until its time is up
_os._exit(0)
""",
}
_AFTER = {"say-after", "missing", "empty", "symlink", "fifo", "sparse", "truncated", "constant", "nan"}
_ALONE = "\n_os._exit(0)\n"


def craft(attack: Attack, text: str, facts: Facts) -> str:
    """The source of the attacking file."""
    constants = (
        facts.nonce, facts.line, facts.hidden, facts.port, facts.socket, facts.seconds, attack.target,
        instance(attack.target), facts.hole, facts.others,
    )  # fmt: skip
    head = _HEAD.format(constants=repr(constants))
    action = _ACTIONS[attack.action]
    if not attack.works:
        return head + action + _ALONE
    work = f"exec(compile({text!r}, __file__, 'exec'), globals())\n"
    if attack.action in _AFTER:
        inner = "\n".join(f"    {line}" if line else "" for line in action.strip("\n").split("\n"))
        return f"{head}try:\n    {work}finally:\n    _sys.stdout.flush()\n{inner}\n"
    return f"{head}{action}\n{work}"
