"""An outside simulator drives the product's policies over JSON lines, as somebody would who has nothing else of it."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

DOOR = Path(__file__).parents[2] / "benchmarks/night/stdio.py"
POLICIES = ["default", "ratchet", "linear", "audit", "islands", "portfolio", "auto"]


class Outside:
    """A tiny world: every proposal adds a step in [-3, 2]; a reading has the given noise; one in ten crashes."""

    def __init__(self, *, sigma, budget, policy="default", direction="max", tau=None, seed=1, crashes=0.1):
        self.rng = Random(f"{sigma} {budget} {direction} {seed}")
        self.sigma, self.left, self.sign = sigma, budget, 1 if direction == "max" else -1
        self.truth, self.crashed, self.crashes = {7: 100.0}, set(), crashes
        self.parent, self.said, self.splits, self.measured = {}, [], [], []
        command = [sys.executable, str(DOOR), "--policy", policy]
        self.door = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        start = {"event": "start", "budget": budget, "root": 7, "direction": direction, "seed": seed, "tau": tau}
        answer = self.tell(start)
        while answer["do"] != "stop":
            answer = self.tell(self.do(answer))
        self.door.stdin.close()
        self.exit = self.door.wait(timeout=20)
        self.door.stdout.close()
        self.last = answer

    def tell(self, event):
        self.door.stdin.write(json.dumps({**event, "left": self.left}) + "\n")
        self.door.stdin.flush()
        answer = json.loads(self.door.stdout.readline())
        self.said.append(answer)
        return answer

    def do(self, answer):
        if answer["do"] == "measure":
            self.left -= 1
            node = answer["node"]
            self.splits.append(answer["split"])
            self.measured.append(node)
            value = None if node in self.crashed else self.truth[node] + self.rng.gauss(0, self.sigma)
            return {"event": "measured", "node": node, "value": value}
        assert answer["do"] in {"propose", "merge"}
        parent = answer["parent"]
        node = 7 + 3 * len(self.truth)
        self.parent[node] = parent
        self.truth[node] = self.truth[parent] + self.sign * self.rng.uniform(-3, 2)
        if self.rng.random() < self.crashes:
            self.crashed.add(node)
        return {"event": "proposed", "node": node, "parent": parent, "hint": int(self.rng.random() < 0.1)}

    def gain(self, node):
        return self.sign * (self.truth[node] - self.truth[7])


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_stops_within_the_budget_with_a_better_node_and_an_honest_claim(policy):
    night = Outside(sigma=0.5, budget=120, policy=policy)
    assert night.exit == 0
    assert 0 <= night.left <= 20
    assert night.gain(night.last["best"]) > 2
    low, high = night.last["ci"]
    assert low <= night.last["claim"] <= high
    assert abs(night.last["claim"] - night.gain(night.last["best"])) < 1.5
    assert night.last["best"] not in night.crashed


def test_only_certification_reads_the_held_out_split_and_in_pairs():
    night = Outside(sigma=0.5, budget=250)
    first = night.splits.index("hold")
    assert set(night.splits[:first]) == {"val"}
    assert set(night.splits[first:]) == {"hold"}
    held = night.measured[first:]
    assert len(held) == 10
    assert sorted(set(held)) == sorted({7, night.last["best"]})
    assert held.count(7) == 5


def test_a_metric_that_is_better_when_it_is_smaller_is_minimised():
    night = Outside(sigma=0.5, budget=120, direction="min")
    assert night.truth[night.last["best"]] < 98
    assert night.last["claim"] > 0


def test_without_noise_nothing_but_a_confirmation_is_read_twice():
    night = Outside(sigma=0.0, budget=60, crashes=0.0)
    assert night.gain(night.last["best"]) > 2
    assert abs(night.last["claim"] - night.gain(night.last["best"])) < 1e-9


def test_a_doubt_that_readings_cannot_remove_is_in_the_interval():
    plain = Outside(sigma=0.5, budget=120).last["ci"]
    doubtful = Outside(sigma=0.5, budget=120, tau=1.0).last["ci"]
    assert doubtful[1] - doubtful[0] > 2 * 1.96 * 1.0 > plain[1] - plain[0]


def test_the_same_world_and_seed_give_the_same_night():
    assert Outside(sigma=1.0, budget=80).said == Outside(sigma=1.0, budget=80).said


def test_a_root_that_never_gives_a_number_ends_the_night():
    start = {"event": "start", "budget": 50, "root": 0, "direction": "max", "seed": 1, "left": 50, "tau": None}
    crash = {"event": "measured", "node": 0, "value": None, "left": 40}
    answer = _talk(*(json.dumps(line) for line in (start, crash, crash, crash)))
    assert answer.returncode == 0
    assert json.loads(answer.stdout.splitlines()[-1])["do"] == "stop"


START = '{"event": "start", "budget": 50, "root": 0, "direction": "max", "seed": 1, "left": 50}'


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["hello"], "line 1: no JSON"),
        (["[1]"], "line 1: [1] is no JSON object"),
        (['{"event": "measured", "node": 0, "value": 1}'], 'the first line is a "start"'),
        (['{"event": "start", "root": 0}'], '"budget" is missing'),
        (['{"event": "start", "budget": 0}'], '"budget" is 0: a whole number of at least 1'),
        (['{"event": "start", "budget": 9, "direction": "up"}'], '"direction" is "up": "max" or "min"'),
        (['{"event": "start", "budget": 9, "tau": -1}'], '"tau" is -1'),
        ([START, '{"event": "measured", "node": 5, "value": 1.0}'], 'line 2: "node" is 5: 0 was asked for'),
        ([START, '{"event": "proposed", "node": 1}'], '"event" is "proposed": "measured" was asked for'),
        ([START, '{"event": "measured", "node": 0}'], '"value" is missing'),
        ([START, '{"event": "measured", "node": 0, "value": NaN}'], '"value" is NaN: a finite number or null'),
        ([START, '{"event": "measured", "node": 0, "value": true}'], "a finite number or null"),
    ],
)
def test_a_bad_line_is_answered_with_one_clear_message_and_exit_code_2(lines, said):
    answer = _talk(*lines)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert len(answer.stdout.splitlines()) == len(lines) - 1


def test_an_end_of_input_is_no_error():
    assert _talk(START).returncode == 0


def _talk(*lines):
    return subprocess.run(
        [sys.executable, str(DOOR)],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=30,
    )
