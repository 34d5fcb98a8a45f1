import os
import sys
from pathlib import Path

import pytest

from overnight.errors import UsageError
from overnight.model.box import Box, Limits, Mount
from overnight.sandbox import Bubblewrap, resolve


class Person:
    """A made-up person: a home, a repository in it, a PATH."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.home = folder / "home"
        self.repository = self.home / "work" / "project"
        (self.repository / ".git").mkdir(parents=True)
        self.path = ["/usr/bin", "/bin"]

    def tool(self, path: str, text: str = '#!/bin/sh\necho $0 "$@"\n') -> Path:
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        return file

    def resolve(self, *commands: str, read=(), **environment: str):
        return resolve(
            commands,
            environment={"HOME": str(self.home), "PATH": ":".join(self.path), **environment},
            cwd=self.repository,
            read=read,
            interpreter=sys.executable,
            stubs=self.folder / "stubs",
        )

    def shown(self, *commands: str) -> set[str]:
        """What is mounted from the person's home, as paths from there."""
        mounts = self.resolve(*commands).mounts
        return {os.path.relpath(m.target, self.home) for m in mounts if m.target.startswith(f"{self.home}/")}

    def run(self, command: str, **more):
        chain = self.resolve(command, **more)
        mounts = (Mount(target=chain.home, kind="tmpfs", size=1024**2), *chain.mounts)
        mounts += (Mount(target=str(self.repository), source=str(self.repository), kind="write"),)
        box = Box(
            command=("/bin/sh", "-c", command),
            cwd=str(self.repository),
            mounts=mounts,
            env=chain.env,
            limits=Limits(wall=30),
        )
        return Bubblewrap().start(box).wait()


@pytest.fixture
def person(tmp_path):
    return Person(tmp_path)


def test_a_tool_in_a_prefix_of_its_own_is_shown_with_that_prefix(person):
    person.tool("tools/node-20/bin/node")
    person.path.insert(0, str(person.home / "tools/node-20/bin"))
    assert person.shown("node build.js") == {"tools/node-20"}


def test_words_behind_operators_and_assignments_are_found(person):
    for name in ("one", "two", "three", "four"):
        person.tool(f"apps/{name}/bin/{name}")
        person.path.insert(0, str(person.home / f"apps/{name}/bin"))
    assert person.shown("one x && env A=B two | three; TOOL=four true") == {
        f"apps/{n}" for n in ("one", "two", "three", "four")
    }


def test_a_home_is_never_mounted_for_a_tool_in_its_bin(person):
    person.tool("bin/mine")
    person.tool(".local/bin/yours")
    person.path[:0] = [str(person.home / "bin"), str(person.home / ".local/bin")]
    assert person.shown("mine && yours") == {"bin", ".local/bin"}


def test_a_tool_that_lies_in_the_home_itself_is_shown_alone_with_a_warning(person):
    person.tool("mine")
    person.tool("secret")
    chain = person.resolve("~/mine")
    assert str(person.home / "mine") in {mount.target for mount in chain.mounts}
    assert str(person.home) not in {mount.target for mount in chain.mounts}
    assert any(str(person.home / "mine") in warning and "isolation.read" in warning for warning in chain.warnings)


def test_a_prefix_around_the_repository_is_not_mounted(person):
    person.tool("work/bin/mine")
    person.path.insert(0, str(person.home / "work/bin"))
    assert person.shown("mine") == {"work/bin"}


def test_links_are_followed_to_the_real_installation(person):
    person.tool(".local/share/tools/black/bin/black")
    link = person.home / ".local/bin/black"
    link.parent.mkdir(parents=True)
    link.symlink_to("../share/tools/black/bin/black")
    person.path.insert(0, str(link.parent))
    assert person.shown("black") == {".local/bin", ".local/share/tools/black"}
    assert person.run("black --version").stdout.decode().split()[1:] == ["--version"]


def test_a_virtual_environment_brings_its_base(person):
    person.tool("pythons/3.99/bin/python3")
    environment = person.home / "envs/mine"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text(f"home = {person.home}/pythons/3.99/bin\n")
    (environment / "bin" / "python").symlink_to(person.home / "pythons/3.99/bin/python3")
    person.path.insert(0, str(environment / "bin"))
    assert person.shown("python train.py") == {"envs/mine", "pythons/3.99"}


def test_an_environment_inside_the_repository_brings_only_its_base(person):
    person.tool("pythons/3.99/bin/python3")
    environment = person.repository / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_text(f"home = {person.home}/pythons/3.99/bin\n")
    (environment / "bin" / "python").symlink_to(person.home / "pythons/3.99/bin/python3")
    assert person.shown(".venv/bin/python train.py") == {"pythons/3.99"}


@pytest.mark.parametrize("how", ["variable", "file", "global"])
def test_a_pyenv_shim_becomes_the_version_that_is_chosen(person, how):
    for version in ("3.98.1", "3.99.2"):
        person.tool(f".pyenv/versions/{version}/bin/snake", f"#!/bin/sh\necho {version}\n")
    person.tool(".pyenv/shims/snake", "#!/bin/sh\necho shim\n")
    (person.home / ".pyenv/version").write_text("3.98.1\n" if how != "global" else "3.99.2\n")
    if how == "file":
        (person.repository.parent / ".python-version").write_text("3.99.2\n")
    environment = {"PYENV_VERSION": "3.99.2"} if how == "variable" else {}
    person.path.insert(0, str(person.home / ".pyenv/shims"))
    assert person.run("snake", **environment).stdout == b"3.99.2\n"


def test_the_interpreter_of_a_script_is_shown_too(person):
    person.tool("runtimes/deno-1/bin/deno")
    person.tool("apps/cli/bin/cli", "#!/usr/bin/env deno\n")
    person.path[:0] = [str(person.home / "runtimes/deno-1/bin"), str(person.home / "apps/cli/bin")]
    assert person.shown("cli") == {"runtimes/deno-1", "apps/cli"}


def test_path_names_only_folders_that_the_box_shows(person):
    person.tool("secret/bin/unused")
    person.path[:0] = [str(person.home / "secret/bin"), "relative"]
    path = dict(person.resolve("true").env)["PATH"].split(":")
    assert str(person.home / "secret/bin") not in path
    assert "relative" not in path
    assert path[:2] == ["/usr/bin", "/bin"]


def test_the_interpreter_that_runs_overnight_works_with_its_packages(person):
    completed = person.run(f"{sys.executable} -c 'import msgspec, psutil; print(msgspec.__name__)'")
    assert completed.stdout == b"msgspec\n", completed


def test_a_box_with_a_toolchain_knows_its_user_and_has_an_empty_home(person):
    (person.home / ".netrc").write_text("secret")
    completed = person.run("id -un; ls -A ~; grep -c . /etc/passwd")
    user, shown, people = completed.stdout.decode().split()
    assert user == ("root" if os.getuid() == 0 else "user")
    assert shown == "work"
    assert int(people) <= 3


def test_what_read_names_is_shown(person):
    (person.home / "corpus").mkdir()
    (person.home / "corpus" / "a.txt").write_text("text")
    for name in ("~/corpus", str(person.home / "corpus"), "../../corpus"):
        assert person.run("cat ~/corpus/a.txt", read=(name,)).stdout == b"text"


@pytest.mark.parametrize("path", ["/", "~/", "/tmp", "/run", "/home", "..", "."])
def test_read_may_not_open_the_box(person, path):
    with pytest.raises(UsageError, match=r"isolation\.read"):
        person.resolve("true", read=(path,))


def test_read_of_what_does_not_exist_is_refused(person):
    with pytest.raises(UsageError, match="does not exist"):
        person.resolve("true", read=("~/missing",))


def test_an_unbalanced_quote_does_not_hide_a_program(person):
    person.tool("apps/one/bin/one")
    person.path.insert(0, str(person.home / "apps/one/bin"))
    assert person.shown("one 'unbalanced") == {"apps/one"}


def test_the_texts_that_an_installed_overnight_hides_are_in_no_box(tmp_path):
    """The interpreter's packages are shown, overnight's own templates among them are not: they hold answers."""
    packages = tmp_path / "tools" / "lib" / "python3.11" / "site-packages"
    for name in ("overnight/templates/lm/hidden", "numpy"):
        (packages / name).mkdir(parents=True)
        (packages / name / "certify.txt").write_text("answer")
    (tmp_path / "tools" / "bin").mkdir()
    tool = tmp_path / "tools" / "bin" / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    (tmp_path / "work").mkdir()
    toolchain = resolve(
        (str(tool),),
        environment={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")},
        cwd=tmp_path / "work",
        read=(),
        interpreter=sys.executable,
        stubs=tmp_path / "stubs",
    )
    box = Box(
        command=("/bin/sh", "-c", f"find {tmp_path} -name certify.txt"),
        cwd="/",
        mounts=toolchain.mounts,
        env=toolchain.env,
        limits=Limits(wall=10),
    )
    found = Bubblewrap().start(box).wait().stdout.decode().split()
    assert found == [str(packages / "numpy" / "certify.txt")]
