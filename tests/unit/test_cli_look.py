import errno
import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from cli_house import House, call, git, rows_of, write
from cli_night import baseline, certificate, opened, tried, whole_night
from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.ledger import StudyLock
from overnight.model.event import Paused
from overnight.model.experiment import Outcome
from overnight.rules.fold import fold

STATUS_KEYS = {
    "study", "metric", "direction", "unit", "baseline", "best", "gain", "experiments", "kept", "discarded", "crashed",
    "violations", "trust", "seconds", "evaluations", "duplicates", "inconclusive", "best_number", "best_commit",
    "gain_percent", "certified", "tier", "running", "pending", "cost_usd", "holdout_reads", "digest", "base",
    "min_effect", "noise", "estimate", "estimate_sd", "certified_low", "certified_high", "gate_looks", "demotions",
}  # fmt: skip
LOG_KEYS = {
    "number", "commit", "parent", "outcome", "reason", "value", "values", "trust", "agent", "summary", "seconds",
    "parent_commit", "gain", "paths", "added", "deleted", "hypothesis", "failure", "tier", "same_as", "cost_usd",
    "breaches", "note", "estimate", "estimate_sd", "kind", "gate",
}  # fmt: skip


def test_status_json_has_the_promised_fields_with_real_numbers(house):
    write(house, whole_night())
    result = call(house, "status", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert set(found) >= STATUS_KEYS
    assert (found["study"], found["metric"], found["direction"], found["unit"]) == (
        "lm", "val_bpb", "minimize", "bits/byte"
    )  # fmt: skip
    assert (found["baseline"], found["best"], found["experiments"]) == (2.01, 1.4, 5)
    assert found["gain"] == pytest.approx(0.61)
    assert (found["kept"], found["discarded"], found["crashed"], found["violations"]) == (2, 1, 1, 1)
    assert (found["trust"], found["certified"], found["tier"]) == ("scored", "holdout", "contained")
    assert found["running"] is False
    assert found["best_number"] == 5
    assert found["best_commit"] == git(house.root, "rev-parse", found["best_commit"])


def test_status_for_people_says_the_same_numbers(house):
    write(house, whole_night())
    text = call(house, "status").stdout
    for needed in ("2.01 bits/byte", "1.4 bits/byte", "0.61 bits/byte (30.3 %)", "certified: holdout", "2 kept"):
        assert needed in text


def test_status_without_a_number_has_nulls(house):
    write(house, opened())
    found = json.loads(call(house, "status", "--json").stdout)
    assert (found["baseline"], found["best"], found["gain"], found["trust"]) == (None,) * 4


def test_log_json_is_one_object_a_line_oldest_first_with_the_baseline(house):
    write(house, whole_night())
    rows = rows_of(house)
    assert [row["number"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert [row["outcome"] for row in rows] == ["baseline", "keep", "discard", "crash", "violation", "keep"]
    assert [row["parent"] for row in rows] == [None, 0, 1, 1, 1, 1]
    for row in rows:
        assert set(row) >= LOG_KEYS
    assert rows[1]["values"] == {"val_bpb": 1.6, "wall_seconds": 1.5}
    assert rows[3]["failure"]["code"] == "exit"
    assert rows[4]["breaches"] == [{"path": "judge.py", "rule": "locked", "detail": "changed"}]


def test_log_can_be_narrowed(house):
    write(house, whole_night())
    assert [row["number"] for row in rows_of(house, "--outcome", "keep")] == [1, 5]
    assert [row["number"] for row in rows_of(house, "--last", "2")] == [4, 5]


def test_log_for_people_is_a_plain_table_when_piped(house):
    write(house, whole_night())
    text = call(house, "log").stdout
    assert "\x1b" not in text
    assert len(text.splitlines()) == 7
    assert "✓ keep" in text
    assert "val_bpb" in text.splitlines()[0]


def test_log_tsv_prints_or_writes_the_five_columns(house, tmp_path):
    write(house, whole_night())
    printed = call(house, "log", "--tsv").stdout
    assert printed.splitlines()[0].split("\t") == ["commit", "val_bpb", "memory_gb", "status", "description"]
    out = tmp_path / "results.tsv"
    assert call(house, "log", "--tsv", str(out)).exit_code == 0
    assert out.read_text() == printed


def test_a_file_without_tsv_is_refused(house, tmp_path):
    write(house, whole_night())
    assert call(house, "log", str(tmp_path / "x")).exit_code == 2


def test_show_tells_everything_and_escapes_it(house):
    write(house, whole_night())
    text = call(house, "show", "3").stdout
    assert "exit code 1" in text
    assert "| Trace" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "judge.py (locked: changed)" in call(house, "show", "4").stdout
    assert "val_bpb 1.4" in call(house, "show", "5").stdout
    assert "believed   1.4" in call(house, "show", "5").stdout
    assert "asked for  expand (change the best)" in call(house, "show", "5").stdout
    assert "children   #2, #3, #4, #5 (kept)" in call(house, "show", "1").stdout
    assert "was the best until #5" in call(house, "show", "1").stdout
    assert "is the best so far" in call(house, "show", "5").stdout


def test_show_json_holds_the_raw_readings(house):
    write(house, whole_night())
    found = json.loads(call(house, "show", "1", "--json").stdout)
    assert found["readings"][0]["values"] == {"val_bpb": 1.6, "wall_seconds": 1.5}
    assert found["readings"][0]["seed"] == 3
    assert found["children"] == [2, 3, 4, 5]
    assert found["promoted"] is True


def test_an_experiment_that_does_not_exist_is_refused_with_the_range(house):
    write(house, whole_night())
    for verb in ("show", "diff"):
        result = call(house, verb, "17")
        assert result.exit_code == 2
        assert result.stderr == (
            "overnight: there is no experiment 17: study lm has 0 (the unchanged code) to 5\n"
        )  # fmt: skip


def test_diff_is_against_the_parent_or_the_baseline(house):
    write(house, whole_night())
    parent = call(house, "diff", "5").stdout
    whole = call(house, "diff", "5", "--base").stdout
    assert "-order = 1" in parent
    assert "-order = 3" in whole
    assert "+order = 5" in parent
    assert "\x1b" not in parent


def test_diff_json_counts_lines_and_names_paths(house):
    write(house, whole_night())
    found = json.loads(call(house, "diff", "1", "--json").stdout)
    assert found["number"] == 1
    assert "train.py" in found["paths"]
    assert found["added"] > 0
    assert found["deleted"] > 0
    assert "+order = 1" in found["diff"]


def test_a_diff_written_to_a_file_applies(house, tmp_path):
    write(house, whole_night())
    patch = tmp_path / "p.diff"
    assert call(house, "diff", "5", "--out", str(patch)).exit_code == 0
    first = git(house.root, "rev-parse", json.loads(call(house, "show", "1", "--json").stdout)["commit"])
    git(house.root, "checkout", "-q", "--detach", first)
    git(house.root, "apply", str(patch))
    assert (house.root / "train.py").read_text().startswith("order = 5\n")


def test_what_has_no_diff_says_why(house):
    write(house, whole_night())
    assert "is the unchanged code" in call(house, "diff", "0").stderr
    assert "broke the contract" in call(house, "diff", "4").stderr


def test_the_report_is_printed_and_kept_beside_the_study(house):
    write(house, whole_night())
    result = call(house, "report")
    assert result.exit_code == 0
    assert result.stdout.startswith("# overnight: lm\n")
    assert (house.root / ".git/overnight/lm/report.md").read_text() == result.stdout
    assert "+order = 1" in result.stdout
    assert "\x1b" not in result.stdout


def test_the_report_as_json_and_in_a_file(house, tmp_path):
    write(house, whole_night())
    out = tmp_path / "r.md"
    found = json.loads(call(house, "report", "--json", "--out", str(out)).stdout)
    assert found["markdown"] == out.read_text()
    assert found["merge"] == [1, 5]
    assert found["headline"].startswith("A win")
    assert found["certificate"]["baseline"] == 2.1


def test_a_report_that_cannot_be_written_is_a_usage_error(house, tmp_path):
    write(house, whole_night())
    result = call(house, "report", "--out", str(tmp_path / "no" / "folder" / "r.md"))
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


def test_stop_says_when_nothing_runs_and_leaves_the_ledger_alone(house):
    write(house, whole_night())
    before = house.journal.head()
    result = call(house, "stop")
    assert result.exit_code == 0
    assert "Nothing is running" in result.stdout
    assert house.journal.head() == before
    assert json.loads(call(house, "stop", "--json").stdout)["running"] is False


def test_stop_asks_the_running_study_through_the_ledger(house, holder):
    write(house, whole_night()[:-1])
    found = json.loads(call(house, "status", "--json").stdout)
    assert found["running"] is True
    assert found["pid"] == holder.pid
    answer = json.loads(call(house, "stop", "--json").stdout)
    assert (answer["running"], answer["asked"], answer["pid"]) == (True, True, holder.pid)
    events = [event for _, group in house.journal.read() for event in group]
    assert isinstance(events[-1], Paused)
    assert abs(events[-1].at - time.time()) < 60
    assert fold([tuple(events)]).paused
    assert holder.poll() is None


def test_stop_now_ends_the_process_that_holds_the_study(house, holder):
    write(house, opened())
    assert call(house, "stop", "--now").exit_code == 0
    assert holder.wait(timeout=10) == -signal.SIGTERM


def test_two_requests_to_stop_at_once_are_both_recorded(house):
    write(house, opened())
    script = (
        "import sys\nfrom pathlib import Path\nfrom overnight.cli.stop import ask\n"
        "from overnight.ledger import Journal\nask(Journal(Path(sys.argv[1]), 'lm'))\n"
    )
    asking = [subprocess.Popen([sys.executable, "-c", script, str(house.root / ".git")]) for _ in range(4)]
    assert [process.wait() for process in asking] == [0] * 4
    events = [event for _, group in house.journal.read() for event in group]
    assert sum(isinstance(event, Paused) for event in events) == 4


def test_a_study_that_has_not_begun_is_one_clear_message(house):
    for verb in (["status"], ["log"], ["report"], ["show", "1"], ["diff", "1"], ["stop"]):
        result = call(house, *verb)
        assert result.exit_code == 2
        assert "has not begun: `overnight run` starts it" in result.stderr
        assert "Traceback" not in result.stderr


def test_a_study_that_does_not_exist_names_those_that_do(house):
    write(house, opened())
    result = call(house, "status", "--study", "speed")
    assert result.exit_code == 2
    assert "Studies here: lm" in result.stderr


@pytest.mark.parametrize("name", ["../x", "A B", "x" * 41, "\x1b[31m", ""])
def test_a_study_name_with_odd_characters_is_refused(house, name):
    result = call(house, "status", "--study", name)
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr


def test_outside_a_repository_there_is_one_clear_message(tmp_path):
    result = CliRunner().invoke(app, ["status", "--repo", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr.count("overnight:") == 1


def test_looking_changes_nothing_in_the_repository(house):
    write(house, [*opened(), *baseline(2.0), *tried(1, Outcome.keep, 1.5, gain=0.5), *certificate(1, 2.0, 1.5)])
    (house.root / "train.py").write_text("dirty\n")
    before = git(house.root, "status", "--porcelain"), git(house.root, "for-each-ref"), house.journal.head()
    for verb in (["status"], ["log"], ["report"], ["show", "1"], ["diff", "1"], ["stop"]):
        assert call(house, *verb).exit_code == 0
    assert (git(house.root, "status", "--porcelain"), git(house.root, "for-each-ref"), house.journal.head()) == before


def test_a_lock_without_a_known_holder_is_not_signalled(house):
    write(house, opened())
    lock = house.root / ".git/overnight/lm/lock"
    with StudyLock(lock):
        lock.write_text("")
        result = call(house, "stop", "--now")
    assert result.exit_code == 2
    assert "has not said its number yet" in result.stderr


FOLLOW = (
    "import sys, time\nfrom pathlib import Path\nfrom overnight.cli.live import follow\n"
    "from overnight.wiring import find_site\n"
    "begun = time.time()\n"
    "follow(find_site(Path(sys.argv[1])), until=lambda: time.time() > begun + 1, planned=40)\n"
)


def followed_at_a_terminal(house: House, **environment: str) -> str:
    master, slave = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    viewer = subprocess.Popen(
        [sys.executable, "-c", FOLLOW, str(house.root)], stdout=slave, env={**known, "TERM": "xterm", **environment}
    )
    os.close(slave)
    shown = b""
    try:
        while block := os.read(master, 65536):
            shown += block
    except OSError as error:  # Linux says EIO when the last writer of a terminal is gone
        if error.errno != errno.EIO:
            raise
    os.close(master)
    assert viewer.wait() == 0
    return shown.decode()


def test_at_a_terminal_the_night_is_a_live_screen(house):
    write(house, whole_night())
    (house.root / ".git/overnight/lm/progress.json").write_text(
        json.dumps({"phase": "judging", "number": 6, "since": time.time() - 60, "limit": 300.0, "pid": 1})
    )
    text = followed_at_a_terminal(house)
    assert "experiments 5/40" in text
    assert "#6  judging  1 min" in text
    assert "of 5 min" in text
    assert "\u202e" not in text


def test_a_damaged_progress_file_only_costs_its_line(house):
    write(house, whole_night())
    (house.root / ".git/overnight/lm/progress.json").write_text('{"phase": ')
    assert "experiments 5/40" in followed_at_a_terminal(house)


def test_without_colour_following_is_plain_lines_about_what_is_new(house):
    write(house, whole_night())
    assert followed_at_a_terminal(house, NO_COLOR="1") == ""
