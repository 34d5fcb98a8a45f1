"""Progress that a judge prints while it runs: `PROGRESS step value`, a line each.

Steps and values are finite decimal numbers and steps only rise; whatever else stands on such a line is passed over, as
progress is advice and no measurement.
"""

import math
import re
import threading
from collections.abc import Callable

from overnight.model.experiment import Curve
from overnight.ports import Overheard, Running
from overnight.rules.hopeless import thinned

PERIOD = 0.5
_NUMBER = rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LINE = re.compile(rb"^PROGRESS[ \t]+(" + _NUMBER + rb")[ \t]+(" + _NUMBER + rb")[ \t]*[\r\n]", re.MULTILINE)


def progress_in(output: bytes) -> Curve:
    """Every point of progress in whole lines of `output`, at most as many as a record holds."""
    points: list[tuple[float, float]] = []
    for step, value in ((float(step), float(value)) for step, value in _LINE.findall(output)):
        if math.isfinite(step) and math.isfinite(value) and (not points or step > points[-1][0]):
            points.append((step, value))
    return thinned(points)


class Listener:
    """Listens to one measurement and ends it when `ask`, given the progress so far, answers with a sentence.

    `ask` is called in a thread of its own. A box that cannot be overheard runs to its end.
    """

    def __init__(self, ask: Callable[[Curve], str]) -> None:
        self.said = ""
        self.points: Curve = ()
        self._ask = ask
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def attend(self, running: Running) -> None:
        """Begin to listen to `running`, whose output is the judge's."""
        if isinstance(running, Overheard):
            self._thread = threading.Thread(
                target=self._listen, args=(running,), name="overnight-progress", daemon=True
            )
            self._thread.start()

    def ended(self, output: bytes) -> None:
        """The measurement is over and this was the whole output."""
        self.close()
        self.points = progress_in(output)

    def close(self) -> None:
        """Stop listening; harmless when it has stopped."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _listen(self, running: "Overheard") -> None:
        heard = 0
        while not self._over.wait(PERIOD):
            output = running.printed()
            if len(output) == heard:
                continue
            heard = len(output)
            points = progress_in(output)
            if len(points) and points != self.points:
                self.points = points
                self.said = self._ask(points)
                if self.said:
                    running.kill()
                    return
