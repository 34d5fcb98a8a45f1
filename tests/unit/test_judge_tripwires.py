"""Signs of tampering: what a candidate touches that no honest one touches."""

import pytest
from judge_room import PYTHON, JudgeRoom

from overnight.judge.inotify import OpenedFiles
from overnight.model.contract import Drive, Guard
from overnight.sandbox.none import Unboxed

SCORE = "echo loss: 1"
HONEST = "mkdir -p out; echo 3 > out/pred"


@pytest.fixture
def room(tmp_path):
    room = JudgeRoom(tmp_path, {"judge.py": "print('loss: 1')\n", "program.md": "The contract\n"})
    room.write({"hidden/labels.txt": "cat dog\n", "hidden/more.txt": "bird\n", "key.json": "42\n"})
    (room.home / "vault").mkdir()
    (room.home / "vault" / "a-cat.txt").write_text("cat")
    return room


def signs(room, train, **keys):
    keys = {"run": "sh train.sh", "score": SCORE, "artifacts": ("out/*",), "hide": ("hidden/**",), **keys}
    return room.measure(f"{HONEST}\n{train}\n", **keys).tampering


def test_an_honest_run_leaves_no_sign(room):
    measurement = room.measure(HONEST, run="sh train.sh", score=SCORE, artifacts=("out/*",), hide=("hidden/**",))
    assert measurement.failure is None
    assert measurement.tampering == ()


def test_listing_and_asking_whether_a_file_is_there_is_no_sign(room):
    assert signs(room, 'ls -lR . "$HOME"; find . -type f; test -e hidden/answers.json; stat hidden/*') == ()


@pytest.mark.parametrize(
    ("hide", "path"),
    [
        ("hidden/**", "hidden/answers.json"),
        ("hidden/*.txt", "hidden/answers.txt"),
        ("hidden", "hidden/answers.json"),
        ("key.json", "key.json"),
        ("~/vault/**", "$HOME/vault/answers.json"),
        ("~/vault/*.txt", "$HOME/vault/answers.txt"),
        ("key.json", "$HOME/answers.json"),
    ],
)
def test_opening_the_decoy_of_a_hidden_path_is_seen_though_nothing_is_printed(room, hide, path):
    (sign,) = signs(room, f"cat {path} > /dev/null || exit 9", hide=(hide,))
    assert sign.startswith("The candidate opened ")
    assert path.replace("$HOME", "~") in sign


def test_reading_a_decoy_by_another_name_is_seen(room):
    (sign,) = signs(room, "ln hidden/answers.json x; mv hidden/answers.json y; ln -s y z; dd if=z of=/dev/null")
    assert "opened 'hidden/answers.json'" in sign


def test_a_walk_that_opens_whatever_it_finds_is_a_sign(room):
    assert signs(room, "grep -r cat . > /dev/null") != ()


def test_the_content_of_a_decoy_in_the_output_or_an_artefact_is_named(room):
    said = signs(room, "cat hidden/answers.json; cat hidden/answers.json > out/stolen")
    assert any("is in what the candidate printed" in sign for sign in said)
    assert any("is in the artefact 'out/stolen'" in sign for sign in said)


def test_decoys_have_a_new_content_each_time_and_never_that_of_the_hidden_files(room):
    train = f"{HONEST}; cat hidden/answers.json > out/pred"
    score = f'{PYTHON} -c \'print("loss:", sum(open("out/pred", "rb").read()))\''
    keys = {"run": "sh train.sh", "score": score, "artifacts": ("out/*",), "hide": ("hidden/**",)}
    values = {room.measure(train, **keys).values[0] for _ in range(4)}
    assert len(values) > 1


def test_names_of_hidden_files_that_the_contract_does_not_say_are_not_shown(room):
    shown = 'find . "$HOME" | grep -E "labels|more|a-cat" && exit 9; true'
    assert signs(room, shown, hide=("hidden/**", "~/vault/*.txt")) == ()
    assert room.measure(f"{HONEST}\n{shown}", run="sh train.sh", hide=("hidden/**", "~/vault/*.txt"), score=SCORE,
                        artifacts=("out/*",)).failure is None  # fmt: skip


def test_a_sign_stands_beside_a_failure_too(room):
    measurement = room.measure("cat hidden/answers.json; exit 3", run="sh train.sh", score=SCORE, hide=("hidden/**",))
    assert measurement.failure is not None
    assert measurement.failure.code == "exit"
    assert measurement.tampering


def test_a_decoy_is_never_an_artefact(room):
    keys = {"artifacts": ("**",), "hide": ("hidden/**",), "score": "test -e hidden/answers.json || echo loss: 1"}
    assert room.loss(HONEST, run="sh train.sh; rm -f *.py *.md train.sh", **keys) == 1
    keys["artifacts"] = ("out/*", "hidden/*")
    assert "No file matches 'hidden/*'" in room.failure(HONEST, run="sh train.sh", **keys).detail


@pytest.mark.parametrize("over", ["stdio", "port"])
def test_a_served_candidate_is_watched_too(room, over):
    serve = "cat hidden/answers.json > /dev/null; exec sleep 20"
    drive = Drive(judge="sleep 0.5; echo loss: 1", serve="sh train.sh")
    if over == "port":
        serve = serve.replace("exec sleep 20", f"exec {PYTHON} -m http.server -b 127.0.0.1 $OVERNIGHT_PORT")
        drive = Drive(judge="echo loss: 1", serve="sh train.sh", over="port")
    (sign,) = room.measure(serve, drive=drive, hide=("hidden/**",)).tampering
    assert "opened 'hidden/answers.json'" in sign


@pytest.mark.parametrize(
    "train", ["echo loss: 0 > judge.py", "rm judge.py; ln -s /etc/passwd judge.py", "echo more >> judge.py"]
)
def test_changing_the_judge_in_its_own_copy_is_a_sign_and_changes_nothing(room, train):
    keys = {"run": "sh train.sh", "score": f"{PYTHON} judge.py", "artifacts": ("out/*",)}
    measurement = room.measure(f"{HONEST}\n{train}", **keys)
    assert measurement.values[0] == ("loss", 1)
    assert measurement.tampering == ("The candidate changed 'judge.py' in its own copy: it belongs to the judge.",)


@pytest.mark.parametrize(
    "train", ["touch judge.py", "cp judge.py x; mv x judge.py", "rm judge.py", "echo x > other.py"]
)
def test_what_leaves_the_judges_bytes_alone_is_no_sign(room, train):
    keys = {"run": "sh train.sh", "score": f"{PYTHON} judge.py", "artifacts": ("out/*",)}
    assert room.measure(f"{HONEST}\n{train}", **keys).tampering == ()


def test_the_contract_itself_is_watched_without_any_judge(room):
    (sign,) = room.measure("echo 'bounds: none' >> program.md; echo loss: 1", run="sh train.sh").tampering
    assert "'program.md'" in sign


def test_a_guards_script_is_watched_and_what_may_be_edited_is_not(room):
    keys = {"run": "sh train.sh", "guards": (Guard(run="sh train.sh"), Guard(run=f"{PYTHON} judge.py"))}
    (sign,) = room.measure("echo loss: 1; echo true > train.sh; echo > judge.py", **keys).tampering
    assert "'judge.py'" in sign


def test_writing_to_a_descriptor_that_nobody_spoke_of_is_a_sign(room):
    train = "for fd in /proc/self/fd/*; do test ${fd##*/} -gt 2 && echo loss: 0 > $fd; done 2>/dev/null; true"
    assert any("wrote to a descriptor" in sign for sign in signs(room, train))
    train = "import os\nfor fd in range(3, 99):\n    try: os.write(fd, b'loss: 0')\n    except OSError: pass"
    assert any("wrote to a descriptor" in sign for sign in signs(room, f'{PYTHON} -c "{train}"'))


def test_reading_whatever_descriptors_there_are_neither_hangs_nor_is_a_sign(room):
    assert signs(room, "for fd in /proc/self/fd/*; do cat $fd; done > /dev/null 2>&1; true") == ()


@pytest.mark.parametrize("name", ["STOP", ".overnight", ".git/overnight", ".git/refs/overnight"])
def test_files_that_speak_to_overnight_are_a_sign(room, name):
    (sign,) = signs(room, f"mkdir -p $(dirname {name}); touch {name}")
    assert f"left '{name}' behind" in sign


def test_a_file_of_that_name_that_was_there_before_is_no_sign(tmp_path):
    room = JudgeRoom(tmp_path, {"STOP": "a word of the project's own\n"})
    assert room.measure("echo loss: 1", run="sh train.sh").tampering == ()


def test_without_a_box_decoys_in_the_tree_are_watched_all_the_same(room):
    contract = room.contract(run="sh train.sh", hide=("hidden/**",))
    judge = room.judge(contract, Unboxed())
    measurement = judge.measure(room.candidate({"train.sh": "cat hidden/answers.json; echo loss: 1"}), 1)
    assert any("opened 'hidden/answers.json'" in sign for sign in measurement.tampering)


def test_a_watch_that_the_kernel_refuses_sees_nothing_and_says_nothing(tmp_path):
    watch = OpenedFiles([tmp_path / "missing"])
    assert watch.opened() == ()
    watch.close()
    watch.close()


def test_a_watch_tells_each_file_once_however_often_it_was_opened(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    watch = OpenedFiles([tmp_path / "a", tmp_path / "b"])
    for _ in range(100):
        (tmp_path / "b").read_text()
        (tmp_path / "a").read_text()
    assert watch.opened() == (tmp_path / "a", tmp_path / "b")
    assert watch.opened() == ()
    watch.close()
