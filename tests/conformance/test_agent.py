"""Our three agents prove themselves with the public suite."""

from overnight.agents import CommandAgent, Scripted, Step, Tuner
from overnight.model.box import Limits, Mount
from overnight.model.toolchain import Toolchain
from overnight.sandbox.bubblewrap import Bubblewrap
from overnight.sandbox.none import Unboxed
from overnight.testing.agents import AgentContract

SYSTEM = Toolchain(
    mounts=tuple(Mount(target=path, source=path) for path in ("/usr", "/bin", "/lib", "/lib64", "/etc")),
    env=(("PATH", "/usr/bin:/bin"),),
)


def command(line, folder, sandbox):
    return CommandAgent(
        line,
        sandbox=sandbox,
        toolchain=SYSTEM,
        scratch=folder / "scratch",
        transcripts=folder / "transcripts",
        limits=Limits(wall=60.0),
    )


class TestTuner(AgentContract):
    deterministic = True

    def agent(self, folder):
        return Tuner()


class TestScripted(AgentContract):
    deterministic = True

    def agent(self, folder):
        return Scripted(
            [
                Step(
                    summary="deeper",
                    replace=(("train.py", "DEPTH = 8", "DEPTH = 9"),),
                    files=(("linked/precious.py", "PRECIOUS = 9\n"),),
                )
            ]
        )


class TestCommandInABox(AgentContract):
    deterministic = True

    def agent(self, folder):
        line = "echo 'DEPTH = 9' > train.py; echo 9 > linked.py; (setsid sleep 300 &) ; echo deeper"
        return command(line, folder, Bubblewrap())


class TestCommandThatHangs(AgentContract):
    wall = 1.0

    def agent(self, folder):
        return command("trap '' TERM; (setsid sleep 300 &); sleep 300", folder, Bubblewrap())


class TestCommandWithoutABox(AgentContract):
    deterministic = True

    def agent(self, folder):
        return command("echo 'DEPTH = 9' > train.py; (setsid sleep 300 &) ; echo deeper", folder, Unboxed())
