"""Any command as an agent: one fresh boxed process tree for each experiment.

Does not know which program it runs, and believes nothing that it says: exit codes and replies are words for the record.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from overnight.agents.reply import Reply, clean, read_reply
from overnight.agents.room import Room, open_room
from overnight.model.box import Box, Completed, Limits, Mount
from overnight.model.brief import AgentBudget, Brief
from overnight.model.contract import Tier
from overnight.model.experiment import Proposal
from overnight.model.toolchain import Toolchain
from overnight.ports import Sandbox

_NOT_FOUND = 127
_STOPPED = {
    "wall": "it took longer than {wall:g} s",
    "cpu": "it used too much processor time",
    "memory": "it used too much memory",
    "pids": "it started too many processes",
    "disk": "it wrote too much",
    "output": "it printed too much",
    "cancelled": "the run was stopped",
}


class CommandAgent:
    """Runs `/bin/sh -c line` in a box whose only writable places are the checkout and the reply's folder.

    The checkout has the same absolute path inside as outside; the command starts in the folder of program.md. It gets
    the brief on standard input, and HOME and TMPDIR are writable, empty and forgotten afterwards. In its environment,
    beside the toolchain's own and `env`:

        OVERNIGHT_BRIEF      path of the brief, a Markdown file
        OVERNIGHT_REPLY      path where it may leave a JSON object: summary, hypothesis, needs_followup, ideas,
                             cost_usd, tokens (all optional; see `overnight.agents.reply`)
        OVERNIGHT_STUDY      name of the study
        OVERNIGHT_NUMBER     number of the experiment
        OVERNIGHT_SEED       a whole number, fixed for this experiment, for whoever wants to be reproducible
        OVERNIGHT_WORKSPACE  path of the checkout's root (the command starts in it or below)

    What it prints goes to `<transcripts>/<label><number>.log`, at most `limits.output` bytes of each stream; without
    a reply its last printed line is shown as the summary. `limits.wall` is lowered to the proposal's budget.
    """

    def __init__(  # noqa: PLR0913 - everything a box needs is named by the caller: nothing is read from the world here
        self,
        line: str,
        *,
        sandbox: Sandbox,
        toolchain: Toolchain,
        scratch: Path,
        transcripts: Path,
        limits: Limits,
        network: bool = False,
        env: Mapping[str, str] | None = None,
        read: Sequence[Mount] = (),
        label: str = "",
    ) -> None:
        self.line = line
        self._sandbox = sandbox
        self._toolchain = toolchain
        self._scratch = scratch
        self._transcripts = transcripts
        self._limits = limits
        self._network = network
        self._env = dict(env or {})
        self._read = tuple(read)
        self._label = label

    def propose(self, brief: Brief, workdir: Path, budget: AgentBudget) -> Proposal:
        """Run the command once and hand back its words; every process of it is dead when this returns.

        Raises:
            MachineError: the box could not be set up, or there is no room for brief and transcript.
        """
        started = time.monotonic()
        limits = msgspec.structs.replace(self._limits, wall=min(self._limits.wall, budget.wall))
        with open_room(self._scratch, brief.number, brief.text) as room:
            completed = self._run(brief, workdir, room, limits)
            reply = read_reply(room.replies)
        transcript = self._keep_transcript(brief.number, completed)
        if completed.code == _NOT_FOUND and not room.changed_since(checkout_root(workdir, brief.folder)):
            return Proposal(
                unavailable=_not_found(self.line, completed), transcript=transcript, seconds=time.monotonic() - started
            )
        return _proposal(reply, completed, limits, transcript, time.monotonic() - started)

    def _run(self, brief: Brief, workdir: Path, room: Room, limits: Limits) -> Completed:
        root = str(checkout_root(workdir, brief.folder))
        own, places = self._private(room)
        env = {
            **dict(self._toolchain.env),
            **places,
            **self._env,
            "OVERNIGHT_BRIEF": room.brief,
            "OVERNIGHT_REPLY": room.reply,
            "OVERNIGHT_STUDY": brief.study,
            "OVERNIGHT_NUMBER": str(brief.number),
            "OVERNIGHT_SEED": str(brief.seed),
            "OVERNIGHT_WORKSPACE": root,
        }
        mounts = (
            *own,
            *self._toolchain.mounts,
            *self._read,
            Mount(target=root, source=root, kind="write"),
            Mount(target=room.brief, source=room.brief),
            Mount(target=room.answers, source=room.answers, kind="write"),
        )
        descriptor = os.open(room.brief, os.O_RDONLY | os.O_CLOEXEC)
        try:
            box = Box(
                command=("/bin/sh", "-c", self.line),
                cwd=str(workdir),
                mounts=mounts,
                env=tuple(sorted(env.items())),
                limits=limits,
                network=self._network,
                stdin=descriptor,
            )
            return self._sandbox.start(box).wait()
        finally:
            os.close(descriptor)

    def _private(self, room: Room) -> tuple[tuple[Mount, ...], dict[str, str]]:
        """The command's own home and temporary folder: mounts, and the variables that name them.

        A box that mounts has a /tmp of its own, and shows an empty home at the home's place. In one that cannot, both
        are folders of the room, from whose home links lead to what may be read of the real one. Without a box the
        command is the person: their home stays.
        """
        coverage, home = self._sandbox.covers(), self._toolchain.home
        if coverage.mounts:
            return ((Mount(target=home, kind="tmpfs", size=self._limits.disk or 0),) if home else ()), {}
        places = [room.folder("tmp")]
        variables = {"TMPDIR": str(places[0])}
        if home and coverage.tier is not Tier.none:
            own_home = room.folder("home")
            places.append(own_home)
            variables["HOME"] = str(own_home)
            for mount in self._read:
                if mount.target.startswith(f"{home}/"):
                    link = own_home / mount.target[len(home) + 1 :]
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(mount.source)
        return tuple(Mount(target=str(place), source=str(place), kind="write") for place in places), variables

    def _keep_transcript(self, number: int, completed: Completed) -> str:
        """Write what was printed and return the file's name within the folder of transcripts."""
        self._transcripts.mkdir(parents=True, exist_ok=True)
        name = f"{self._label}{number}.log"
        more = b"\n[more was printed and is not kept]\n" if completed.flooded else b""
        text = b"=== stdout ===\n" + completed.stdout + b"\n=== stderr ===\n" + completed.stderr + more
        (self._transcripts / name).write_bytes(text)
        return name


def checkout_root(workdir: Path, folder: str) -> Path:
    """The root of the checkout whose `folder` ("" = the root itself) is `workdir`."""
    depth = len(PurePosixPath(folder).parts)
    return workdir.parents[depth - 1] if depth else workdir


def _not_found(line: str, completed: Completed) -> str:
    said = _last_line(completed.stderr)
    reason = f" ({said})" if said else ""
    return (
        f"the agent's command was not found: `{clean(line, 200)}`{reason}. It starts in the workspace, a fresh "
        "checkout: write the program's absolute path, and name what else it needs under agent.read"
    )


def _proposal(reply: Reply, completed: Completed, limits: Limits, transcript: str, seconds: float) -> Proposal:
    notes = []
    if completed.stopped:
        notes.append(f"the agent was stopped: {_STOPPED[completed.stopped].format(wall=limits.wall)}")
    elif completed.code:
        said = _last_line(completed.stderr)
        notes.append(f"the agent's command ended with code {completed.code}" + (f": {said}" if said else ""))
    if reply.note:
        notes.append(reply.note)
    return Proposal(
        summary=reply.summary or _last_line(completed.stdout),
        hypothesis=reply.hypothesis,
        needs_followup=reply.needs_followup,
        ideas=reply.ideas,
        cost_usd=reply.cost_usd,
        tokens=reply.tokens,
        seconds=seconds,
        transcript=transcript,
        note="; ".join(notes),
    )


def _last_line(printed: bytes) -> str:
    lines = (clean(line, 200) for line in reversed(printed[-4096:].decode(errors="replace").splitlines()))
    return next((line for line in lines if line), "")
