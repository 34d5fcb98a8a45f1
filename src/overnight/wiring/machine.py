"""What this machine offers to a night, looked at: box, disk, clock, sleep, cores, memory, programs."""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pygit2

from overnight.model.contract import Budget, Tier
from overnight.rules import doctor
from overnight.rules.doctor import Finding, Health
from overnight.sandbox import survey
from overnight.sandbox.executables import Shell
from overnight.wiring.site import cache_folder

KNOWN_AGENTS = ("claude", "codex", "opencode", "gemini", "pi", "qwen", "aider", "mini")
"""Coding agents whose names are looked for on PATH."""

_PATIENCE = 5.0
_LOOK_SECONDS = 0.2


def box(environment: Mapping[str, str], required: Tier | None) -> tuple[Finding, ...]:
    """The best box that works here, and a line for every stronger one that does not."""
    rungs = survey(cache_folder(environment) / "proofs")
    usable = next(rung for rung in rungs if rung.available and not rung.by_name_only)
    stronger = [rung for rung in rungs if rung.tier.rank > usable.tier.rank and not rung.available]
    limits = usable.coverage.limits if usable.coverage else "none"
    name = usable.coverage.name if usable.coverage else usable.name
    why = [f"{rung.name}: {rung.reason}" + (f"; {rung.fix}." if rung.fix else ".") for rung in stronger]
    return (doctor.box(usable.tier, name, limits, why, required),)


def disks(places: Mapping[str, Path], budget: Budget) -> Iterator[Finding]:
    """Free space at each place, by name."""
    for name, place in places.items():
        there = next(folder for folder in (place, *place.parents) if folder.exists())
        wanted = max(doctor.LOW_DISK, 2 * budget.disk) if name == "scratch" else doctor.LOW_DISK
        yield doctor.disk(name, str(place), shutil.disk_usage(there).free, wanted)


def clock() -> Finding:
    """Whether the time of day runs with the steady clock, and who sets it."""
    before = time.time() - time.monotonic()
    slept = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic() if hasattr(time, "CLOCK_BOOTTIME") else 0.0
    synchronised = _said(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    time.sleep(_LOOK_SECONDS)
    jumped = time.time() - time.monotonic() - before
    return doctor.clock(jumped, slept, synchronised={"yes": True, "no": False}.get(synchronised))


def sleep() -> Finding:
    """Whether something keeps this machine awake while a night runs."""
    command = ["caffeinate", "-i", "true"] if sys.platform == "darwin" else ["systemd-inhibit", "--what=sleep", "true"]
    fine = shutil.which(command[0]) is not None and _worked(command)
    if fine:
        return Finding(name="sleep", health=Health.ok, text=f"{command[0]} keeps this machine awake during a night")
    text = f"nothing keeps this machine awake ({command[0]} is missing or was refused)"
    remedy = "On a laptop: switch off sleep before you go to bed."
    return Finding(name="sleep", health=Health.warning, text=text, next=remedy)


def power(budget: Budget) -> tuple[Finding, ...]:
    """Cores and memory against what one run may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
    return (
        doctor.cores(usable, psutil.getloadavg()[0], budget),
        doctor.memory(psutil.virtual_memory().available, budget),
    )


def git() -> Finding:
    """The git command, which only sharing needs, and the library that does the work."""
    version = _said(["git", "--version"])
    library = f"libgit2 {pygit2.LIBGIT2_VERSION}"
    if version:
        return Finding(name="git", health=Health.ok, text=f"{version}, {library}")
    text = f"{library}; the git command is not on PATH"
    return Finding(name="git", health=Health.warning, text=text, next="You will want it to merge: install git.")


def agents(environment: Mapping[str, str]) -> Finding:
    """Coding agents on PATH with their versions; the tuner needs none."""
    shell = Shell(environment, Path.cwd())
    places = {name: place for name in KNOWN_AGENTS if (place := shell.find(name)) is not None}
    with ThreadPoolExecutor(max_workers=len(KNOWN_AGENTS)) as pool:
        versions = pool.map(lambda place: _said([str(place), "--version"], environment), places.values())
        found = [f"{name} ({version or 'no version given'})" for name, version in zip(places, versions, strict=True)]
    if not found:
        text = f"tuner; none of {', '.join(KNOWN_AGENTS)} is on PATH"
        remedy = 'The tuner turns constants and needs nothing. Any program can be an agent: --agent "command LINE".'
        return Finding(name="agents", health=Health.ok, text=text, next=remedy)
    return Finding(name="agents", health=Health.ok, text=", ".join(["tuner", *found]))


def interpreter(environment: Mapping[str, str], folder: Path, programs: tuple[str, ...]) -> Iterator[Finding]:
    """The Python that runs overnight, and what each of `programs` is in the person's shell."""
    text = f"{platform.python_version()} at {sys.executable} runs overnight ($OVERNIGHT_PYTHON)"
    yield Finding(name="overnight's python", health=Health.ok, text=text)
    shell = Shell(environment, folder)
    for program in dict.fromkeys(programs):
        place = shell.find(program)
        name = f"program {program}"
        if place is None:
            remedy = "Install it, or correct `run` in program.md."
            yield Finding(name=name, health=Health.problem, text="is not on your PATH", next=remedy)
        else:
            real = place.resolve()
            yield Finding(name=name, health=Health.ok, text=f"{place}" + (f" -> {real}" if real != place else ""))


def _worked(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _said(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """The first line that a program prints, "" when it does not work."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False,
            env=None if environment is None else dict(environment),
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    return lines[0].strip()[:80] if lines and done.returncode == 0 else ""
