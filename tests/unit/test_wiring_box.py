"""Which box a night gets: never less than the contract requires, except by name."""

import sys
from dataclasses import replace as with_
from pathlib import Path

import pytest
from msgspec.structs import replace

from overnight.errors import IsolationError, UsageError
from overnight.model.contract import Budget, Contract, Isolation, Objective, Tier
from overnight.model.value import digest
from overnight.sandbox import survey
from overnight.wiring.night import identity_of
from overnight.wiring.options import Options
from overnight.wiring.rooms import box_for, required_tier

CONTRACT = Contract(title="t", prose="", objective=Objective(metric="loss"), edit=("*.py",), run="./run")


def requiring(tier: Tier) -> Contract:
    return replace(CONTRACT, isolation=Isolation(require=tier))


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(environment={"XDG_CACHE_HOME": str(tmp_path / "cache")})


@pytest.fixture
def no_bubblewrap(tmp_path, monkeypatch):
    """A machine on which bubblewrap is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])


def test_by_default_the_best_box_is_taken(options):
    best = next(report for report in survey() if report.available and not report.by_name_only)
    assert box_for(CONTRACT, options)[0].covers().tier is best.tier


def test_a_requirement_that_the_machine_cannot_meet_is_refused_with_reason_and_fix(options, no_bubblewrap):
    with pytest.raises(IsolationError) as refused:
        box_for(requiring(Tier.contained), options)
    message = str(refused.value)
    assert "requires the tier contained" in message
    assert "bubblewrap (bwrap) is not installed" in message
    assert "apt install bubblewrap" in message
    assert "--isolation" in message


def test_less_than_required_is_taken_only_by_name(options):
    sandbox, reasons = box_for(requiring(Tier.contained), with_(options, isolation="none"))
    assert sandbox.covers().tier is Tier.none
    assert reasons == ("--isolation none was given",)


def test_a_box_that_is_named_and_does_not_work_is_not_replaced_by_another(options, no_bubblewrap):
    with pytest.raises(IsolationError, match="box contained does not work on this machine: bubblewrap"):
        box_for(CONTRACT, with_(options, isolation="contained"))


def test_a_box_that_does_not_exist_is_refused_with_those_that_do(options):
    with pytest.raises(UsageError, match=r"no box called .strong.; choose one of .*contained.*none"):
        box_for(CONTRACT, with_(options, isolation="strong"))


def test_strict_refuses_soft_limits(options):
    strict = replace(CONTRACT, budget=Budget(strict=True))
    with pytest.raises(IsolationError, match="needs hard limits, the tier contained has soft ones"):
        box_for(strict, with_(options, isolation="contained"))


def test_strict_refuses_to_run_without_a_box(options):
    strict = replace(CONTRACT, budget=Budget(strict=True))
    with pytest.raises(IsolationError, match="needs hard limits"):
        box_for(strict, with_(options, isolation="none"))


def test_what_is_required_by_default_follows_the_kind_of_machine():
    assert required_tier(CONTRACT, "linux") is Tier.confined
    assert required_tier(CONTRACT, "darwin") is Tier.fs_net
    written = replace(requiring(Tier.confined), written=("isolation",))
    assert required_tier(written, "darwin") is Tier.confined


def test_readings_of_different_tiers_belong_to_different_segments():
    one, other = (identity_of(CONTRACT, "tree", (), tier) for tier in (Tier.capped, Tier.contained))
    assert one != other
    assert one == identity_of(CONTRACT, "tree", (), Tier.capped)
    assert len(one) == len(digest(()))


def test_a_proof_is_remembered_and_costs_nothing_the_next_time(options, tmp_path):
    box_for(CONTRACT, options)
    proofs = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cache" / "overnight" / "proofs").iterdir()}
    box_for(CONTRACT, options)
    again = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "cache" / "overnight" / "proofs").iterdir()}
    assert proofs == again
    assert proofs
