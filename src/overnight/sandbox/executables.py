"""Finds the programs that a command line starts and the folders that each needs. Reads files, mounts nothing.

Knows the usual installations: a distribution's, virtual environments and their base, pyenv, asdf, mise, rbenv,
rustup, volta, nvm, conda, uv and pipx tools, node_modules. Does not know what a script starts by itself.
"""

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
PROGRAM_FOLDERS = ("bin", "sbin", "libexec")
MANAGERS = {"rustup": "rustup", "mise": "mise", "volta-shim": "volta"}
SHIM_MANAGERS = ("pyenv", "asdf", "mise", "rbenv", "nodenv", "jenv")
LONGEST_CHAIN = 40
WHICH_SECONDS = 20


class Shell:
    """Looks programs up as the person's shell in `cwd` with `environment` would."""

    def __init__(self, environment: Mapping[str, str], cwd: Path) -> None:
        self.environment = environment
        self.cwd = cwd
        self.path = tuple(folder for folder in environment.get("PATH", os.defpath).split(os.pathsep) if folder)

    def words(self, command: str) -> list[str]:
        """Every word of a line for `sh -c` that may name a program, operators and assignments taken apart."""
        lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            tokens = list(lexer)
        except ValueError:
            tokens = command.split()
        return [part for token in tokens for part in dict.fromkeys((token, token.rpartition("=")[2])) if part]

    def find(self, word: str) -> Path | None:
        """The executable that `word` names, its links not followed; None when it names none."""
        if word.startswith("~/"):
            word = self.environment.get("HOME", "~") + word[1:]
        places = [self.cwd / word] if "/" in word else [Path(folder, word) for folder in self.path]
        for place in places:
            try:
                if place.is_file() and os.access(place, os.X_OK):
                    return Path(os.path.normpath(place))
            except (OSError, ValueError):
                continue
        return None

    def programs(self, word: str, depth: int = 3) -> Iterator[Path]:
        """The executables behind `word`: the real one for a shim, then the interpreter of a script."""
        found = self.find(word)
        if found is None or depth == 0:
            return
        real = self.behind_shim(found)
        if real is None:
            return
        yield real
        for interpreter in _interpreters(real):
            yield from self.programs(interpreter, depth - 1)

    def behind_shim(self, found: Path) -> Path | None:
        """`found` itself, or the program that it would start when it is a version manager's shim."""
        manager = shim_manager(found)
        if manager is None:
            return found
        if manager == "pyenv" and (known := self._pyenv(found)) is not None:
            return known
        try:
            answer = subprocess.run(
                [manager, "which", found.name],
                cwd=self.cwd,
                env=dict(self.environment),
                capture_output=True,
                text=True,
                timeout=WHICH_SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        lines = answer.stdout.split("\n")
        real = Path(next((line for line in reversed(lines) if line.startswith("/")), ""))
        return real if answer.returncode == 0 and real.is_file() else None

    def _pyenv(self, shim: Path) -> Path | None:
        """What pyenv would choose, by its own order: PYENV_VERSION, .python-version upwards, the global version."""
        root = shim.parent.parent
        files = [folder / ".python-version" for folder in (self.cwd, *self.cwd.parents)]
        chosen = self.environment.get("PYENV_VERSION", "").replace(":", " ")
        for file in (*files, root / "version"):
            if not chosen and file.is_file():
                chosen = file.read_text(encoding="utf-8", errors="replace")
        for version in chosen.split():
            if version == "system":
                others = [
                    Path(folder, shim.name) for folder in self.path if shim_manager(Path(folder, shim.name)) is None
                ]
                return next((place for place in others if os.access(place, os.X_OK)), None)
            place = root / "versions" / version / "bin" / shim.name
            if os.access(place, os.X_OK):
                return place
        return None


def shim_manager(program: Path) -> str | None:
    """The version manager whose shim `program` is, or None."""
    if program.parent.name == "shims":
        owner = program.parent.parent.name.lstrip(".")
        return next((name for name in SHIM_MANAGERS if name in owner), None)
    if program.is_symlink():
        name = Path(os.path.realpath(program)).name
        return MANAGERS.get(name) if name != program.name else None
    return None


def places_of(program: Path) -> Iterator[Path]:
    """The folders that `program` needs, along its chain of links: installation prefixes, an environment's base."""
    for hop in _chain(program):
        yield _prefix(hop)
        configuration = hop.parent.parent / "pyvenv.cfg"
        if configuration.is_file():
            for line in configuration.read_text(encoding="utf-8", errors="replace").splitlines():
                name, _, value = line.partition("=")
                if name.strip() == "home" and value.strip():
                    yield Path(value.strip()).parent
                    yield Path(os.path.realpath(value.strip())).parent


def is_system(path: Path) -> bool:
    """Whether `path` lies in a folder of the system that every box shows."""
    return any(path.is_relative_to(folder) for folder in SYSTEM)


def _prefix(program: Path) -> Path:
    """The installation that a program belongs to."""
    if "node_modules" in program.parts:
        return Path(*program.parts[: program.parts.index("node_modules") + 1])
    return program.parent.parent if program.parent.name in PROGRAM_FOLDERS else program.parent


def _chain(program: Path) -> list[Path]:
    """`program`, every link on the way, and the real file."""
    chain = [program]
    while chain[-1].is_symlink() and len(chain) < LONGEST_CHAIN:
        chain.append(Path(os.path.normpath(chain[-1].parent / chain[-1].readlink())))
    real = Path(os.path.realpath(program))
    return [*chain, real] if chain[-1] != real else chain


def _interpreters(script: Path) -> Sequence[str]:
    """The programs that the first line of a script names."""
    try:
        with script.open("rb") as file:
            start = file.read(512)
    except OSError:
        return ()
    if not start.startswith(b"#!"):
        return ()
    words = start[2:].split(b"\n", 1)[0].decode(errors="replace").split()
    return [word for word in words[:4] if not word.startswith("-")]
