import errno
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from overnight.cli.guard import guarded
from overnight.cli.main import app
from overnight.errors import ConflictError, MachineError, StudyBusyError, UsageError


def outcome_of(error: BaseException):
    small = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    def fail() -> None:
        raise error

    small.command()(guarded(fail))
    return CliRunner().invoke(small, [])


def caused(error: Exception, cause: OSError) -> Exception:
    error.__cause__ = cause
    return error


VERBS = ["demo", "init", "check", "run", "status", "log", "stop", "show", "diff", "report"]
FULL = OSError(errno.ENOSPC, "No space left on device", "/somewhere")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no repository here"), 2),
        (StudyBusyError("process 7 runs it"), 2),
        (MachineError("no more processes"), 3),
        (caused(MachineError("cannot append"), FULL), 2),
        (FULL, 2),
        (OSError(errno.EROFS, "Read-only file system"), 2),
        (ConflictError("somebody was first"), 1),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("oops"), 70),
        (RuntimeError("oops"), 70),
        (OSError(errno.EIO, "oops"), 70),
    ],
)
def test_every_error_has_its_exit_code(error, code):
    assert outcome_of(error).exit_code == code


def test_a_usage_error_is_one_message_on_stderr_without_a_traceback():
    result = outcome_of(UsageError("no repository here: run `git init` first"))
    assert result.stdout == ""
    assert result.stderr == "overnight: no repository here: run `git init` first\n"


def test_a_message_cannot_steer_the_terminal():
    assert outcome_of(UsageError("file \x1b[2J is gone")).stderr == "overnight: file \\x1b[2J is gone\n"


def test_a_bug_shows_its_traceback_and_says_that_nothing_is_lost():
    stderr = outcome_of(ZeroDivisionError("oops")).stderr
    assert "Traceback" in stderr
    assert "this is a bug in overnight" in stderr
    assert "nothing that was measured is lost" in stderr


def test_a_command_may_end_with_a_code_of_its_own():
    assert outcome_of(typer.Exit(5)).exit_code == 5


def test_a_closed_pipe_is_silent():
    script = (
        "import typer\nfrom overnight.cli.guard import guarded\n"
        "app = typer.Typer()\n"
        "@app.command()\n@guarded\ndef shout() -> None:\n    for _ in range(100000): print('x' * 100)\n"
        "app()\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.read(100)
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait() == 141


def test_an_unknown_option_is_a_usage_error():
    result = CliRunner().invoke(app, ["status", "--studdy", "x"])
    assert result.exit_code == 2
    assert result.stdout == ""


def test_help_lists_the_verbs_in_the_order_of_the_night_and_the_exit_codes():
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80", "NO_COLOR": "1"})
    assert result.exit_code == 0
    places = [result.stdout.index(f"│ {verb} ") for verb in VERBS]
    assert places == sorted(places)
    assert "Exit codes" in result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_json(verb):
    result = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "80", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert "--json" in result.stdout


@pytest.mark.parametrize("verb", ["run", "status", "log", "show", "diff", "report", "stop"])
def test_every_verb_about_a_study_takes_its_name_and_folder(verb):
    result = CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "80", "NO_COLOR": "1"})
    assert result.exit_code == 0
    for option in ("--study", "--repo"):
        assert option in result.stdout


def test_the_version_is_printed():
    from overnight import __version__

    assert CliRunner().invoke(app, ["--version"]).stdout == f"overnight {__version__}\n"


def test_help_loads_nothing_heavy():
    script = (
        "import sys\nfrom overnight.cli.main import app\n"
        "heavy = {'pygit2', 'numpy', 'optuna', 'libcst', 'psutil', 'ruamel'} & set(sys.modules)\n"
        "print(sorted(heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_was_closed_before_the_start_is_no_error(closed, tmp_path):
    line = f'"$0" -m overnight --version {closed}; echo $? > code'
    done = subprocess.run(["sh", "-c", line, sys.executable], cwd=tmp_path, capture_output=True, text=True)
    assert (tmp_path / "code").read_text() == "0\n"
    assert done.stderr == ""


def test_a_report_into_a_closed_stdout_is_silent(tmp_path):
    script = (
        "import os, sys\n"
        "from overnight.cli import main\n"
        "main._fill_closed_streams()\n"
        "assert os.path.samestat(os.fstat(1), os.stat(os.devnull))\n"
        "sys.stdout.write('the report')\n"
        "sys.stdout.flush()\n"
    )
    line = '"$0" -c "$1" >&-'
    done = subprocess.run(["sh", "-c", line, sys.executable, script], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
