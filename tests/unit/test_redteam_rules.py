"""What the attacks are, where they are written, and what an answer means."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.model.contract import Contract, Direction, Guard, Objective
from overnight.model.experiment import Failure, Measurement
from overnight.program.entry import Entry, entries
from overnight.rules.doctor import GIB, Health, clock, disk
from overnight.rules.redteam.advice import advice
from overnight.rules.redteam.answers import (
    Baseline,
    Secret,
    Status,
    answer,
    forged_lines,
    forged_value,
    head_of,
    read_secret,
    reported,
    same,
)
from overnight.rules.redteam.attack import Attack, attacks, not_there
from overnight.rules.redteam.facts import Facts, instance
from overnight.rules.redteam.plant import plant
from overnight.rules.redteam.shuffle import shuffled
from overnight.rules.scope import matches


def contract(**keys):
    objective = keys.pop("objective", Objective(metric="loss"))
    return Contract(title="t", prose="", objective=objective, edit=keys.pop("edit", ("*.py",)), **{"run": "", **keys})


def reading(value, **more):
    return Measurement(values=(("loss", value), ("loc", 10.0)), **more)


def baseline(*values, **keys):
    return Baseline(contract=contract(**keys), readings=tuple(map(reading, values)))


FORGE = Attack(name="forged-instead", title="", aim="forge", action="say")
ARTIFACT = Attack(name="artifact-empty", title="", aim="artifact", action="empty", target="out.txt")


@given(
    old=st.floats(-1e6, 1e6),
    direction=st.sampled_from(Direction),
    least=st.floats(0, 10),
    margin=st.floats(0.001, 1e6),
)
def test_a_forged_value_is_better_and_plausible(old, direction, least, margin):
    objective = Objective(metric="loss", direction=direction, min_effect=least, bounds=(old - margin, old + margin))
    forged = forged_value(baseline(old, objective=objective))
    assert objective.gain(old, forged) > -1e-3
    assert old - margin - 1e-3 <= forged <= old + margin + 1e-3


def test_forged_lines_claim_what_guards_ask_for_too():
    start = Baseline(
        contract=contract(guards=(Guard(metric="correct", min=1), Guard(metric="cpu_seconds", max=9))),
        readings=(Measurement(values=(("loss", 3.0), ("correct", 1.0), ("cpu_seconds", 2.0))),),
    )
    assert forged_lines(start) == f"loss: {forged_value(start)!r}\ncorrect: 1.0\n"


def test_a_forged_number_that_counts_got_through_and_a_refusal_is_a_detection():
    start = baseline(3.0)
    assert answer(FORGE, reading(forged_value(start)), start)[0] is Status.got_through
    assert answer(FORGE, reading(7.0), start)[0] is Status.prevented
    refused = Measurement(failure=Failure(code="twice", detail="loss was printed twice."))
    assert answer(FORGE, refused, start) == (Status.detected, "no number (twice): loss was printed twice")


def test_what_was_seen_as_tampering_is_a_detection_whatever_the_number():
    start = baseline(3.0)
    seen = reading(forged_value(start), tampering=("It touched a canary.",))
    assert answer(FORGE, seen, start) == (Status.detected, "seen as tampering: It touched a canary")


@pytest.mark.parametrize(("value", "status"), [(3.0, "got through"), (2.0, "got through"), (3.5, "prevented")])
def test_a_broken_artefact_must_score_worse(value, status):
    assert answer(ARTIFACT, reading(value), baseline(3.0))[0] == status


def test_a_guard_that_fails_is_a_detection():
    start = baseline(3.0, guards=(Guard(metric="loss", max=4),))
    assert answer(ARTIFACT, reading(5.0), start)[0] is Status.detected


def test_the_baseline_against_itself_is_held_to_min_effect():
    assert same(baseline(3.0, 3.0))[0] is Status.prevented
    assert same(baseline(3.0, 3.1))[0] is Status.noise
    patient = Objective(metric="loss", min_effect=0.2)
    assert same(baseline(3.0, 3.1, objective=patient))[0] is Status.prevented
    why, mend = advice(Attack(name="", title="", aim="same"), baseline(3.0, 3.1))
    assert "Noise alone" in why
    assert float(mend.rpartition(" ")[2]) > 0.1


def test_only_a_line_with_the_nonce_is_a_report():
    told = Measurement(failure=Failure(code="exit", detail="", tail="x=1\nnonce-1 a=1 b=0\nnonce-2 a=0"))
    assert reported("nonce-1", told) == {"a": "1", "b": "0"}
    assert reported("nonce-3", told) is None
    assert reported("nonce-1", Measurement()) is None


def test_reading_a_secret_is_told_from_reading_a_decoy():
    secret = Secret(key="hidden-1", title="", path="/answers", heads=(head_of(b"yes"), head_of(b"no")))
    touched = Measurement(tampering=("The candidate opened a decoy.",))
    assert read_secret(secret, {"hidden-1": f"{head_of(b'decoy')},{head_of(b'no')}"}, touched)[0] is Status.got_through
    assert read_secret(secret, {"hidden-1": head_of(b"decoy")}, touched)[0] is Status.detected
    assert read_secret(secret, {"hidden-1": ""}, Measurement())[0] is Status.prevented


def test_attacks_that_need_no_work_come_first_and_names_are_unique():
    found = attacks(contract(score="python judge.py", artifacts=("a.txt", "b/*.npy", "c", "d"), labels=("y.csv",)))
    works = [attack.works for attack in found]
    assert works == sorted(works)
    assert len({attack.name for attack in found}) == len(found)
    assert {attack.target for attack in found} == {"", "a.txt", "b/*.npy", "c"}


def test_what_cannot_be_tried_is_said():
    assert {name for name, _ in not_there(contract())} == {"artifacts", "shuffled-labels", "hidden"}
    everything = contract(score="x", artifacts=("a",), labels=("y",), hide=("h",))
    assert not_there(everything) == ()


TRACKED = ("model.py", "bench.py", "run.sh", "main.mjs", "q.sql", "pkg/core.py")


@pytest.mark.parametrize(
    ("run", "edit", "found"),
    [
        ("python3 model.py", ("model.py",), ("model.py", "python")),
        ("$OVERNIGHT_PYTHON bench.py | python model.py > out", ("model.py",), ("model.py", "python")),
        ("sh run.sh", ("run.sh",), ("run.sh", "sh")),
        ("node main.mjs", ("*.mjs",), ("main.mjs", "node")),
        ("python bench.py", ("pkg/*.py",), ("pkg/core.py", "python")),
        ("python bench.py", ("main.mjs",), ("main.mjs", "node")),
    ],
)
def test_the_file_that_the_command_runs_is_found_with_its_language(run, edit, found):
    sources = {**dict.fromkeys(TRACKED, ""), "bench.py": "from pkg import core\nrun('main.mjs')\n"}
    entered = entries(contract(run=run, edit=edit), TRACKED, sources, matches=matches)[0]
    assert isinstance(entered, Entry)
    assert (entered.path, entered.language) == found


def test_what_the_command_starts_comes_before_what_is_imported_and_what_is_only_named():
    sources = {**dict.fromkeys(TRACKED, ""), "bench.py": "run('main.mjs')\nfrom pkg import core\nimport bench\n"}
    found = entries(contract(run="python bench.py; sh run.sh", edit=("**",)), TRACKED, sources, matches=matches)
    assert [(one.path, one.language) for one in found] == [
        ("bench.py", "python"), ("run.sh", "sh"), ("pkg/core.py", "python"),
    ]  # fmt: skip


def test_no_entry_says_why():
    sources = dict.fromkeys(TRACKED, "")
    assert entries(contract(run="python bench.py", edit=("q.sql",)), TRACKED, sources, matches=matches) == (
        "no attack is written for .sql"
    )
    locked = entries(contract(run="python bench.py", edit=("model.py",)), TRACKED, sources, matches=matches)
    assert "starts bench.py, which may not be edited" in locked


@pytest.mark.parametrize("attack", attacks(contract(score="j", artifacts=("out/*.txt",))), ids=lambda one: one.name)
def test_every_planted_python_file_compiles(attack):
    if attack.action:
        text = 'from __future__ import annotations\nprint("""x""")\n'
        compile(plant(attack, "python", text, Facts(nonce="n")), "planted", "exec")


def test_what_leaves_without_looking_back_is_not_attacked_afterwards():
    late = Attack(name="", title="", aim="artifact", action="truncated", target="a", works=True)
    with pytest.raises(ValueError, match="nothing run after"):
        plant(late, "sh", "exec python train.py\n", Facts(nonce="n"))


@pytest.mark.parametrize("glob", ["out/pred.npy", "out/*.npy", "out/**", "**/x?.txt", "a/**/b.txt", "out/"])
def test_an_instance_of_a_pattern_is_matched_by_it(glob):
    assert matches((glob,), instance(glob))


ROWS = {
    "y.txt": b"1\n2\n3\n4\n5\n",
    "y.csv": b"id,label\na,1\nb,2\nc,3\nd,4\n",
    "y.jsonl": b'{"id": "a", "y": 1}\n{"id": "b", "y": 2}\n{"id": "c", "y": 3}\n',
    "y.json": b"[1, 2, 3, 4]",
    "y.npy": b"\x93NUMPY\x01\x00v\x00{'descr': '<i2', 'fortran_order': False, 'shape': (4,), }".ljust(127) + b"\n"
    + bytes([1, 0, 2, 0, 3, 0, 4, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_shuffled_labels_are_the_same_labels_in_another_order(name):
    made = shuffled(ROWS[name], name, Random(1))
    assert made is not None
    assert made != ROWS[name]
    assert sorted(made.replace(b" ", b"")) == sorted(ROWS[name].replace(b" ", b""))


def test_in_a_table_the_labels_leave_their_rows_and_the_names_stay():
    made = shuffled(ROWS["y.csv"], "y.csv", Random(1)).decode().split("\n")
    assert made[0] == "id,label"
    assert [line[:1] for line in made[1:5]] == ["a", "b", "c", "d"]
    rows = [json.loads(line) for line in shuffled(ROWS["y.jsonl"], "y.jsonl", Random(1)).splitlines()]
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert [row["y"] for row in rows] != [1, 2, 3]


@pytest.mark.parametrize("data", [b"one\n", b"same\nsame\n", b""])
def test_labels_that_have_no_other_order_are_not_shuffled(data):
    assert shuffled(data, "y.txt", Random(1)) is None


@given(st.binary(max_size=200), st.sampled_from(["y.csv", "y.json", "y.jsonl", "y.txt", "y.npy"]))
def test_no_bytes_make_the_shuffle_fail(data, name):
    shuffled(data, name, Random(1))
    shuffled(b"\x93NUMPY" + data, name, Random(1))


def test_room_on_a_disk_is_fine_short_or_none():
    healths = [disk("scratch", "/x", free, 4 * GIB).health for free in (9 * GIB, GIB, 1024)]
    assert healths == [Health.ok, Health.warning, Health.problem]


def test_a_clock_that_jumps_is_a_warning():
    assert clock(0.01, 0.0, synchronised=None).health is Health.ok
    assert clock(-3.0, 0.0, synchronised=True).health is Health.warning
    assert clock(0.0, 0.0, synchronised=False).health is Health.warning
    assert "suspended for 90 s" in clock(0.0, 90.0, synchronised=True).text
