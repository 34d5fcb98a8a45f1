"""Settles which boxes there are, before anybody collects."""

from typing import Any

import pytest

import rungs


def pytest_configure(config: pytest.Config) -> None:
    told = getattr(config, "workerinput", {}).get("rungs")
    if told is not None:
        rungs.settle(tuple(told["names"]), told["proofs"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["rungs"] = {"names": list(rungs.settled().names), "proofs": rungs.settled().proofs}
