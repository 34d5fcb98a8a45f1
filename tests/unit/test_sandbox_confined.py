import os
import platform
import struct
import sys
from pathlib import Path

import pytest

from overnight.errors import MachineError
from overnight.model.box import Box, Limits, Mount
from overnight.model.contract import Tier
from overnight.sandbox import landlock
from overnight.sandbox.calls import AUDIT, calls
from overnight.sandbox.confined import Confined
from overnight.sandbox.proof import prove

SYSTEM = tuple(
    Mount(target=place, source=place)
    for place in ("/usr", "/bin", "/lib", "/lib64", sys.base_prefix)
    if Path(place).exists()
)
ALLOW, ASK, ERROR = 0x7FFF0000, 0x7FC00000, 0x00050000


def run(folder, line, *mounts, **more):
    own = Mount(target=str(folder), source=str(folder), kind="write")
    env = (("PATH", "/usr/bin:/bin"), ("TMPDIR", str(folder)))
    box = Box(
        command=("/bin/sh", "-c", line),
        cwd=str(folder),
        mounts=(*SYSTEM, *mounts, own),
        env=env,
        limits=Limits(wall=30),
        **more,
    )
    return Confined().start(box).wait()


def verdict(program, machine, number, *arguments):
    """What the kernel would answer: a machine for the four instructions that our filters use."""
    data = struct.pack("<IIQ6Q", number, AUDIT[machine], 0, *(*arguments, *(0,) * (6 - len(arguments))))
    lines = list(struct.iter_unpack("<HBBI", program))
    at, loaded = 0, 0
    while True:
        code, if_true, if_false, value = lines[at]
        at += 1
        if code == 0x20:
            loaded = struct.unpack_from("<I", data, value)[0]
        elif code == 0x06:
            return value
        else:
            at += if_true if (loaded == value if code == 0x15 else loaded >= value) else if_false


def test_it_is_of_its_tier_and_withstands_the_attacks():
    assert Confined().covers().tier is Tier.confined
    prove(Confined())


def test_a_compiled_program_can_be_made_executable_where_the_box_may_write(tmp_path):
    completed = run(tmp_path, "printf '#!/bin/sh\\necho ran\\n' > made; chmod 700 made; ./made; touch -d @5 made")
    assert (completed.code, completed.stdout, completed.stderr) == (0, b"ran\n", b"")
    assert os.stat(tmp_path / "made").st_mtime == 5
    assert os.stat(tmp_path / "made").st_mode & 0o777 == 0o700


@pytest.mark.parametrize("line", ["chmod 777 {}", "touch -d @5 {}", "ln -s {} link; chmod 777 link; chmod 777 ./link"])
def test_modes_and_times_outside_stay_as_they_are(tmp_path, line):
    room, outside = tmp_path / "room", tmp_path / "outside"
    room.mkdir()
    outside.write_text("mine")
    before = os.stat(outside)
    completed = run(room, line.format(outside))
    assert completed.code != 0
    after = os.stat(outside)
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_the_mode_of_a_readable_file_cannot_be_changed_through_its_descriptor(tmp_path):
    room, shown = tmp_path / "room", tmp_path / "shown"
    room.mkdir()
    shown.write_text("data")
    shown.chmod(0o644)
    program = f"import os; f = open({str(shown)!r}); print(f.read()); os.fchmod(f.fileno(), 0o777)"
    completed = run(room, f'python3 -c "{program}"', Mount(target=str(shown), source=str(shown)))
    assert completed.stdout == b"data\n"
    assert b"PermissionError" in completed.stderr
    assert os.stat(shown).st_mode & 0o777 == 0o644


def test_a_copy_that_keeps_everything_works_inside(tmp_path):
    completed = run(tmp_path, "echo text > a; cp -p a b; cat b")
    assert (completed.code, completed.stdout, completed.stderr) == (0, b"text\n", b"")


def test_what_a_tmpfs_would_cover_cannot_be_read_but_its_surroundings_can(tmp_path):
    library, room = tmp_path / "library", tmp_path / "room"
    for name in ("library/deep/hidden/answer", "library/deep/other/text", "library/text"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    room.mkdir()
    completed = run(
        room,
        f"cd {library}; cat text deep/other/text; ls deep; cat deep/hidden/answer",
        Mount(target=str(library), source=str(library)),
        Mount(target=str(library / "deep/hidden"), kind="tmpfs"),
    )
    assert completed.stdout == b"library/textlibrary/deep/other/texthidden\nother\n"
    assert b"Permission denied" in completed.stderr


def test_a_link_of_the_box_leads_to_a_shown_source_only(tmp_path):
    room, shown, secret = tmp_path / "room", tmp_path / "shown", tmp_path / "secret"
    for folder in (room, shown, secret):
        folder.mkdir()
        (folder / "text").write_text(folder.name)
    (room / "data").symlink_to(shown)
    (room / "answers").symlink_to(secret)
    completed = run(room, "cat data/text; cat answers/text", Mount(target=str(shown), source=str(shown)))
    assert (completed.stdout, completed.code) == (b"shown", 1)


def test_a_unix_socket_of_the_machine_cannot_be_reached(tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "door"))
        listener.listen()
        program = "import socket; socket.socket(socket.AF_UNIX).connect('door')"
        completed = run(tmp_path, f'python3 -c "{program}"')
    assert b"PermissionError" in completed.stderr


def test_a_pair_of_sockets_of_ones_own_works(tmp_path):
    program = (
        "import asyncio, socket; a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1)); "
        "asyncio.run(asyncio.sleep(0))"
    )
    completed = run(tmp_path, f'python3 -c "{program}"')
    assert (completed.code, completed.stdout) == (0, b"b'x'\n")


def test_the_environment_of_processes_outside_cannot_be_read_nor_how_they_run_be_changed(tmp_path):
    attempts = ("open(f'/proc/{n}/environ').read()", "os.setpriority(0, n, 19)", "r.prlimit(n, r.RLIMIT_CPU, (9, 9))")
    body = "".join(f"    try: {attempt}; print('done')\n    except OSError: pass\n" for attempt in attempts)
    (tmp_path / "attack.py").write_text(f"import os, resource as r\nfor n in ({os.getpid()}, os.getppid()):\n{body}")
    completed = run(tmp_path, "exec python3 attack.py")
    assert (completed.code, completed.stdout) == (0, b"")


def test_a_mount_that_is_not_there_is_our_error(tmp_path):
    with pytest.raises(MachineError, match="nowhere"):
        run(tmp_path, "true", Mount(target="/x", source=str(tmp_path / "nowhere")))


def test_a_kernel_without_landlock_is_told_with_the_fix(monkeypatch):
    from overnight.sandbox.refused import NotHereError

    for spoken, reason in ((0, "no Landlock"), (3, "version 3")):
        monkeypatch.setattr(landlock, "version", lambda spoken=spoken: spoken)
        with pytest.raises(NotHereError, match=reason) as caught:
            Confined().identity()
        assert "Linux 6.12" in caught.value.fix


@pytest.mark.parametrize("machine", list(AUDIT))
def test_the_filter_refuses_sockets_asks_about_modes_and_lets_the_rest_be(machine):
    column = list(AUDIT).index(machine)
    closed, shared = calls(machine, network=False), calls(machine, network=True)
    socket, pair, prlimit, getpid = (41, 198)[column], (53, 199)[column], (302, 261)[column], (39, 172)[column]
    assert verdict(closed.program, machine, socket, 1) == ERROR | 13
    assert verdict(shared.program, machine, socket, 2) == ALLOW
    assert verdict(closed.program, machine, pair, 1) == ALLOW
    assert verdict(closed.program, machine, pair, 2) == ERROR | 13
    assert verdict(closed.program, machine, prlimit, 0) == ALLOW
    assert verdict(closed.program, machine, prlimit, 1) == ERROR | 1
    assert verdict(closed.program, machine, getpid) == ALLOW
    for number in closed.asked.values():
        assert verdict(closed.program, machine, number) == ASK


def test_the_filter_for_this_machine_is_the_default():
    assert calls(network=False) == calls(platform.machine(), network=False)


def test_rights_of_folders_are_not_asked_for_files(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    made = dict(landlock.rules([str(file), str(tmp_path)], [], []))
    assert made[str(file)] & landlock.READ_DIR == 0
    assert made[str(tmp_path)] & landlock.READ_DIR
