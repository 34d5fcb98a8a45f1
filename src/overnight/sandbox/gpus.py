"""Graphics processors by declaration: their device nodes, what their drivers need to see, and the variables.

NVIDIA by /dev/nvidiaN, AMD by /dev/kfd and /dev/dri. The driver's libraries lie in the system's folders, which every
box shows, or in one of the few others named here. A box that is shown a processor is shown its memory too: what it
leaves there, the next one may find, and no limit on memory counts it.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from overnight.errors import UsageError
from overnight.model.box import Mount
from overnight.model.toolchain import Toolchain
from overnight.model.value import Words

NVIDIA_CONTROL = ("dev/nvidiactl", "dev/nvidia-uvm", "dev/nvidia-uvm-tools")
NVIDIA_DRIVERS = ("run/opengl-driver", "opt/cuda")
AMD_DRIVERS = ("opt/rocm", "sys")


def with_gpus(toolchain: Toolchain, count: int, environment: Mapping[str, str], root: Path = Path("/")) -> Toolchain:
    """`toolchain` with `count` graphics processors added; the first ones, or those that CUDA_VISIBLE_DEVICES names.

    `root` is where the machine's files are looked for.

    Raises:
        UsageError: this machine does not have as many.
    """
    if count == 0:
        return toolchain
    nvidia, amd = _nvidia(root, environment), _numbered(root / "dev/dri", r"renderD(\d+)")
    if len(nvidia) >= count:
        mounts, env = _of_nvidia(root, nvidia[:count])
    elif len(amd) >= count and (root / "dev/kfd").exists():
        mounts, env = _of_amd(root, amd[:count])
    else:
        raise UsageError(_missing(count, len(nvidia), len(amd) if (root / "dev/kfd").exists() else 0))
    shown = {mount.target for mount in toolchain.mounts}
    added = tuple(mount for mount in mounts if mount.target not in shown)
    return replace(
        toolchain, mounts=(*toolchain.mounts, *added), env=tuple(sorted({**dict(toolchain.env), **dict(env)}.items()))
    )


def _missing(count: int, nvidia: int, amd: int) -> str:
    there = max(nvidia, amd)
    shows = f"this machine shows {there}" if there else "this machine shows none (no /dev/nvidia0, no /dev/kfd)"
    return (
        f"budget.gpus asks for {count} graphics processor{'s' if count > 1 else ''}, and {shows}: install the driver, "
        "run on a machine that has them, or write `gpus: 0`"
    )


def _nvidia(root: Path, environment: Mapping[str, str]) -> list[int]:
    """Numbers of the NVIDIA nodes that may be used, in the order of CUDA_VISIBLE_DEVICES where that is set."""
    there = _numbered(root / "dev", r"nvidia(\d+)")
    wanted = environment.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return there
    by_uuid = _by_uuid(root)
    named = [by_uuid.get(word.strip(), word.strip()) for word in wanted.split(",")]
    return [int(word) for word in named if word.isdigit() and int(word) in there]


def _by_uuid(root: Path) -> dict[str, str]:
    """The node's number of each NVIDIA processor by the name that the driver gives it."""
    found = {}
    for file in (root / "proc/driver/nvidia/gpus").glob("*/information"):
        lines = (line.partition(":") for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
        facts = {name.strip(): value.strip() for name, _, value in lines}
        if "GPU UUID" in facts and "Device Minor" in facts:
            found[facts["GPU UUID"]] = facts["Device Minor"]
    return found


def _numbered(folder: Path, pattern: str) -> list[int]:
    """The numbers of the nodes in `folder` whose names match, in order."""
    names = folder.iterdir() if folder.is_dir() else ()
    return sorted(int(found[1]) for name in names if (found := re.fullmatch(pattern, name.name)))


def _of_nvidia(root: Path, numbers: list[int]) -> tuple[list[Mount], Words]:
    nodes = [*(f"dev/nvidia{number}" for number in numbers), *NVIDIA_CONTROL]
    # CUDA counts only the nodes that it can open, from 0.
    return _mounts(root, nodes, NVIDIA_DRIVERS), (("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(len(numbers))))),)


def _of_amd(root: Path, numbers: list[int]) -> tuple[list[Mount], Words]:
    nodes = ["dev/kfd", *(f"dev/dri/renderD{number}" for number in numbers)]
    return _mounts(root, nodes, AMD_DRIVERS), (("HIP_VISIBLE_DEVICES", ",".join(map(str, range(len(numbers))))),)


def _mounts(root: Path, nodes: list[str], drivers: tuple[str, ...]) -> list[Mount]:
    """Nodes as devices, drivers as read-only folders, those that exist, each at its usual place."""
    kinds = [*((name, True) for name in nodes), *((name, False) for name in drivers)]
    return [
        Mount(target=f"/{name}", source=str(root / name), kind="device" if is_node else "read")
        for name, is_node in kinds
        if (root / name).exists()
    ]
