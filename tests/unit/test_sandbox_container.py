import itertools
import os

import pytest

from overnight.errors import MachineError
from overnight.model.box import Box, Limits, Mount
from overnight.model.contract import Tier
from overnight.sandbox.container import Container
from overnight.sandbox.creation import arguments, variables
from overnight.sandbox.engines import Engine, find
from overnight.sandbox.refused import NotHereError

PODMAN = Engine("/usr/bin/podman", podman=True, cores=True, user="1000:1000")
DOCKER = Engine("/usr/bin/docker", podman=False, cores=True, user="1000:1000")


def box(**more):
    return Box(command=("judge", "--fast"), cwd="/work", limits=more.pop("limits", Limits(wall=1)), **more)


def words(given, engine=DOCKER, cores=None):
    return arguments(engine, given, "overnight-1", environment=9, cores=cores)


def values(words, option):
    return [after for before, after in itertools.pairwise(words) if before == option]


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a program that answers as an engine might on PATH, alone."""

    def put(name, body):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o700)

    monkeypatch.setenv("PATH", str(tmp_path))
    return put


@pytest.mark.parametrize("engine", [PODMAN, DOCKER])
def test_a_container_gets_no_rights_no_network_and_nothing_from_a_registry(engine):
    line = words(box(), engine)
    assert values(line, "--network") == ["none"]
    assert values(line, "--cap-drop") == ["ALL"]
    assert "no-new-privileges" in values(line, "--security-opt")
    assert "--read-only" in line
    assert values(line, "--pull") == ["never"]
    assert values(line, "--user") == ["1000:1000"]
    assert "--privileged" not in line


def test_the_network_is_the_machines_only_when_the_box_asks():
    assert values(words(box(network=True)), "--network") == ["host"]


def test_limits_are_the_engines_too():
    limits = Limits(wall=1, memory=10**8, pids=10, cpus=1, disk=5000)
    line = words(box(limits=limits), cores={1, 0})
    assert values(line, "--memory") == values(line, "--memory-swap") == ["100000000b"]
    assert values(line, "--cpus") == ["1"]
    assert values(line, "--cpuset-cpus") == ["0,1"]
    assert "fsize=5000:5000" in values(line, "--ulimit")
    assert values(line, "--shm-size") == ["5000b"]
    assert [int(limit) > 10 for limit in values(line, "--pids-limit")] == [True]


def test_without_limits_none_are_asked_for():
    line = words(box())
    for option in ("--memory", "--pids-limit", "--cpus", "--cpuset-cpus"):
        assert option not in line


def test_mounts_keep_their_kind_and_odd_names_stay_one_field():
    mounts = (
        Mount(target="/in", source="/data,readonly=false"),
        Mount(target="/out", source='/scr"atch', kind="write"),
        Mount(target="/home/me", kind="tmpfs", size=4096),
        Mount(target="/dev/nvidia0", source="/dev/nvidia0", kind="device"),
    )
    line = words(box(mounts=mounts))
    assert values(line, "--mount") == [
        'type=bind,"source=/data,readonly=false",target=/in,readonly',
        'type=bind,"source=/scr""atch",target=/out',
    ]
    assert [word for word in values(line, "--tmpfs") if word.startswith("/home/me:") and "size=4096" in word]
    assert [word for word in values(line, "--tmpfs") if word.startswith("/tmp:")]
    assert values(line, "--device") == ["/dev/nvidia0:/dev/nvidia0:rw"]


def test_a_temporary_folder_that_the_box_places_is_not_placed_twice():
    mounts = (Mount(target="/tmp", kind="tmpfs", size=4096), Mount(target="/dev/shm", kind="tmpfs", size=4096))
    line = words(box(mounts=mounts))
    assert len([word for word in values(line, "--tmpfs") if word.startswith("/tmp:")]) == 1
    assert "--shm-size" not in line


def test_variables_go_through_a_descriptor_and_never_onto_the_line():
    given = box(env=(("TOKEN", "secret"), ("EMPTY", "")))
    assert "secret" not in " ".join(words(given))
    with variables(given) as descriptor:
        assert os.read(descriptor, 100) == b"TOKEN=secret\nEMPTY=\n"


def test_a_value_of_several_lines_is_refused_before_anything_starts():
    with pytest.raises(MachineError, match="A has several lines"), variables(box(env=(("A", "b\nC=d"),))):
        pass


def test_what_engines_add_to_an_environment_is_taken_out_unless_the_box_gave_it():
    script = words(box(env=(("HOME", "/home/me"),)))[-4]
    forgotten = script.splitlines()[0].split()
    assert forgotten[0] == "unset"
    assert "HOSTNAME" in forgotten
    assert "HOME" not in forgotten


def test_the_command_comes_last_and_word_for_word():
    assert words(box())[-3:] == ["sh", "judge", "--fast"]


def test_it_claims_a_hard_limit_on_nothing_but_memory_and_no_descriptors():
    coverage = Container().covers()
    assert (coverage.tier, coverage.limits, coverage.descriptors) == (Tier.container, "soft", False)


def test_descriptors_are_refused_with_a_way_out(tmp_path):
    with pytest.raises(NotHereError, match="descriptors") as caught:
        Container().start(box(fds=(7,)))
    assert "port" in caught.value.fix


def test_without_an_engine_it_says_which_were_looked_for_and_the_fix(program):
    with pytest.raises(NotHereError, match="podman is not installed; docker is not installed") as caught:
        Container().identity()
    assert "apt install podman" in caught.value.fix


def test_an_engine_that_does_not_answer_is_told_in_its_own_words(program):
    program("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    with pytest.raises(NotHereError, match="Cannot connect to the Docker daemon"):
        find()


def test_the_first_engine_that_answers_is_taken(program):
    program("podman", "echo broken >&2; exit 125")
    program("docker", "echo '27.0 [name=seccomp]'")
    assert find() == Engine(
        f"{os.environ['PATH']}/docker", podman=False, cores=True, user=f"{os.getuid()}:{os.getgid()}"
    )


def test_podman_without_the_right_to_pin_cores_is_not_asked_to(program):
    program("podman", "echo '[cpu memory pids]'")
    assert not find().cores
    program("podman", "echo '[cpuset cpu memory pids]'")
    assert find().cores


def test_in_a_docker_of_an_ordinary_person_root_is_that_person(program):
    program("docker", "echo '27.0 [name=seccomp name=rootless]'")
    assert find().user == "0:0"
