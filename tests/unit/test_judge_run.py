"""Judging by `run` alone: the candidate prints its own number, in our box, under our clock."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from judge_room import JudgeRoom

from overnight.errors import MachineError
from overnight.model.contract import Budget, Guard, Holdout, Isolation, Objective, Tier
from overnight.model.experiment import Trust
from overnight.model.value import lookup
from overnight.sandbox.none import Unboxed

RUN = "sh train.sh"


@pytest.fixture
def room(tmp_path):
    return JudgeRoom(tmp_path, {"prepare.sh": "echo loss: 1\n"})


def test_the_printed_number_is_the_value_and_is_called_self_reported(room):
    measurement = room.measure("echo 'loss: 0.25'", run=RUN)
    assert measurement.failure is None
    assert lookup(measurement.values, "loss") == 0.25
    assert measurement.trust is Trust.self_reported
    assert (measurement.seed, measurement.split, measurement.host) == (7, "", "here")
    assert (measurement.tier, measurement.limits) == (Tier.contained, "soft")


def test_times_and_memory_are_measured_by_the_box_not_printed(room):
    measurement = room.measure("echo wall_seconds: 0; sleep 0.1; echo loss: 1", run=RUN)
    assert 0.1 <= (lookup(measurement.values, "wall_seconds") or 0) <= measurement.seconds
    assert (lookup(measurement.values, "cpu_seconds") or -1) >= 0
    assert 0 < (lookup(measurement.values, "peak_memory_mb") or 0) < 1000


def test_an_objective_that_the_box_measures_needs_no_output(room):
    measurement = room.measure("true", run=RUN, objective=Objective(metric="wall_seconds"))
    assert measurement.failure is None
    assert measurement.trust is Trust.measured


def test_the_command_runs_at_the_repositorys_own_path_in_the_folder_of_the_program(tmp_path):
    room = JudgeRoom(tmp_path, {"sub/train.sh": 'test "$PWD" = "$EXPECTED" && echo loss: 1'})
    isolation = Isolation(env=(("EXPECTED", str(room.root / "sub")),))
    assert room.loss(run=RUN, folder="sub", isolation=isolation) == 1


def test_what_a_run_writes_is_gone_in_the_next_and_never_in_the_repository(room):
    train = "test -e litter && echo loss: 2 || echo loss: 1; touch litter $HOME/litter /tmp/litter"
    judge, tree = room.judge(room.contract(run=RUN)), room.candidate({"train.sh": train})
    assert [lookup(judge.measure(tree, seed).values, "loss") for seed in (1, 2)] == [1, 1]
    assert not (room.root / "litter").exists()
    assert not (room.home / "litter").exists()


def test_seed_split_interpreter_and_variables_are_in_the_environment(room):
    train = 'echo "loss: $OVERNIGHT_SEED"; echo "depth: $DEPTH"; test "$OVERNIGHT_SPLIT" = search || exit 3\n'
    train += '"$OVERNIGHT_PYTHON" -c "print(\'python: 3\')"'
    measurement = room.measure(train, run=RUN, metrics=("depth", "python"), variables=(("DEPTH", "8"),), seed=41)
    assert [lookup(measurement.values, name) for name in ("loss", "depth", "python")] == [41, 8, 3]


def test_only_named_variables_of_the_person_come_through(room):
    train = 'test -z "$OTHER" && echo "loss: $DEVICES"'
    contract = room.contract(run=RUN, isolation=Isolation(pass_env=("DEVICES", "MISSING")))
    judge = room.judge(contract, environment={"DEVICES": "3", "OTHER": "x"})
    assert lookup(judge.measure(room.candidate({"train.sh": train}), 1).values, "loss") == 3


def test_the_seed_can_be_written_in_the_command_line(room):
    assert room.loss(run='echo "loss: $OVERNIGHT_SEED"', seed=5) == 5


def test_the_holdouts_command_replaces_run_for_its_split_only(room):
    keys = {"run": "echo loss: 1", "holdout": Holdout(certify='test "$OVERNIGHT_SPLIT" = certify && echo loss: 2')}
    assert room.loss(**keys) == 1
    assert room.loss(split="certify", **keys) == 2
    assert room.measure(split="certify", **keys).split == "certify"


def test_without_a_holdout_the_same_command_certifies(room):
    assert room.loss(run='test "$OVERNIGHT_SPLIT" = certify && echo loss: 1', split="certify") == 1


def test_data_is_readable_at_its_places_and_cannot_be_changed(room):
    room.write({"data/x": "3"})
    (room.home / "corpus").mkdir()
    (room.home / "corpus" / "y").write_text("4")
    train = 'echo 9 2>/dev/null > data/x; touch data/new 2>/dev/null; echo "loss: $(cat data/x)$(cat ~/corpus/y)"'
    assert room.loss(train, run=RUN, data=("data/**", "~/corpus/y")) == 34
    assert (room.root / "data" / "x").read_text() == "3"


def test_hidden_files_and_the_home_do_not_exist_for_the_candidate(room):
    room.write({"answers/a": "42"})
    (room.home / "private").write_text("42")
    train = f'echo "loss: $(cat answers/a {room.root}/answers/a ~/private {room.home}/private 2>/dev/null | wc -c)"'
    assert room.loss(train, run=RUN, hide=("answers/**",)) == 0


def test_a_folder_of_the_environment_is_bound_from_the_repository(room):
    room.write({".venv/bin/tool": "echo loss: 6"})
    assert room.loss("touch .venv/x 2>/dev/null; sh .venv/bin/tool", run=RUN, env_dirs=(".venv", "node_modules")) == 6
    assert not (room.root / ".venv" / "x").exists()


def test_a_candidate_in_the_place_of_data_is_a_failure(room):
    room.write({"data/x": "3"})
    judge = room.judge(room.contract(run=RUN, data=("data/**",)))
    failure = judge.measure(room.candidate({"data": "a file"}), 1).failure
    assert failure is not None
    assert failure.code == "artifact"


@pytest.mark.parametrize(
    ("train", "code"),
    [
        ("echo loss: 1; exit 3", "exit"),
        ("echo loss: 1; kill -9 $$", "exit"),
        ("no-such-program", "exit"),
        ("echo loss: nan", "non-finite"),
        ("echo loss: 1; echo loss: 2", "twice"),
        ("echo loss: one", "malformed"),
        ("echo loss: 1 >&2", "no-metric"),
        ("true", "no-metric"),
    ],
)
def test_what_is_no_number_is_a_failure(room, train, code):
    assert room.failure(train, run=RUN).code == code


def test_a_failing_command_shows_its_last_words_without_escape_codes(room):
    failure = room.failure("printf '\\033[31mout of cheese\\033[0m\\n' >&2; exit 3", run=RUN)
    assert failure.tail == "out of cheese"
    assert "code 3" in failure.detail


def test_a_command_that_is_not_there_is_said_to_be_missing(room):
    assert "could not find it" in room.failure(run="no-such-program").detail


@pytest.mark.parametrize(
    ("train", "budget", "code"),
    [
        ("echo loss: 1; sleep 60", Budget(wall=0.5, grace=0), "timeout"),
        ("while :; do :; done", Budget(wall=20, cpu_seconds=0.3, grace=0), "cpu"),
        ("echo loss: 1; yes", Budget(wall=20, output=10_000, grace=0), "output"),
        ("echo loss: 1; yes >&2", Budget(wall=20, output=10_000, grace=0), "output"),
        ("for i in 1 2 3 4 5 6 7 8 9; do sleep 9 & done; sleep 9", Budget(wall=20, pids=4, grace=0), "pids"),
        ("head -c 100000000 /dev/zero | tail -c 90000000 | sleep 9", Budget(wall=20, memory=30_000_000), "memory"),
        ("head -c 9000000 /dev/zero > big; sleep 9", Budget(wall=20, disk=1_000_000, grace=0), "disk"),
    ],
)
def test_what_breaks_the_budget_is_a_failure_with_its_code(room, train, budget, code):
    assert room.failure(train, run=RUN, budget=budget).code == code


def test_a_passing_guard_lets_the_number_through(room):
    measurement = room.measure("echo loss: 1", run=RUN, guards=(Guard(run="true"),))
    assert measurement.failure is None
    assert measurement.guard_trust == "self-reported"


def test_a_failing_guard_is_a_failure(room):
    failure = room.failure("echo loss: 1", run=RUN, guards=(Guard(run="echo 1 failed; exit 1"),))
    assert failure.code == "guard"
    assert failure.tail == "1 failed"


def test_a_guard_sees_the_candidate_but_not_what_its_run_left_nor_what_is_hidden(room):
    room.write({"answers": "42"})
    guard = Guard(run="grep -q 'loss: 1' train.sh && test ! -e litter && test ! -e answers")
    assert room.loss("echo loss: 1; touch litter", run=RUN, guards=(guard,), hide=("answers",)) == 1


@pytest.mark.parametrize(
    "report",
    [
        "==== 12 passed, 1 warning in 0.1s ====",
        "Ran 12 tests in 0.003s",
        "# pass 12",
        "Test Files  1 passed\nTests  12 passed",
    ],
)
def test_a_guard_must_report_as_many_passed_tests_as_were_asked_for(room, report):
    command = f"cat <<'END' >&2\n{report}\nEND"
    assert room.loss("echo loss: 1", run=RUN, guards=(Guard(run=command, min_tests=12),)) == 1
    failure = room.failure("echo loss: 1", run=RUN, guards=(Guard(run=command, min_tests=13),))
    assert failure.code == "guard"
    assert "12 passed tests" in failure.detail


def test_a_guard_that_reports_no_tests_at_all_has_run_none(room):
    assert room.failure("echo loss: 1", run=RUN, guards=(Guard(run="true", min_tests=1),)).code == "guard"


def test_data_that_changed_before_a_run_is_sealed_off(room):
    room.write({"data/x": "3"})
    judge = room.judge(room.contract(run="echo loss: 1", data=("data/**",)))
    assert judge.measure(room.base, 1).failure is None
    room.write({"data/x": "4"})
    failure = judge.measure(room.base, 1).failure
    assert failure is not None
    assert failure.code == "sealed"
    assert "data/x" in failure.detail


def test_data_that_changed_during_a_run_is_sealed_off(room):
    room.write({"data/x": "3"})
    contract = room.contract(run="echo loss: 1; sleep 0.5", data=("data/**",))
    judge = room.judge(contract)
    change = threading.Timer(0.2, room.write, [{"data/x": "4"}])
    change.start()
    failure = judge.measure(room.base, 1).failure
    change.join()
    assert failure is not None
    assert failure.code == "sealed"


def test_cancelling_ends_the_run_and_every_later_one(room):
    judge = room.judge(room.contract(run="sleep 60"))
    timer = threading.Timer(0.3, judge.cancel)
    timer.start()
    for _ in range(2):
        measurement = judge.measure(room.base, 1)
        assert measurement.failure is not None
        assert measurement.failure.code == "cancelled"
        assert measurement.seconds < 20
    timer.join()


def test_without_a_box_the_number_is_self_reported_even_if_the_clock_is_ours(room):
    contract = room.contract(run=RUN, objective=Objective(metric="wall_seconds"))
    measurement = room.judge(contract, Unboxed()).measure(room.base, 1)
    assert measurement.failure is None
    assert measurement.trust is Trust.self_reported
    assert measurement.tier is Tier.none


def test_without_a_box_data_and_environments_are_still_at_their_places(room):
    room.write({"data/x": "3", ".venv/y": "4"})
    (room.home / "corpus").mkdir()
    (room.home / "corpus" / "z").write_text("5")
    train = 'echo "loss: $(cat data/x .venv/y ~/corpus/z)"; touch ~/litter "$TMPDIR/litter"'
    contract = room.contract(run=RUN, data=("data/**", "~/corpus/**"), env_dirs=(".venv",))
    measurement = room.judge(contract, Unboxed()).measure(room.candidate({"train.sh": train}), 1)
    assert lookup(measurement.values, "loss") == 345
    assert not list(room.scratch.iterdir())
    assert not (room.home / "litter").exists()
    assert (room.root / "data" / "x").read_text() == "3"


def test_folders_that_the_candidate_closed_are_removed_all_the_same(room):
    assert room.loss("mkdir -p a/b; ln -s / a/root; chmod 0 a/b a; echo loss: 1", run=RUN) == 1


def test_a_scratch_that_cannot_be_used_is_our_own_failure_not_the_candidates(room):
    room.scratch.write_text("a file")
    with pytest.raises(MachineError, match="scratch"):
        room.judge(room.contract(run="echo loss: 1")).measure(room.base, 1)


def test_measurements_side_by_side_do_not_meet(room):
    train = 'test ! -e seed && echo $OVERNIGHT_SEED > seed; sleep 0.1; echo "loss: $(cat seed)"'
    judge, tree = room.judge(room.contract(run=RUN)), room.candidate({"train.sh": train})
    with ThreadPoolExecutor(3) as threads:
        measurements = list(threads.map(lambda seed: judge.measure(tree, seed), range(3)))
    assert [lookup(measurement.values, "loss") for measurement in measurements] == [0, 1, 2]
    assert not list(room.scratch.iterdir())


def test_an_environment_beside_the_folder_of_the_program_is_found(tmp_path):
    room = JudgeRoom(tmp_path, {"sub/train.sh": "cat ../.venv/x"})
    room.write({".venv/x": "loss: 6"})
    assert room.loss(run=RUN, folder="sub", env_dirs=("../.venv",)) == 6
