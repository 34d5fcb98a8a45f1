"""A command as an agent: what it is told, what is believed of its words, and what it cannot reach."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import rungs
from overnight.agents import CommandAgent, script_mounts
from overnight.agents.reply import Reply, parse_reply
from overnight.model.box import Limits, Mount
from overnight.model.brief import AgentBudget
from overnight.model.toolchain import Toolchain
from overnight.sandbox.bubblewrap import Bubblewrap
from overnight.sandbox.none import Unboxed
from overnight.testing.agents import brief_for_test

SYSTEM = Toolchain(
    mounts=tuple(Mount(target=path, source=path) for path in ("/usr", "/bin", "/lib", "/lib64", "/etc")),
    env=(("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8")),
)


@pytest.fixture
def run(tmp_path):
    """Run a line as an agent in a fresh checkout of one file; the proposal."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "train.py").write_text("DEPTH = 8\n")

    def run(line, *, sandbox=None, brief=None, wall=20.0, toolchain=SYSTEM, **more):
        agent = CommandAgent(
            line,
            sandbox=sandbox or Bubblewrap(),
            toolchain=toolchain,
            scratch=tmp_path / "scratch",
            transcripts=tmp_path / "transcripts",
            limits=Limits(wall=60.0),
            **more,
        )
        brief = brief or brief_for_test()
        return agent.propose(brief, checkout / brief.folder, AgentBudget(wall=wall))

    run.checkout = checkout
    return run


@pytest.mark.parametrize("sandbox", [Bubblewrap, Unboxed])
def test_the_command_is_told_everything_and_its_reply_is_read(run, sandbox):
    line = """
    cat > stdin.txt; cp "$OVERNIGHT_BRIEF" brief.txt; pwd > pwd.txt
    echo "$OVERNIGHT_STUDY $OVERNIGHT_NUMBER $OVERNIGHT_SEED $OVERNIGHT_WORKSPACE $KEY" > env.txt
    echo '{"summary": "s", "hypothesis": "h", "needs_followup": true, "ideas": ["i"], "cost_usd": 0.5, "tokens": 9}' \
        > "$OVERNIGHT_REPLY"
    """
    proposal = run(line, sandbox=sandbox(), env={"KEY": "secret"})
    read = {path.name: path.read_text() for path in run.checkout.glob("*.txt")}
    assert read == {
        "stdin.txt": brief_for_test().text,
        "brief.txt": brief_for_test().text,
        "pwd.txt": f"{run.checkout}\n",
        "env.txt": f"conformance 1 7 {run.checkout} secret\n",
    }
    words = (proposal.summary, proposal.hypothesis, proposal.needs_followup, proposal.ideas)
    assert words == ("s", "h", True, ("i",))
    assert (proposal.cost_usd, proposal.tokens, proposal.note, proposal.unavailable) == (0.5, 9, "", "")


@pytest.mark.parametrize("name", rungs.settled().names)
def test_in_every_box_home_and_the_temporary_folder_are_the_commands_own(run, tmp_path, name):
    """Empty, writable, and forgotten afterwards; without a box the command is the person, whose home stays."""
    home = tmp_path / "person"
    (home / "login").mkdir(parents=True)
    (home / "diary").write_text("mine")
    (home / "login" / "token").write_text("let me in")
    toolchain = replace(SYSTEM, home=str(home), env=(*SYSTEM.env, ("HOME", str(home)), ("TMPDIR", "/tmp")))
    line = """
    ls -A "$HOME" > listed.txt; cat "$HOME/login/token" > token.txt; cat "$HOME/diary" > diary.txt
    echo kept > "$HOME/note" && cat "$HOME/note" > note.txt
    file=$(mktemp) && echo "$file" > temporary.txt
    """
    read = (Mount(source=str(home / "login"), target=str(home / "login")),)
    run(line, sandbox=rungs.sandbox(name), toolchain=toolchain, read=read)
    told = {path.stem: path.read_text() for path in run.checkout.glob("*.txt")}
    assert told["token"] == "let me in"
    assert told["note"] == "kept\n"
    assert not Path(told["temporary"].strip()).exists()
    if name != "none":
        assert (told["listed"], told["diary"]) == ("login\n", "")
        assert not (home / "note").exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_it_starts_in_the_folder_of_program_md_and_may_write_in_the_whole_checkout(run):
    import msgspec

    (run.checkout / "a" / "b").mkdir(parents=True)
    brief = msgspec.structs.replace(brief_for_test(), folder="a/b")
    proposal = run('pwd; echo x > "$OVERNIGHT_WORKSPACE/top.txt"', brief=brief)
    assert proposal.summary == str(run.checkout / "a" / "b")
    assert (run.checkout / "top.txt").read_text() == "x\n"


def test_in_the_box_nothing_beside_the_checkout_can_be_written_or_seen(run, tmp_path):
    (tmp_path / "secret.txt").write_text("answers")
    proposal = run(f'cat {tmp_path}/secret.txt; echo x >> "$OVERNIGHT_BRIEF"; touch {tmp_path}/litter; echo done')
    assert proposal.summary == "done"
    transcript = (tmp_path / "transcripts" / proposal.transcript).read_text()
    assert "answers" not in transcript
    assert "Read-only" in transcript
    assert not (tmp_path / "litter").exists()


def test_nothing_of_the_conversation_is_left_in_scratch(run, tmp_path):
    run('mkdir -p "$(dirname "$OVERNIGHT_REPLY")/deep/er"')
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_transcript_holds_what_was_printed(run, tmp_path):
    proposal = run("echo to-out; echo to-err >&2")
    assert proposal.transcript == "1.log"
    assert (tmp_path / "transcripts" / "1.log").read_text() == "=== stdout ===\nto-out\n\n=== stderr ===\nto-err\n"


def test_an_exit_code_is_only_a_note(run):
    proposal = run("echo 'DEPTH = 9' > train.py; echo did it; echo oops >&2; exit 3")
    assert proposal.summary == "did it"
    assert proposal.note == "the agent's command ended with code 3: oops"
    assert proposal.unavailable == ""


def test_a_command_that_hangs_is_stopped_with_all_its_children(run):
    began = time.monotonic()
    proposal = run("(setsid sleep 300 &) ; sleep 300", wall=1.0)
    assert time.monotonic() - began < 10
    assert proposal.note == "the agent was stopped: it took longer than 1 s"


def test_a_command_that_is_not_found_is_unavailable_and_named(run):
    proposal = run("no-such-agent --now")
    assert "`no-such-agent --now`" in proposal.unavailable
    assert "absolute path" in proposal.unavailable


@pytest.mark.parametrize("change", ["echo x > new.txt", "rm train.py", "echo x >> train.py", "chmod +x train.py"])
def test_code_127_after_a_change_is_an_experiment(run, change):
    proposal = run(f"{change}; no-such-tool")
    assert proposal.unavailable == ""
    assert "code 127" in proposal.note


@pytest.mark.parametrize(
    "make",
    [
        "ln -s /etc/passwd",
        "mkdir",
        "mkfifo",
        "head -c 70000 /dev/zero >",
        "echo '[1]' >",
        "echo '{' >",
        "printf '\\377' >",
        "ln -s reply.json",
    ],
)
def test_a_hostile_reply_is_ignored_with_a_note(run, make):
    proposal = run(f'{make} "$OVERNIGHT_REPLY"; echo words')
    assert proposal.note.startswith("the reply was ignored")
    assert proposal.summary == "words"


def test_wrong_fields_are_left_out_and_named():
    reply = parse_reply(
        b'{"summary": 3, "hypothesis": "h", "ideas": [1], "tokens": true, "cost_usd": -1, "needs_followup": 1}'
    )
    assert reply == Reply(
        hypothesis="h",
        note="ignored in the reply, wrong type or range: ideas, cost_usd, tokens, summary, needs_followup",
    )


def test_words_are_bounded_and_free_of_control_characters():
    reply = parse_reply(
        json.dumps(
            {"summary": "\x1b[31mred\u202e\nnext" + "x" * 999, "hypothesis": "h" * 9999, "ideas": ["i" * 999] * 99}
        ).encode()
    )
    assert reply.summary.startswith("[31mred next")
    assert [len(reply.summary), len(reply.hypothesis), len(reply.ideas), len(reply.ideas[0])] == [200, 1000, 10, 300]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(Reply.__struct_fields__), inner, max_size=7)
    ),
    max_leaves=10,
)


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_make_a_clean_reply(data):
    reply = parse_reply(data)
    assert all(word.isprintable() for word in (reply.summary, reply.hypothesis, *reply.ideas))
    assert reply.cost_usd >= 0
    assert reply.tokens >= 0


def mounted(tmp_path, line, **more):
    more = {"repository": tmp_path / "home" / "repo", "home": tmp_path / "home"} | more
    mounts = script_mounts(line, more["repository"], **more)
    assert all(mount.kind == "read" and mount.source == mount.target for mount in mounts)
    return {os.path.relpath(mount.source, tmp_path) for mount in mounts}


@pytest.fixture
def machine(tmp_path):
    for name in (
        "home/agent.py",
        "home/tools/agent.py",
        "home/repo/agent.py",
        "home/repo/bots/agent.py",
        "opt/bots/run.sh",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "home" / "bin").mkdir()
    (tmp_path / "home" / "bin" / "run").symlink_to(tmp_path / "opt" / "bots" / "run.sh")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "places"),
    [
        ("python {0}/opt/bots/run.sh --fast", {"opt/bots"}),
        ("python ~/tools/agent.py", {"home/tools"}),
        ("python ~/agent.py", {"home/agent.py"}),
        ("./agent.py", {"home/repo/agent.py"}),
        ("python bots/agent.py", {"home/repo/bots/agent.py"}),
        ("../bin/run", {"home/bin", "opt/bots"}),
        ("python {0}/nothing.py", set()),
        ("echo 'an open quote", set()),
        ("a\0b", set()),
        ("x" * 5000, set()),
    ],
)
def test_a_script_brings_its_folder_but_never_a_repository_or_a_home(machine, line, places):
    assert {os.path.normpath(place) for place in mounted(machine, line.replace("{0}", str(machine)))} == places


def test_a_folder_that_holds_something_hidden_is_not_mounted(machine):
    line = f"python {machine}/opt/bots/run.sh"
    assert mounted(machine, line, hidden=(machine / "opt" / "bots" / "answers",)) == {"opt/bots/run.sh"}
