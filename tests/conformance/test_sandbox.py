from overnight.testing.isolation import IsolationContract
from overnight.testing.sandbox import SandboxContract


class TestBubblewrap(IsolationContract):
    factory = "overnight.sandbox:Bubblewrap"


class TestUnboxed(SandboxContract):
    factory = "overnight.sandbox:Unboxed"
