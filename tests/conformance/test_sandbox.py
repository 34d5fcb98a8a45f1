"""The public conformance suites against every rung of the ladder that this machine offers."""

from overnight.testing.isolation import IsolationContract
from overnight.testing.sandbox import SandboxContract


class TestCapped(IsolationContract):
    factory = "overnight.sandbox:Capped"


class TestContained(IsolationContract):
    factory = "overnight.sandbox:Bubblewrap"


class TestUnboxed(SandboxContract):
    factory = "overnight.sandbox:Unboxed"
