"""How a person ends a run: once = after this experiment, twice = now."""


class StopNow(KeyboardInterrupt):
    """The person asked twice: leave at once; what is durable is durable."""


class Stopping:
    """Counts the person's requests. Call `request` from a signal handler of the main thread."""

    def __init__(self) -> None:
        self.requests = 0

    def request(self) -> None:
        """Ask to end after the present experiment; the second call raises StopNow where the main thread stands."""
        self.requests += 1
        if self.requests > 1:
            raise StopNow

    @property
    def asked(self) -> bool:
        """Whether the run should end after the present experiment."""
        return self.requests > 0
