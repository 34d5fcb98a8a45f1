"""Attacks on a person's own judge: what gets through, what to write, and that the night looks at it."""

import json
import shutil

import pytest
from person import begun, printing

pytestmark = pytest.mark.e2e

SCORER = """import json
answers = json.load(open('answers/y.json'))
found = json.load(open('pred.json'))
assert isinstance(found, list) and len(found) == len(answers) and all(type(one) is int for one in found)
print('loss:', sum(abs(one - other) for one, other in zip(found, answers)) / len(answers))
"""
GUESSES = "import json\njson.dump([1, 2, 3, 5, 8, 13], open('pred.json', 'w'))\n"


def scored(project, **keys):
    project.write({"answers/y.json": "[1, 2, 4, 8, 16, 32]", ".gitignore": "answers\n"})
    files = {"judge.py": keys.pop("judge", SCORER)}
    shape = {"score": "python3 judge.py", "artifacts": ["pred.json"], "hide": ["answers/**"], "min_effect": 0.01}
    return begun(project, **{"model": GUESSES, "files": files, **shape, **keys})


def attacked(project, *options, code=0):
    done = project.overnight("redteam", "--json", *options, code=code)
    found = json.loads(done.stdout)
    return found, {one["name"]: one for one in found["attacks"]}


def test_nothing_gets_through_a_judge_that_scores_hidden_answers(project):
    scored(project)
    before = project.fingerprint()
    found, by_name = attacked(project)
    assert (found["ok"], found["got_through"]) == (True, [])
    assert by_name["artifact-missing"]["status"] == by_name["artifact-symlink"]["status"] == "detected"
    assert by_name["constant"]["status"] == by_name["forged-before"]["status"] == "prevented"
    assert by_name["hidden-1"]["status"] in {"prevented", "detected"}, "a decoy may stand there"
    assert by_name["ledger"]["status"] == by_name["loopback"]["status"] == "prevented"
    assert by_name["daemon"]["status"] == "prevented"
    assert by_name["past-wall"]["status"] == "detected"
    assert by_name["shuffled-labels"]["status"] == "not applicable"
    assert project.fingerprint() == before


def test_a_candidate_that_prints_its_own_number_is_believed_and_that_is_said(project):
    begun(project)
    done = project.overnight("redteam", code=1)
    assert "GOT THROUGH" in done.stdout
    assert "This judge believes whatever the candidate prints: trust self-reported" in done.stdout
    assert 'score: python judge.py   # yours, outside `edit`: reads out.txt, prints "loss: NUMBER"' in done.stdout
    found, by_name = attacked(project, code=1)
    assert found["got_through"] == ["forged-instead"]
    assert "twice" in by_name["forged-before"]["detail"]
    assert by_name["artifacts"]["status"] == "not applicable"


def test_a_judge_that_does_not_look_is_found_out_with_each_thing_it_overlooks(project):
    overlooks = "import os\nprint('loss:', 3 if os.path.exists('pred.json') else 4)\n"
    scored(project, judge=overlooks, hide=None, artifacts=["pred.json"])
    found, by_name = attacked(project, code=1)
    assert {"artifact-truncated", "constant"} <= set(found["got_through"])
    assert "check the size" in by_name["constant"]["mend"]


def test_a_judge_that_accepts_nothing_at_all_is_found_out(project):
    begun(project, model="print(sum(range(3_000_000)))\n", metric="cpu_seconds", bounds=None)
    found, by_name = attacked(project, "--quick", code=1)
    assert {"empty", "exit-0"} <= set(found["got_through"])
    assert "must: pass" in by_name["empty"]["mend"]
    assert "left out by --quick" in by_name["forged-before"]["detail"]


def test_a_judge_for_which_no_number_is_no_error_is_found_out(project):
    """NaN is not larger than anything, so whoever counts what is too large counts nothing."""
    counting = SCORER.replace("sum(abs(one - other) for", "sum(abs(one - other) > 0.1 for")
    counting = counting.replace("and all(type(one) is int for one in found)", "")
    scored(project, judge=counting)
    found, by_name = attacked(project, code=1)
    assert "nan" in found["got_through"]
    assert "values in pred.json can be right" in by_name["nan"]["mend"]


def test_noise_that_passes_for_a_gain_is_a_finding_with_the_line_to_write(project):
    noisy = "import os\nprint('loss:', 5 + int(os.environ['OVERNIGHT_SEED']) % 1000 / 1000)\n"
    begun(project, model=noisy)
    found, by_name = attacked(project, code=1)
    assert by_name["baseline-twice"]["status"] == "noise"
    assert (found["noise"], found["ok"]) == (True, False)
    assert "baseline-twice" not in found["got_through"]
    assert "min_effect: " in by_name["baseline-twice"]["mend"]


def test_labels_in_git_and_hidden_ones_are_shuffled(project):
    scored(project, labels=["answers/y.json"])
    assert attacked(project)[1]["shuffled-labels"]["status"] == "prevented"
    judge = "import json\nprint('loss:', sum(json.load(open('pred.json'))))\njson.load(open('y.json'))\n"
    scored(project, judge=judge, hide=None, labels=["y.json"], files={"y.json": "[1, 2, 3]", "judge.py": judge})
    assert "shuffled-labels" in attacked(project, code=1)[0]["got_through"]


def test_attacks_are_written_in_the_language_of_the_candidate(project):
    shell = '#!/bin/sh\nmkdir -p out\nx=3\necho "$x 20" > out/pred.txt\n'
    judge = (
        "import sys\nx, y = open('out/pred.txt').read().split()\nprint('loss:', abs(int(x) - 7) + abs(int(y) - 20))\n"
    )
    keys = {"edit": ["model.sh"], "score": "python3 judge.py", "artifacts": ["out/*.txt"], "hide": ["secret.txt"]}
    project.write({"secret.txt": "7\n", ".gitignore": "secret.txt\n"})
    begun(project, files={"model.sh": shell, "judge.py": judge}, run="sh model.sh", **keys)
    found, by_name = attacked(project)
    assert by_name["hidden-1"]["status"] in {"prevented", "detected"}
    assert by_name["constant"]["detail"].startswith("it scores worse")
    assert by_name["artifact-truncated"]["status"] != "not applicable"
    assert by_name["loopback"]["status"] == "not applicable"
    assert found["got_through"] == []


def test_attacks_are_written_in_javascript_too(project):
    assert shutil.which("node"), "these specifications need node"
    script = "const fs = require('fs');\nfs.writeFileSync('pred.txt', '3 20\\n');\n"
    judge = "x, y = open('pred.txt').read().split()\nprint('loss:', abs(int(x) - 7) + abs(int(y) - 20))\n"
    keys = {"edit": ["model.js"], "score": "python3 judge.py", "artifacts": ["*.txt"]}
    begun(project, files={"model.js": script, "judge.py": judge}, run="node model.js", **keys)
    found, by_name = attacked(project)
    assert by_name["loopback"]["status"] == by_name["ledger"]["status"] == "prevented"
    assert by_name["artifact-fifo"]["status"] == by_name["artifact-missing"]["status"] == "detected"
    assert by_name["constant"]["detail"].startswith("it scores worse")
    assert found["got_through"] == []


def test_an_artefact_without_a_figure_has_no_constants_to_be_replaced_by(project):
    model = "import os\nos.makedirs('out')\nopen('out/pred.txt', 'w').write('words')\n"
    judge = "print('loss:', 9 - len(open('out/pred.txt').read()))\n"
    begun(project, model=model, files={"judge.py": judge}, score="python3 judge.py", artifacts=["out"])
    found, by_name = attacked(project)
    assert (by_name["constant"]["status"], by_name["artifact-truncated"]["status"]) == ("not applicable", "prevented")
    assert found["got_through"] == []


def test_a_language_without_attacks_still_gets_the_null_candidates(project):
    runner = "print('loss:', len(open('query.sql').read()) or 1000)\n"
    begun(project, edit=["query.sql"], run="python3 bench.py", files={"query.sql": "SELECT 1;\n", "bench.py": runner})
    found, by_name = attacked(project)
    assert by_name["empty"]["status"] == "prevented"
    assert by_name["forged-instead"]["detail"] == "no attack is written for .sql"
    assert found["ok"]


def test_an_imported_module_is_attacked_where_the_command_itself_is_locked(project):
    bench = "import model\nprint('loss:', model.answer())\n"
    begun(project, model="def answer():\n    return 3\n", run="python3 bench.py", files={"bench.py": bench})
    assert attacked(project, code=1)[0]["got_through"] == ["forged-instead"]


UNUSED = "import os\nif os.environ.get('NEVER'):\n    import model\nprint('loss:', 3)\n"


def test_what_is_planted_where_nothing_runs_shows_nothing(project):
    begun(project, run="python3 bench.py", files={"bench.py": UNUSED})
    found, by_name = attacked(project, code=1)
    for name in ("exit-1", "forged-instead", "forged-after", "daemon"):
        assert by_name[name]["status"] == "not applicable"
        assert "without running model.py" in by_name[name]["detail"]
    assert found["got_through"] == ["empty"]


def test_of_several_modules_the_one_that_runs_is_attacked(project):
    bench = UNUSED.replace("print('loss:', 3)", "import core\nprint('loss:', core.answer())")
    files = {"bench.py": bench, "core.py": "def answer():\n    return 3\n"}
    begun(project, run="python3 bench.py", edit=["model.py", "core.py"], files=files)
    by_name = attacked(project, code=1)[1]
    assert by_name["forged-instead"]["status"] == "got through"
    assert by_name["exit-1"]["status"] == "detected"


def test_without_a_box_what_a_candidate_could_do_is_shown(project):
    scored(project)
    found, by_name = attacked(project, "--isolation", "none", "--quick", code=1)
    assert {"hidden-1", "ledger", "loopback"} <= set(found["got_through"])
    assert "overnight doctor" in by_name["hidden-1"]["mend"]


def test_what_redteam_read_is_not_read_again_by_the_night(project):
    begun(project)
    attacked(project, code=1)
    project.overnight("run", "--experiments", 0)
    first = project.status()
    assert first["evaluations"] == first["baseline_readings"] + 1
    attacked(project, "--quick", code=1)
    after = project.status()
    assert after["evaluations"] > first["evaluations"]
    assert (after["experiments"], after["segments"]) == (0, 1)
    assert "forged-instead" in project.git("log", "--format=%s", "refs/overnight/project/ledger")


def test_a_judge_without_a_number_for_the_unchanged_code_cannot_be_attacked(project):
    begun(project, model="print('nothing')\n")
    assert "the unchanged code gives no acceptable number" in project.overnight("redteam", code=2).stderr


def test_program_md_may_be_named_and_its_absence_is_said(project):
    begun(project)
    elsewhere = project.overnight("redteam", "--quick", project.root / "program.md", code=1, cwd=project.root.parent)
    assert "attacking the judge of" in elsewhere.stdout
    (project.root / "program.md").unlink()
    assert "overnight init" in project.overnight("redteam", code=2).stderr


def test_files_of_the_judge_stay_out_of_the_way_of_wide_globs(project):
    files = {"judge.py": "print('loss:', open('pred.txt').read())\n"}
    begun(project, model="open('pred.txt', 'w').write('3')\n" + printing(note=1), files=files, score="python3 judge.py",
          artifacts=["*.txt"])  # fmt: skip
    assert attacked(project, "--quick", code=None)[1]["artifact-fifo"]["status"] == "detected"
