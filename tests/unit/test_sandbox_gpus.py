"""Which devices, folders and variables a box is given. No graphics processor is needed to compose them."""

from pathlib import Path

import pytest

from overnight.errors import UsageError
from overnight.model.box import Box, Limits, Mount
from overnight.model.toolchain import Toolchain
from overnight.sandbox import Bubblewrap, with_gpus
from overnight.testing.sandbox import SYSTEM

BARE = Toolchain(mounts=(Mount(target="/usr", source="/usr"),), env=(("PATH", "/usr/bin"),))


def machine(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.fixture
def nvidia(tmp_path):
    return machine(tmp_path, "dev/nvidia0", "dev/nvidia1", "dev/nvidia10", "dev/nvidiactl", "dev/nvidia-uvm")


def shown(toolchain: Toolchain) -> set[tuple[str, str]]:
    return {(mount.target, mount.kind) for mount in toolchain.mounts}


def test_without_a_declaration_nothing_is_shown(nvidia):
    assert with_gpus(BARE, 0, {}, nvidia) is BARE


def test_a_machine_without_one_refuses_and_says_what_was_looked_for(tmp_path):
    with pytest.raises(
        UsageError, match=r"asks for 1 graphics processor, .* shows none \(no /dev/nvidia0, no /dev/kfd\)"
    ):
        with_gpus(BARE, 1, {}, tmp_path)


def test_a_machine_with_too_few_says_how_many_there_are(nvidia):
    with pytest.raises(UsageError, match="asks for 4 graphics processors, and this machine shows 3"):
        with_gpus(BARE, 4, {}, nvidia)


def test_the_first_nvidia_nodes_and_the_control_nodes_are_devices_of_the_box(nvidia):
    found = with_gpus(BARE, 2, {}, nvidia)
    assert shown(found) == {
        ("/usr", "read"),
        ("/dev/nvidia0", "device"),
        ("/dev/nvidia1", "device"),
        ("/dev/nvidiactl", "device"),
        ("/dev/nvidia-uvm", "device"),
    }
    assert dict(found.env) == {"PATH": "/usr/bin", "CUDA_VISIBLE_DEVICES": "0,1"}


def test_the_persons_choice_of_processors_is_kept(nvidia):
    found = with_gpus(BARE, 1, {"CUDA_VISIBLE_DEVICES": "10,0"}, nvidia)
    assert ("/dev/nvidia10", "device") in shown(found)
    assert ("/dev/nvidia0", "device") not in shown(found)
    assert dict(found.env)["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_choice_by_the_drivers_own_names_is_understood(nvidia):
    information = nvidia / "proc/driver/nvidia/gpus/0000:01:00.0/information"
    information.parent.mkdir(parents=True)
    information.write_text("Model: \t NVIDIA A\nGPU UUID: \t GPU-77\nDevice Minor: \t 1\n")
    found = with_gpus(BARE, 1, {"CUDA_VISIBLE_DEVICES": "GPU-77"}, nvidia)
    assert ("/dev/nvidia1", "device") in shown(found)


def test_a_person_who_hides_all_processors_has_none(nvidia):
    with pytest.raises(UsageError, match="asks for 1"):
        with_gpus(BARE, 1, {"CUDA_VISIBLE_DEVICES": ""}, nvidia)


def test_amd_nodes_come_with_what_their_driver_reads(tmp_path):
    root = machine(
        tmp_path, "dev/kfd", "dev/dri/renderD128", "dev/dri/renderD129", "dev/dri/card0", "opt/rocm/lib", "sys/x"
    )
    found = with_gpus(BARE, 1, {}, root)
    assert shown(found) - shown(BARE) == {
        ("/dev/kfd", "device"),
        ("/dev/dri/renderD128", "device"),
        ("/opt/rocm", "read"),
        ("/sys", "read"),
    }
    assert dict(found.env)["HIP_VISIBLE_DEVICES"] == "0"


def test_a_display_alone_is_no_processor(tmp_path):
    with pytest.raises(UsageError, match="shows none"):
        with_gpus(BARE, 1, {}, machine(tmp_path, "dev/dri/renderD128"))


@pytest.mark.parametrize(("kind", "opened"), [("device", b"opened\n"), ("write", b"")])
def test_a_node_can_be_used_only_as_a_device(kind, opened):
    """/dev/full stands for a graphics processor; mounted like a file it may not be opened."""
    mounts = tuple(Mount(target=path, source=path) for path in SYSTEM if Path(path).exists())
    node = Mount(target="/dev/processor", source="/dev/full", kind=kind)
    command = ("/bin/sh", "-c", "(: <>/dev/processor) 2>/dev/null && echo opened")
    box = Box(command=command, cwd="/", mounts=(*mounts, node), limits=Limits(wall=20))
    assert Bubblewrap().start(box).wait().stdout == opened
