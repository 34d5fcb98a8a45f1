import sys

import pytest

from overnight.errors import IsolationError, UsageError
from overnight.model.contract import Tier
from overnight.sandbox import available, best, names, survey
from overnight.sandbox.ladder import RUNGS


def test_the_ladder_stands_strongest_first_and_ends_with_none():
    ranks = [rung.tier.rank for rung in RUNGS]
    assert ranks == sorted(ranks, reverse=True)
    assert names()[-1] == "none"
    assert [rung.name for rung in RUNGS] == [str(rung.tier) for rung in RUNGS]


def test_the_best_sandbox_is_at_least_contained_here():
    sandbox, _ = best()
    assert sandbox.covers().tier.rank >= Tier.contained.rank


def test_every_rung_is_reported_and_says_why_when_it_is_not_there():
    reports = survey()
    assert [report.name for report in reports] == list(names())
    for report in reports:
        assert report.available == (report.coverage is not None) == (report.reason == "")
        assert report.coverage is None or report.coverage.tier is report.tier


def test_without_bubblewrap_its_rungs_say_why_and_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    reports = {report.name: report for report in survey()}
    assert not reports["contained"].available
    assert "not installed" in reports["contained"].reason
    assert "apt install bubblewrap" in reports["contained"].fix
    with pytest.raises(IsolationError, match="apt install bubblewrap"):
        available("contained")
    sandbox, reasons = best()
    assert sandbox.covers().tier.rank < Tier.contained.rank
    assert any("not installed" in reason for reason in reasons)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"contained, .*none"):
        available("docker-in-docker")


def test_bubblewrap_is_the_stronger_of_its_two_boxes_that_works():
    assert available("bubblewrap").covers().tier is best()[0].covers().tier
