"""What each box of a judge shows: which files at which place, which environment, which limits.

Candidate boxes (`run`, `serve`, command guards) get `isolation.env` and `pass_env` and never see `hide`; the
judge's own boxes (`score`, `drive.judge`) see `hide` and never a candidate's file other than artefacts.
"""

import math
import os
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from overnight.judge.artifacts import RefusedError
from overnight.judge.scratch import opened
from overnight.judge.seal import Seal
from overnight.judge.tail import quote
from overnight.model.box import Box, Limits, Mount
from overnight.model.contract import Contract
from overnight.model.toolchain import Toolchain
from overnight.model.value import Words

_OPERATORS = frozenset("();<>|&")
_SHELL_WORDS = re.compile(
    r"[!{}\[.:]|alias|bg|break|builtin|case|cd|command|continue|do|done|echo|elif|else|esac|eval|exec|exit|export|false|fc"
    r"|fg|fi|for|function|getopts|hash|if|in|jobs|kill|local|printf|pwd|read|readonly|return|select|set|shift|source|test"
    r"|then|time|times|trap|true|type|ulimit|umask|unalias|unset|until|wait|while"
)


_MASK_BYTES = 65536


class Boxes:
    """Composes the boxes of one contract.

    `mounted` says whether the sandbox can show a folder at another place. Where it cannot, commands run at the
    tree's real place, and data is reached through links.
    """

    def __init__(  # noqa: PLR0913 -- keyword only; each is one fact about the machine
        self,
        contract: Contract,
        *,
        root: Path,
        toolchain: Toolchain,
        seal: Seal,
        environment: Mapping[str, str],
        interpreter: str,
        mounted: bool,
    ) -> None:
        self._contract = contract
        self._root = str(root)
        self._toolchain = toolchain
        self._seal = seal
        self._interpreter = interpreter
        self._mounted = mounted
        isolation = contract.isolation
        passed = {name: environment[name] for name in isolation.pass_env if name in environment}
        self._candidate_env = {**dict(isolation.env), **passed}
        environments = [Path(os.path.normpath(root / contract.folder / name)) for name in contract.env_dirs]
        self._environments = tuple(
            Mount(target=str(folder), source=os.path.realpath(folder)) for folder in environments if folder.is_dir()
        )
        self._masks = tuple(
            Mount(target=mask, kind="tmpfs", size=_MASK_BYTES)
            for mask in toolchain.masks
            if any(mask.startswith(f"{mount.target}/") for mount in self._environments)
        )
        budget = contract.budget
        self._limits = Limits(
            wall=budget.wall,
            cpu_seconds=budget.cpu_seconds,
            memory=budget.memory,
            pids=budget.pids,
            cpus=max(1, math.ceil(budget.cpus)),
            disk=budget.disk,
            output=budget.output,
            grace=budget.grace,
        )

    def candidate(self, tree: Path, command: str, words: Mapping[str, str], *, writable: bool = True) -> Box:
        """A box for code of the candidate, whose files are at `tree`; `words` are more variables.

        Raises:
            RefusedError: something of the candidate is where a sealed file must be shown.
        """
        shown = self._seal.mounts(hidden=False)
        return self._box(tree, command, {**self._candidate_env, **words}, shown, writable=writable)

    def judge(self, tree: Path, command: str, words: Mapping[str, str]) -> Box:
        """A box for the judge, whose files are at `tree`; `words` are more variables."""
        return self._box(tree, command, dict(words), self._seal.mounts(hidden=True), writable=True)

    def places(self) -> frozenset[str]:
        """Where, from the root, a sealed file or an environment lies inside the tree; what is there is not the
        candidate's.
        """
        targets = (mount.target for mount in (*self._seal.mounts(hidden=True), *self._environments))
        return frozenset(target[len(self._root) + 1 :] for target in targets if target.startswith(self._root + "/"))

    def _box(
        self, tree: Path, command: str, words: Mapping[str, str], sealed: tuple[Mount, ...], *, writable: bool
    ) -> Box:
        shown = (*self._environments, *sealed)
        env = {**dict(self._toolchain.env), **dict(self._contract.variables), **words}
        env["OVERNIGHT_PYTHON"] = self._interpreter
        self._offer(tree, self._root, shown)
        root, mounts = self._root, self._mounts(tree, shown, writable=writable)
        if not self._mounted:
            home = self._private_home(tree, shown)
            # Nothing is mounted, but the sandbox holds what may be written to `budget.disk`.
            written = (str(tree), *home.values())
            root, mounts = str(tree), (*self._in_place(shown), *(_own_place(path, "write") for path in written))
            env |= home
        return Box(
            command=("/bin/sh", "-c", directly(command)),
            cwd=f"{root}/{self._contract.folder}".rstrip("/"),
            mounts=mounts,
            env=_sorted(env),
            limits=self._limits,
            network=self._contract.isolation.network != "none",
        )

    def _mounts(self, tree: Path, shown: tuple[Mount, ...], *, writable: bool) -> tuple[Mount, ...]:
        """Everything by target, an outer folder before what lies in it."""
        home = self._toolchain.home
        own = [Mount(target=home, kind="tmpfs", size=self._contract.budget.disk)] if home else []
        place = Mount(target=self._root, source=str(tree), kind="write" if writable else "read")
        by_target = {mount.target: mount for mount in (*own, *self._toolchain.mounts, place, *shown, *self._masks)}
        return tuple(sorted(by_target.values(), key=lambda mount: mount.target.split("/")))

    def _in_place(self, shown: tuple[Mount, ...]) -> tuple[Mount, ...]:
        """What the command may read where it lies, for a sandbox that mounts nothing but may refuse all else."""
        wanted = (*self._toolchain.mounts, *shown)
        readable = (mount if mount.target.startswith("/etc/") else _own_place(mount.source) for mount in wanted)
        masks = (mount for mount in (*wanted, *self._masks) if mount.kind == "tmpfs")
        return (*(mount for mount in readable if mount.source), *masks)

    def _private_home(self, tree: Path, shown: tuple[Mount, ...]) -> dict[str, str]:
        """HOME and TMPDIR beside the tree, for a sandbox that has no folders of its own."""
        home, temporary = tree.with_name(tree.name + "-home"), tree.with_name(tree.name + "-tmp")
        for folder in (home, temporary):
            folder.mkdir(exist_ok=True)
        if self._toolchain.home:
            self._offer(home, self._toolchain.home, shown)
        return {"HOME": str(home), "TMPDIR": str(temporary)}

    def _offer(self, folder: Path, outer: str, shown: tuple[Mount, ...]) -> None:
        """Make every place of `shown` below `outer` exist below `folder`: a mount point, or a link to the source."""
        for mount in shown:
            if not mount.target.startswith(outer + "/"):
                continue
            *parts, name = mount.target[len(outer) + 1 :].split("/")
            try:
                with opened(folder, parts, create=True) as handle:
                    self._offer_one(handle, name, mount)
            except NotADirectoryError:
                raise RefusedError(
                    f"{quote(mount.target)} is sealed and cannot be shown: the measured tree has something else there."
                ) from None

    def _offer_one(self, handle: int, name: str, mount: Mount) -> None:
        is_folder = Path(mount.source).is_dir()
        with suppress(FileExistsError):
            if not self._mounted:
                os.symlink(mount.source, name, dir_fd=handle)
            elif is_folder:
                os.mkdir(name, 0o700, dir_fd=handle)
            else:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=handle))
            return
        if self._mounted:
            # What is there already must be of the same kind, or nothing can be mounted on it.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | (os.O_DIRECTORY if is_folder else 0)
            try:
                os.close(os.open(name, flags, dir_fd=handle))
            except OSError:
                raise NotADirectoryError(name) from None


def _own_place(path: str, kind: Literal["read", "write"] = "read") -> Mount:
    return Mount(target=path, source=path, kind=kind)


@lru_cache(maxsize=64)
def directly(command: str) -> str:
    """`command` so that the shell becomes it, where it is one simple command without a shell's own words.

    A shell that waits would hold the pipes of a driven candidate open after the judge has closed them, and take the
    polite signal that is meant for the command.
    """
    try:
        words = shlex.shlex(command, posix=True, punctuation_chars=True)
        words.commenters = ""
        words.whitespace_split = True
        split = list(words)
    except ValueError:
        return command
    if not split or "\n" in command or _SHELL_WORDS.fullmatch(split[0]) or "=" in split[0]:
        return command
    if any(set(word) <= _OPERATORS for word in split):
        return command
    return f"exec {command}"


def _sorted(env: Mapping[str, str]) -> Words:
    return tuple(sorted(env.items()))
