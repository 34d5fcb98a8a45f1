"""A place for control groups of version 2 that systemd gives: what it is asked, and what is said when it gives none.

`busctl` is a script here that writes down what it is asked. Nothing of this needs a systemd, nor control groups.
"""

import os
import stat

import pytest

from overnight.errors import MachineError
from overnight.sandbox.cgroup_v2 import HierarchyV2, _by_systemd
from overnight.sandbox.refused import NotHereError


@pytest.fixture
def busctl(tmp_path, monkeypatch):
    """Put a `busctl` with this body on PATH, alone; the words of its last call."""

    def install(body: str):
        program = tmp_path / "busctl"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\n{body}\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path / "asked"

    return install


REFUSES = "echo 'Call failed: Access denied' >&2; exit 1"


def test_systemd_is_asked_for_a_delegated_scope_that_holds_this_process(busctl):
    asked = busctl(REFUSES)
    with pytest.raises(MachineError, match="Access denied"):
        _by_systemd("/sys/fs/cgroup/nowhere")
    words = asked.read_text().splitlines()
    whose, call = (words[:1], words[1:]) if words[0] == "--user" else ([], words)
    assert whose == ([] if os.getuid() == 0 else ["--user"])
    to, method, kinds, name, mode = call[1:4], call[4], call[5], call[6], call[7]
    assert to == ["org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"]
    assert (method, kinds, mode) == ("StartTransientUnit", "ssa(sv)a(sa(sv))", "fail")
    assert name.startswith("overnight-")
    assert name.endswith(".scope")
    pid = str(os.getpid())
    properties = ["Description", "s", "overnight", "Delegate", "b", "true", "PIDs", "au", "1", pid]
    assert call[8:] == ["3", *properties, "0"]


def test_a_scope_that_is_promised_but_does_not_come_is_waited_for_only_so_long(busctl, monkeypatch):
    busctl("echo 'o \"/org/freedesktop/systemd1/job/7\"'")
    monkeypatch.setattr("overnight.sandbox.cgroup_v2.SYSTEMD_SECONDS", 0.05)
    monkeypatch.setattr("overnight.sandbox.cgroup_v2.folder_of", lambda _controller: "/own")
    with pytest.raises(MachineError, match="did not move this process"):
        _by_systemd("/own")


def test_a_systemd_that_does_not_answer_is_not_waited_for(busctl, monkeypatch):
    busctl("exec /bin/sleep 300")
    monkeypatch.setattr("overnight.sandbox.cgroup_v2.SYSTEMD_SECONDS", 0.2)
    with pytest.raises(MachineError, match=r"did not answer within"):
        _by_systemd("/own")


def test_without_busctl_that_is_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="busctl is not installed"):
        _by_systemd("/own")


def test_where_nothing_can_be_divided_every_reason_and_the_way_out_are_told(busctl, tmp_path, monkeypatch):
    """Our own group is a folder that cannot be written, and systemd refuses."""
    busctl(REFUSES)
    own = tmp_path / "group"
    own.mkdir()
    (own / "cgroup.type").write_text("domain\n")
    monkeypatch.setattr("overnight.sandbox.cgroup_v2.folder_of", lambda _controller: str(own))
    with pytest.raises(NotHereError) as refused:
        HierarchyV2()
    assert "Access denied" in refused.value.reason
    assert "systemd-run --user --scope -p Delegate=yes overnight" in refused.value.fix
