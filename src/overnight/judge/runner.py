"""One measurement: the candidate in its box, the judge in another, numbers or a failure out.

Does not know what the numbers mean: bounds, metric guards and verdicts are rules. `loc` and `diff_lines` are counted
by whoever knows the parent.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from overnight.errors import MachineError
from overnight.judge.artifacts import RefusedError, freeze, settle
from overnight.judge.boxes import Boxes
from overnight.judge.drive import Conversation, broken_off, converse
from overnight.judge.metrics import parse
from overnight.judge.outcome import FailedError, failed, guard_failure
from overnight.judge.port import converse_over_port
from overnight.judge.progress import Listener
from overnight.judge.scratch import private_folder
from overnight.judge.seal import Seal
from overnight.judge.tripwires import Tripwires, Watch
from overnight.model.box import Box, Completed
from overnight.model.contract import BUILT_IN_METRICS, Contract, Drive, Tier
from overnight.model.experiment import Curve, Failure, Measurement, Trust
from overnight.model.toolchain import Toolchain
from overnight.ports import Running, Sandbox, Workspace
from overnight.rules.seeds import derive


class _Reading(NamedTuple):
    """What one measurement is about, and its folder."""

    scratch: Path
    tree: str
    seed: int
    split: str
    watch: Watch
    listener: Listener | None = None


class CommandJudge:
    """Implements `overnight.ports.Judge` with the commands of a contract.

    `root` is the repository's own absolute path, where the measured tree appears in every box. `base_tree` is the
    sealed tree that the judge itself runs in. `scratch` holds what a measurement needs while it lasts.
    `environment` is the person's, read only for the names in `isolation.pass_env`. `interpreter` is shown to every
    command as OVERNIGHT_PYTHON.
    """

    def __init__(  # noqa: PLR0913 -- keyword only; each is one collaborator or one fact
        self,
        contract: Contract,
        *,
        root: Path,
        base_tree: str,
        workspace: Workspace,
        sandbox: Sandbox,
        toolchain: Toolchain,
        seal: Seal,
        scratch: Path,
        environment: Mapping[str, str],
        interpreter: str,
        host: str,
    ) -> None:
        self._contract = contract
        self._base_tree = base_tree
        self._workspace = workspace
        self._sandbox = sandbox
        self._seal = seal
        self._scratch = scratch
        self._host = host
        self._coverage = sandbox.covers()
        self._boxes = Boxes(
            contract,
            root=root,
            toolchain=toolchain,
            seal=seal,
            environment=environment,
            interpreter=interpreter,
            mounted=self._coverage.mounts,
        )
        self._tripwires = Tripwires(contract, root, toolchain.home)
        self._ignored = self._boxes.places() | self._tripwires.places()
        self._running: set[Running] = set()
        self._cancelled = threading.Event()

    def measure(
        self, tree: str, seed: int, split: str = "", *, ask: Callable[[Curve], str] | None = None
    ) -> Measurement:
        """One run on candidate `tree`: values by name, or the first failure.

        `split` "" is the search metric; "certify" and "gate" put the holdout's command, where there is one, in
        the place of the judging command. Commands see OVERNIGHT_SEED and OVERNIGHT_SPLIT ("search" for ""); a
        driven candidate sees neither the split nor the judge's seed, but a seed derived from it. `ask` hears the
        progress that `run` or `drive.judge` prints, and may end the run, as the port says.

        Raises:
            MachineError: our own machine failed; nothing may be concluded about the candidate.
        """
        started = time.monotonic()
        values: dict[str, float] = {}
        failure: Failure | None = None
        tampering: tuple[str, ...] = ()
        listener = Listener(ask) if ask is not None else None
        try:
            self._verify(split)
            with private_folder(self._scratch) as scratch, self._tripwires.watch() as watch:
                try:
                    values = self._values(_Reading(scratch, tree, seed, split, watch, listener))
                finally:
                    tampering = watch.seen()
            self._verify(split)
        except FailedError as error:
            failure = self._ended_early(error.failure, listener)
        except RefusedError as error:
            failure = Failure(code="artifact", detail=str(error))
        except OSError as error:
            raise MachineError(
                f"A measurement could not be prepared or tidied up in {self._scratch}: {error}. "
                "Check the space and the permissions there; nothing measured before is lost."
            ) from error
        return Measurement(
            values=() if failure else tuple(values.items()),
            failure=failure,
            seconds=time.monotonic() - started,
            seed=seed,
            tier=self._coverage.tier,
            limits=self._coverage.limits,
            trust=self._trust(),
            guard_trust="self-reported" if any(guard.run for guard in self._contract.guards) else "",
            split=split,
            host=self._host,
            tampering=tampering,
            progress=listener.points if listener else (),
        )

    def _ended_early(self, failure: Failure, listener: Listener | None) -> Failure:
        """The failure of a run that its own progress has ended; any other as it is."""
        if listener is None or not listener.said or failure.code != "cancelled" or self._cancelled.is_set():
            return failure
        return Failure(code="hopeless", detail=listener.said)

    def cancel(self) -> None:
        """End the running measurement, from any thread; it and all later ones fail as `cancelled`."""
        self._cancelled.set()
        for running in tuple(self._running):
            running.kill()

    def _values(self, reading: _Reading) -> dict[str, float]:
        contract = self._contract
        run, score, drive = _commands(contract, reading.split)
        tree = self._checkout(reading, reading.tree, "candidate")
        reading.watch.plant(tree, reading.scratch)
        used: list[Completed] = []
        if run:
            words = self._words(reading, driven=drive is not None)
            box = self._watched(reading, self._boxes.candidate(tree, run, words))
            used.append(self._execute(box, None if drive is not None else reading.listener))
            reading.watch.printed(used[-1])
            _raise(failed(used[-1], "`run`"))
        if drive is not None:
            output = self._drive(reading, drive, tree, used)
        elif score:
            output = self._score(reading, score, tree)
        else:
            output = used[-1].stdout
        numbers = parse(output, contract.metric_names(), private=bool(drive or score))
        if isinstance(numbers, Failure):
            raise FailedError(numbers)
        self._guard(reading)
        return {
            **numbers,
            "wall_seconds": sum(completed.wall_seconds for completed in used),
            "cpu_seconds": sum(completed.cpu_seconds for completed in used),
            "peak_memory_mb": max(completed.peak_memory for completed in used) / 2**20,
        }

    def _score(self, reading: _Reading, command: str, candidate: Path) -> bytes:
        """The output of a second process in the judge's own tree, after every process of the candidate is dead."""
        tree = self._checkout(reading, self._base_tree, "judge")
        contract = self._contract
        taken = freeze(
            candidate,
            tree,
            contract.artifacts,
            largest=contract.budget.disk,
            folder=contract.folder,
            ignore=self._ignored,
        )
        if isinstance(taken, Failure):
            raise FailedError(taken)
        reading.watch.handed_over(tree / contract.folder, taken)
        completed = self._execute(self._boxes.judge(tree, command, self._words(reading)))
        _raise(failed(completed, "`score`", private=True))
        return completed.stdout

    def _drive(self, reading: _Reading, drive: Drive, candidate: Path, used: list[Completed]) -> bytes:
        """The output of the judge that talked to the candidate served from its frozen tree."""
        settle(candidate)
        tree = self._checkout(reading, self._base_tree, "judge")
        words = self._words(reading, driven=True)
        serve = self._watched(reading, self._boxes.candidate(candidate, drive.serve, words, writable=False))
        judge = self._boxes.judge(tree, drive.judge, self._words(reading))
        started: list[Running] = []

        def start(box: Box) -> Running:
            # Of the two sides only the judge's own is told the split.
            heard = any(name == "OVERNIGHT_SPLIT" for name, _ in box.env)
            return self._start(box, started, reading.listener if heard else None)

        try:
            talk = _talk(drive, start, serve, judge)
        finally:
            self._running.difference_update(started)
            if reading.listener is not None:
                reading.listener.close()
        if reading.listener is not None:
            reading.listener.ended(talk.judge.stdout)
        used += [*talk.earlier, talk.candidate]
        for completed in (*talk.earlier, talk.candidate):
            reading.watch.printed(completed)
        _raise(broken_off(talk))
        return talk.judge.stdout

    def _guard(self, reading: _Reading) -> None:
        for index, guard in enumerate(self._contract.guards):
            if guard.run:
                tree = self._checkout(reading, reading.tree, f"guard-{index}")
                box = self._boxes.candidate(tree, guard.run, {"OVERNIGHT_SEED": str(reading.seed)})
                _raise(guard_failure(guard, self._execute(box)))

    def _watched(self, reading: _Reading, box: Box) -> Box:
        return reading.watch.over(box, mounted=self._coverage.mounts, descriptors=self._coverage.descriptors)

    def _execute(self, box: Box, listener: Listener | None = None) -> Completed:
        started: list[Running] = []
        running = self._start(box, started, listener)
        try:
            completed = running.wait()
            if listener is not None:
                listener.ended(completed.stdout)
            return completed  # noqa: TRY300 - an `else` would hide what is returned below two exits
        except BaseException:  # an interrupt too must not leave a process that writes to the scratch
            running.kill()
            running.wait()
            raise
        finally:
            self._running.difference_update(started)
            if listener is not None:
                listener.close()

    def _start(self, box: Box, started: list[Running], listener: Listener | None = None) -> Running:
        running = self._sandbox.start(box)
        started.append(running)
        self._running.add(running)
        if listener is not None:
            listener.attend(running)
        if self._cancelled.is_set():
            running.kill()
        return running

    def _checkout(self, reading: _Reading, tree: str, name: str) -> Path:
        folder = reading.scratch / name
        self._workspace.checkout(tree, folder)
        return folder

    def _words(self, reading: _Reading, *, driven: bool = False) -> dict[str, str]:
        if driven:  # the judge draws its questions from its own seed
            return {"OVERNIGHT_SEED": str(derive(reading.seed, "candidate"))}
        return {"OVERNIGHT_SEED": str(reading.seed), "OVERNIGHT_SPLIT": reading.split or "search"}

    def _verify(self, split: str) -> None:
        """A reading of the holdout is rare, and what is reported rests on it: then every file is read."""
        _raise(self._seal.verify(everything=bool(split)))

    def _trust(self) -> Trust:
        tier = self._coverage.tier
        if tier is Tier.none:
            return Trust.self_reported
        if self._contract.objective.metric in BUILT_IN_METRICS:
            return Trust.measured
        judged_apart = self._contract.score or self._contract.drive is not None
        return Trust.scored if judged_apart and tier.rank >= Tier.confined.rank else Trust.self_reported


def _talk(drive: Drive, start: Callable[[Box], Running], serve: Box, judge: Box) -> Conversation:
    if drive.over == "port":
        return converse_over_port(start, serve, judge)
    return converse(start, serve, judge, drive.copies)


def _commands(contract: Contract, split: str) -> tuple[str, str, Drive | None]:
    """(run, score, drive) with the holdout's command in the place of the one that judges."""
    run, score, drive = contract.run, contract.score, contract.drive
    holdout = contract.holdout
    kind, _, _part = split.partition("-")
    instead = {"certify": holdout.certify, "gate": holdout.gate}.get(kind, "") if holdout else ""
    if not instead:
        return run, score, drive
    if drive is not None:
        return run, score, replace(drive, judge=instead)
    return (run, instead, None) if score else (instead, "", None)


def _raise(failure: Failure | None) -> None:
    if failure is not None:
        raise FailedError(failure)
