"""What a command line is certain to start."""

import pytest

from overnight.program.starts import Start, starts_of


@pytest.mark.parametrize(
    ("command", "program", "files"),
    [
        ("python train.py", "python", "train.py"),
        ("python -u train.py --fast", "python", "train.py"),
        ("A=1 exec env B=2 python3 train.py", "python3", "train.py"),
        ("$OVERNIGHT_PYTHON train.py", "", "train.py"),
        ("uv run train.py", "uv", "train.py"),
        ("uv run --no-sync train.py", "uv", ""),
        ("cd sub && python train.py", "python", "sub/train.py"),
        ("cd sub && ./bench", "", "sub/bench"),
        (".venv/bin/python train.py", "", ".venv/bin/python train.py"),
        ("python train.py > out.txt 2>&1", "python", "train.py"),
        ("> out.txt python train.py < in.txt", "python", "train.py"),
        ("python -m pytest -q", "python", ""),
        ("python -c 'import x'", "python", ""),
        ("python -W error train.py", "python", ""),
        ("env -i python train.py", "env", ""),
        ("python $FILE", "python", ""),
        ("python part*.py", "python", ""),
        ("make -s bench", "make", ""),
        ("$TOOL train.py", "", ""),
        ("test -f x", "", ""),
    ],
)
def test_the_first_program_and_the_files_it_starts(command, program, files):
    assert starts_of(command)[0] == Start(program, tuple(files.split()), first=True)


def test_what_an_earlier_part_may_have_made_is_marked():
    assert starts_of("make x && ./x | python y.py") == (
        Start("make", (), first=True),
        Start("", ("x",), first=False),
        Start("python", ("y.py",), first=False),
    )


@pytest.mark.parametrize("line", ["echo x > 'a\nb'", "cat < in.txt >> out.txt", "echo 'x; y' &> z"])
def test_the_file_of_a_redirection_is_not_started(line):
    assert len(starts_of(line)) == 1
    assert starts_of(line)[0].files == ()


@pytest.mark.parametrize(
    "command",
    [
        "python x.py || true",
        "f() { python x.py; }; f",
        "PATH=/opt/x:$PATH tool",
        ". venv/bin/activate; tool",
        "export A=1; tool",
        "for f in *; do tool $f; done",
        "cat <<EOF\ntool\nEOF",
        "",
        "'unbalanced",
    ],
)
def test_what_can_not_be_told_is_not_guessed(command):
    assert [start for start in starts_of(command) if start.program or start.files] == []
