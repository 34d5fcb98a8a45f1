"""A box is offered only when it holds: boxes that claim more than they do are found out, each by its own attack."""

import pytest
from msgspec.structs import replace

from overnight.errors import IsolationError
from overnight.model.box import Box, Coverage
from overnight.model.contract import Tier
from overnight.sandbox import Bubblewrap, Unboxed, available
from overnight.sandbox.ladder import RUNGS
from overnight.sandbox.proof import prove
from overnight.sandbox.proofs import Proofs


class Pretender:
    """A sandbox that does what `real` does with changed boxes, and claims what it likes."""

    def __init__(self, real, *, claims=None, **changed_limits):
        self._real = real
        self._claims = claims or {}
        self._changed = changed_limits
        self.started = []

    def covers(self) -> Coverage:
        return replace(self._real.covers(), **self._claims)

    def start(self, box: Box):
        self.started.append(box)
        return self._real.start(self.changed(box))

    def changed(self, box: Box) -> Box:
        return replace(box, limits=replace(box.limits, **self._changed))


class Networked(Pretender):
    def changed(self, box: Box) -> Box:
        return replace(box, network=True)


class Idle(Pretender):
    def changed(self, box: Box) -> Box:
        return replace(box, command=("/bin/sh", "-c", "echo nothing here >&2; exit 7"))


def test_every_box_that_is_offered_holds():
    for rung in RUNGS:
        try:
            sandbox = available(rung.name)
        except IsolationError:
            continue
        if rung.tier is not Tier.none:
            prove(sandbox)


def test_a_box_that_shows_a_file_outside_is_found_out():
    with pytest.raises(IsolationError, match="does not hold on this machine: a command in it read a file outside"):
        prove(Pretender(Unboxed(), claims={"tier": Tier.contained}))


def test_a_box_with_the_machines_network_is_found_out():
    with pytest.raises(IsolationError, match="a command in it reached a socket of this machine"):
        prove(Networked(Bubblewrap()))


def test_a_box_without_a_limit_on_memory_is_found_out():
    with pytest.raises(IsolationError, match="twice the memory allowed was not stopped"):
        prove(Pretender(Bubblewrap(), memory=None))


def test_a_box_without_a_limit_on_processes_is_found_out():
    with pytest.raises(IsolationError, match="more processes than allowed were not stopped"):
        prove(Pretender(Bubblewrap(), pids=None))


def test_soft_limits_are_not_taken_for_hard_ones():
    with pytest.raises(IsolationError, match="more memory than allowed was held"):
        prove(Pretender(Bubblewrap(), claims={"limits": "hard"}))


def test_a_box_in_which_nothing_runs_proves_nothing():
    with pytest.raises(IsolationError, match="a trial command in a bubblewrap box ended with code 7: nothing here"):
        prove(Idle(Bubblewrap()))


def test_a_box_that_claims_no_limits_is_not_attacked_on_them():
    pretender = Pretender(Bubblewrap(), claims={"limits": "none"})
    prove(pretender)
    assert {box.cwd.rpartition("/")[2] for box in pretender.started} == {"peek", "outlive"}


def test_a_proof_is_remembered_for_the_very_same_box(tmp_path):
    proofs = Proofs(tmp_path / "proofs")
    assert not proofs.holds("contained", ("bwrap", "digest"))
    proofs.keep("contained", ("bwrap", "digest"))
    assert proofs.holds("contained", ("bwrap", "digest"))
    assert not proofs.holds("contained", ("bwrap", "another digest"))
    assert not proofs.holds("capped", ("bwrap", "digest"))


def test_a_damaged_memory_of_proofs_proves_nothing(tmp_path):
    proofs = Proofs(tmp_path)
    proofs.keep("contained", ("bwrap",))
    (tmp_path / "contained.json").write_text("{broken")
    assert not proofs.holds("contained", ("bwrap",))


def test_where_nothing_can_be_remembered_each_start_proves_anew(tmp_path):
    (tmp_path / "file").touch()
    proofs = Proofs(tmp_path / "file" / "below")
    proofs.keep("contained", ("bwrap",))
    assert not proofs.holds("contained", ("bwrap",))
