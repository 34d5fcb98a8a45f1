"""Contracts whose judge is broken: refused before the first experiment, with what to mend."""

import pytest
from boxes import box, strongest
from catalogue import Cheat, Kind, everywhere, refused
from study import JUDGE, SECRET, House, a_study, git

from overnight.engine.blind import refuse_blind_judge
from overnight.errors import ContractError, UsageError
from overnight.wiring.agents import build_agent
from overnight.wiring.contract import load
from overnight.wiring.crafted import empty_tree
from overnight.wiring.options import Options
from overnight.wiring.probe import probe
from overnight.wiring.site import find_site

BROKEN = "a contract whose judge is broken"
HISTORY = "read history for answers"
ASKED = refused("run refuses to start")
EMPTY = Cheat(
    row=BROKEN,
    does="an empty candidate would win",
    stopped_by="`run` measures an empty candidate first and refuses a judge that would keep it",
    **everywhere(ASKED),
)
BLIND = Cheat(
    row=BROKEN,
    does="the judge gives the same number whatever the candidate does",
    stopped_by="`overnight check --measure` breaks the editable files on purpose",
    **everywhere(ASKED),
)
OPEN = Cheat(
    row="edit the judge",
    does="waits for a contract whose `edit` reaches the judge or what it imports",
    stopped_by="`run` and `check` refuse such a contract",
    score=ASKED,
    drive=ASKED,
)
TRACKED = Cheat(
    row=HISTORY,
    does="waits for answers that were once committed",
    stopped_by="`run` and `check` refuse hidden files that git holds, now or in its history",
    score=ASKED,
    drive=ASKED,
)
CHEATS = (EMPTY, BLIND, OPEN, TRACKED)
GENEROUS = '''"""Counts mistakes, and finds none where there is nothing."""

from pathlib import Path

given = Path("out/pred.txt")
lines = given.read_text().split() if given.exists() else []
print(f"loss: {len(lines) / 8 + 0.1}")
'''
CONSTANT = {
    Kind.run: "def report(predict):\n    print('loss: 1.0')\n",
    Kind.score: "print('loss: 1.0')\n",
    Kind.drive: "print('loss: 1.0')\n",
}


def test_a_judge_that_an_empty_candidate_wins_is_refused(tmp_path):
    house = House(tmp_path, Kind.score, judge=GENEROUS)
    text = (house.root / "program.md").read_text().replace("run: python3", "run: mkdir out; touch out/x; python3")
    house.write({"program.md": text})
    git(house.root, "commit", "-qam", "what is handed over is there before anything runs")
    with a_study(house, box(strongest())) as study:
        lab = study.laboratory(
            build_agent("tuner", study.rooms, study.tree, 1),
            empty=empty_tree(study.site, study.rooms.contract, study.tree),
        )
        with pytest.raises(UsageError, match=r"an empty candidate .* would be kept"):
            refuse_blind_judge(lab)


@pytest.mark.parametrize("kind", [Kind.score, Kind.drive])
def test_a_judge_that_does_not_look_is_found_by_breaking_the_candidate(tmp_path, kind):
    house = House(tmp_path, kind, judge=CONSTANT[kind])
    with a_study(house, box(strongest())) as study:
        found = probe(study.rooms, study.tree)
        crashed = found.broken is not None and found.broken.failure is not None
        assert found.blind or crashed


@pytest.mark.parametrize("kind", [Kind.score, Kind.drive])
def test_a_contract_that_opens_the_judge_is_refused(tmp_path, kind):
    house = House(tmp_path, kind)
    program = house.root / "program.md"
    house.write({"program.md": program.read_text().replace('edit: [train.py, "lib/**"]', "edit: ['*.py']")})
    git(house.root, "commit", "-qam", "open")
    with pytest.raises(ContractError, match=r"judge\.py"):
        load(find_site(house.root), Options(environment=house.environment()))


@pytest.mark.parametrize("kind", [Kind.score, Kind.drive])
@pytest.mark.parametrize("removed", [False, True])
def test_answers_that_git_holds_or_held_are_refused(tmp_path, kind, removed):
    house = House(tmp_path, kind)
    git(house.root, "add", "-f", "answers/search.txt")
    git(house.root, "commit", "-qm", "oops")
    if removed:
        git(house.root, "rm", "-q", "--cached", "answers/search.txt")
        git(house.root, "commit", "-qm", "better")
    with pytest.raises(ContractError, match=r"answers/search\.txt") as error:
        load(find_site(house.root), Options(environment=house.environment()))
    assert SECRET not in str(error.value)


def test_the_judges_here_are_sound(tmp_path):
    for kind in Kind:
        with a_study(House(tmp_path / kind, kind), box(strongest())) as study:
            empty = empty_tree(study.site, study.rooms.contract, study.tree)
            refuse_blind_judge(study.laboratory(build_agent("tuner", study.rooms, study.tree, 1), empty=empty))
            assert not probe(study.rooms, study.tree).blind
    assert set(JUDGE) == set(Kind)
