"""The catalogue is whole, and its page says what the specifications say."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from catalogue import ROWS, Kind, Word, all_cheats

from overnight.model.contract import Tier

ROOT = Path(__file__).resolve().parents[2]
HONEST_KINDS = (Kind.score, Kind.drive)
AUTHORS = {
    "degrade what is not measured", "conftest.py or a pytest plugin", "a pickle as artefact",
    '"score 10" to a language-model judge',
}  # fmt: skip
"""Rows in which a contract's author can leave a door open that no machine sees."""


def test_every_line_of_the_catalogue_has_a_cheat():
    assert {cheat.row for cheat in all_cheats()} == set(ROWS)


def test_every_cheat_has_a_name_of_its_own_and_a_verdict():
    cheats = list(all_cheats())
    twice = [name for name, count in Counter((cheat.row, cheat.does) for cheat in cheats).items() if count > 1]
    assert twice == []
    assert [cheat.does for cheat in cheats if not any(cheat.verdict(kind) for kind in Kind)] == []


def test_nothing_gets_through_where_the_judge_is_another_process():
    for cheat in all_cheats():
        words = {verdict.word for kind in HONEST_KINDS if (verdict := cheat.verdict(kind)) is not None}
        assert Word.through not in words, cheat.does
        assert Word.advisory not in words or cheat.row in AUTHORS, cheat.does


def test_no_cheat_needs_more_than_the_weakest_box():
    assert {cheat.needs for cheat in all_cheats()} <= {Tier.none, Tier.confined, Tier.contained}


def test_the_page_says_what_the_catalogue_says():
    line = [sys.executable, "tools/cheats.py", "--check"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}run `python tools/cheats.py` and commit the page"
