"""What of the machine a box must show so that the person's commands start in it, and nothing more."""

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from overnight.errors import UsageError
from overnight.model.box import Mount
from overnight.model.toolchain import Toolchain
from overnight.sandbox.executables import SYSTEM, Shell, is_system, places_of, shim_manager

# Files of /etc that programs read and that tell nothing about the person.
CONFIGURATION = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)
# Folders that hold far more than a program: sockets, other people's files, credentials.
SHARED = ("/", "/boot", "/dev", "/etc", "/home", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/srv", "/sys")
SHARED_DATA = ("/tmp", "/var", "/var/tmp", "/var/run", "/var/lib")  # noqa: S108  named in order not to be mounted
PERSONAL = (".local", ".local/share", ".cargo", ".config", ".cache", ".ssh", ".npm")
ALWAYS = ("python3", "python")  # what scripts and makefiles start although no command line says so
ENVIRONMENTS = (".venv", "venv")
PACKAGES = (
    "lib/python3*/site-packages",
    "lib/python3*/dist-packages",
    "local/lib/python3*/*-packages",
    "site-packages",
    "src",
)
MASK_BYTES = 65536
TAIL = ("/usr/local/bin", "/usr/bin", "/bin")


def resolve(  # noqa: PLR0913 - keyword only; each is one fact about the person's machine
    commands: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    read: Sequence[str],
    interpreter: str,
    stubs: Path,
) -> Toolchain:
    """What a box needs for `commands` (lines for `sh -c`) started in `cwd` by a person with `environment`.

    Everything is mounted read-only at its own path: the system's folders, harmless parts of /etc, the `interpreter`
    that runs overnight, every program that a word of a command names (shims and links followed), and the paths of
    `read`. `stubs` is a folder of ours for a passwd, a group and a hosts file that name nobody. A program whose
    installation cannot be told from a home folder, the repository or a shared folder is shown alone, with a warning.

    Raises:
        UsageError: a path of `read` does not exist, or would show what a box is there to hide.
    """
    shell = Shell(environment, cwd)
    home = environment.get("HOME", "")
    fence = _Fence(Path(home) if home else None, _repository(cwd))
    shims: dict[str, list[str]] = {}
    fence.admit(Path(os.path.normpath(cwd / interpreter)))
    for word in dict.fromkeys((*(word for command in commands for word in shell.words(command)), *ALWAYS)):
        found = shell.find(word)
        for program in shell.programs(word):
            fence.admit(program)
            if found is not None and shim_manager(found) is not None and found.name == program.name:
                shims.setdefault(str(found.parent), []).append(str(program.parent))
    mounts = [*_system(), *_stubs(stubs, home), *fence.mounts(), *(_wanted(path, shell, fence) for path in read)]
    visible = [mount.target for mount in mounts]
    env = {
        "PATH": os.pathsep.join(_path(shell.path, shims, visible, fence.repository)),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
        "TMPDIR": "/tmp",  # noqa: S108  inside the box, where it is a private tmpfs
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "UV_NO_SYNC": "1",
        "UV_OFFLINE": "1",
        **({"HOME": home} if home else {}),
    }
    shown = _outermost(mounts)
    return Toolchain(
        mounts=(*shown, *(_mask(place) for mount in shown for place in answers_in(mount.source))),
        env=tuple(sorted(env.items())),
        home=home,
        masks=tuple(place for name in ENVIRONMENTS for place in answers_in(str(cwd / name))),
        warnings=tuple(fence.warnings),
    )


def answers_in(folder: str) -> tuple[str, ...]:
    """Where below `folder` an installed overnight keeps its templates, which hold the hidden texts of the demo."""
    return tuple(
        place
        for pattern in PACKAGES
        for place in glob.glob(f"{glob.escape(folder)}/{pattern}/overnight/templates")  # noqa: PTH207 - absolute
        if os.path.isdir(place)  # noqa: PTH112 - strings are enough
    )


def _mask(place: str) -> Mount:
    return Mount(target=place, kind="tmpfs", size=MASK_BYTES)


class _Fence:
    """Collects the folders that programs need and keeps out those that show too much."""

    def __init__(self, home: Path | None, repository: Path) -> None:
        self.home = home
        self.repository = repository
        self.warnings: list[str] = []
        self._admitted: dict[str, None] = {}

    def mounts(self) -> list[Mount]:
        """What was admitted."""
        return [Mount(target=place, source=place) for place in self._admitted]

    def admit(self, program: Path) -> None:
        """Show what `program` needs: its installation, else its folder, else the file alone."""
        for place in places_of(program):
            if is_system(place) or place.is_relative_to(self.repository) or not place.exists():
                continue
            if not self.shows_too_much(place):
                self._admitted[str(place)] = None
            else:
                self._admit_part(program, place)

    def _admit_part(self, program: Path, place: Path) -> None:
        for file in dict.fromkeys((program, Path(os.path.realpath(program)))):
            if is_system(file) or file.is_relative_to(self.repository) or not file.is_relative_to(place):
                continue
            if file.parent.name == "bin" and not self.shows_too_much(file.parent):
                self._admitted[str(file.parent)] = None
            else:
                self._admitted[str(file)] = None
                self.warnings.append(
                    f"Of {file} only the file itself is shown in the box, because its folder {place} holds other "
                    "things; if it needs files beside it, name them under isolation.read."
                )

    def shows_too_much(self, place: Path) -> bool:
        """Whether `place` is a home, a shared folder, a home for credentials, or holds the repository."""
        for path in {place, Path(os.path.realpath(place))}:
            if str(path) in SHARED or str(path) in SHARED_DATA or path.is_relative_to("/run"):
                return True
            if path in self.repository.parents or path == self.repository:
                return True
            for home in () if self.home is None else (self.home, Path(os.path.realpath(self.home))):
                if path == home or path in home.parents or any(path == home / name for name in PERSONAL):
                    return True
        return False


def _repository(cwd: Path) -> Path:
    """The root of the repository around `cwd`, or `cwd` itself."""
    return next((folder for folder in (cwd, *cwd.parents) if (folder / ".git").exists()), cwd)


def _system() -> list[Mount]:
    """The system's folders and the harmless files of /etc, those that exist here."""
    names = [*SYSTEM, *(f"/etc/{name}" for name in CONFIGURATION)]
    names += [str(folder) for folder in sorted(Path("/etc").glob("java-*"))]
    return [Mount(target=name, source=name) for name in names if Path(name).exists()]


def _stubs(folder: Path, home: str) -> list[Mount]:
    """Files of /etc that programs insist on, written so that they name nobody else."""
    user, group = os.getuid(), os.getgid()
    people = {0: "root:x:0:0:root:/root:/bin/sh", 65534: "nobody:x:65534:65534:nobody:/nonexistent:/bin/false"}
    people[user] = f"{'root' if user == 0 else 'user'}:x:{user}:{group}::{home or '/'}:/bin/sh"
    groups = {0: "root:x:0:", 65534: "nogroup:x:65534:"}
    groups[group] = f"{'root' if group == 0 else 'user'}:x:{group}:"
    texts = {
        "passwd": "\n".join(people.values()),
        "group": "\n".join(groups.values()),
        "hosts": "127.0.0.1 localhost\n::1 localhost",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files",
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text + "\n", encoding="utf-8")
    return [Mount(target=f"/etc/{name}", source=str(folder / name)) for name in texts]


def _wanted(path: str, shell: Shell, fence: _Fence) -> Mount:
    """One path of isolation.read."""
    spelled = (shell.environment.get("HOME", "~") + path[1:]) if path.startswith("~/") else path
    place = Path(os.path.normpath(shell.cwd / spelled))
    if not place.exists():
        raise UsageError(f"isolation.read names {path}, which does not exist")
    if fence.shows_too_much(place):
        raise UsageError(
            f"isolation.read names {path}, which would show the candidate a home folder, a shared folder or the "
            "repository's surroundings; name the file or the folder inside it that the command needs"
        )
    return Mount(target=str(place), source=str(place))


def _path(path: Iterable[str], shims: Mapping[str, list[str]], visible: Sequence[str], repository: Path) -> list[str]:
    """The person's PATH with shims replaced by the real programs' folders, without what the box does not show."""
    kept: dict[str, None] = {}
    for folder in path:
        if folder in shims:
            kept.update(dict.fromkeys(shims[folder]))
        elif Path(folder).is_absolute() and (
            Path(folder).is_relative_to(repository) or any(Path(folder).is_relative_to(place) for place in visible)
        ):
            kept[folder] = None
    return [*kept, *(folder for folder in TAIL if folder not in kept)]


def _outermost(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """Without mounts that another one shows anyway; outer folders first."""
    kept: dict[str, Mount] = {}
    for mount in sorted(mounts, key=lambda mount: len(Path(mount.target).parts)):
        own_place = mount.source == mount.target
        if not (
            own_place and any(Path(mount.target).is_relative_to(other) for other in kept if kept[other].source == other)
        ):
            kept[mount.target] = mount
    return tuple(kept.values())
