import pytest

from overnight.judge.boxes import directly


@pytest.mark.parametrize(
    "command",
    [
        "python judge.py",
        '"$OVERNIGHT_PYTHON" -I judge.py --split x',
        "python -c 'import os; print(1 | 2)'",
        "./a=b c"[2:],
    ],
)
def test_the_shell_becomes_a_simple_command(command):
    assert directly(command) == (command if "=" in command.split()[0] else f"exec {command}")


@pytest.mark.parametrize(
    "command",
    [
        "cd sub && python x",
        "python x; python y",
        "python x | tail",
        "python x > out",
        "A=1 python x",
        "if true; then python x; fi",
        "cd sub",
        "echo loss: 1",
        "python 'unbalanced",
        "python x\npython y",
        "(python x)",
        "python x&",
        "",
    ],
)
def test_anything_else_is_left_to_the_shell(command):
    assert directly(command) == command
