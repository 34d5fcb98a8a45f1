import re

import pytest

from overnight.model.box import Box, Limits, Mount
from overnight.model.contract import Tier
from overnight.sandbox import seatbelt
from overnight.sandbox.refused import NotHereError
from overnight.sandbox.seatbelt import Seatbelt, command, profile, profile_of


def rules(text):
    """The rules of a profile in order, each on one line; proves that every parenthesis outside a string is closed."""
    found, depth, begun, quoted, at = [], 0, 0, False, 0
    while at < len(text):
        character = text[at]
        if quoted:
            at += character == "\\"
            quoted = character != '"'
        elif character == '"':
            quoted = True
        elif character == "(":
            begun = at if depth == 0 else begun
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                found.append(" ".join(text[begun : at + 1].split()))
        at += 1
    assert depth == 0
    assert not quoted
    return found


def test_everything_is_denied_first():
    assert rules(profile(readable=[], writable=[], hidden=[], network=False))[:2] == ["(version 1)", "(deny default)"]


def test_without_the_network_no_rule_speaks_of_sockets():
    closed = profile(readable=["/a"], writable=["/b"], hidden=[], network=False)
    shared = profile(readable=["/a"], writable=["/b"], hidden=[], network=True)
    assert not re.search("network|socket|mDNS", closed)
    assert "(allow network*)" in rules(shared)


def test_only_writable_places_and_devices_may_be_written(tmp_path):
    text = profile(readable=[str(tmp_path / "data")], writable=[str(tmp_path / "scratch")], hidden=[], network=False)
    writing = [rule for rule in rules(text) if "file-write*" in rule]
    assert [re.findall(r'"([^"]*)"', rule)[0] for rule in writing] == ["/dev/null", str(tmp_path / "scratch")]
    assert str(tmp_path / "data") not in "".join(writing)


def test_what_is_hidden_is_denied_last_and_so_wins(tmp_path):
    text = profile(readable=[str(tmp_path)], writable=[], hidden=[str(tmp_path / "answers")], network=True)
    assert rules(text)[-1] == f'(deny file-read* file-write* process-exec* (subpath "{tmp_path}/answers"))'


def test_a_private_folder_that_the_box_writes_is_not_hidden_from_it(tmp_path):
    scratch = str(tmp_path / "scratch")
    assert "(deny file-read*" not in profile(readable=[], writable=[scratch], hidden=[scratch], network=False)


def test_links_are_followed_because_real_paths_are_compared(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    text = profile(readable=[str(tmp_path / "link")], writable=[], hidden=[], network=False)
    assert f'(subpath "{tmp_path}/real")' in text
    assert f"{tmp_path}/link" not in text


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", 'both\\"', ') (allow network*) (subpath "/', "two\nlines"])
def test_a_hostile_name_stays_one_string(name):
    text = profile(readable=[f"/data/{name}"], writable=[], hidden=[], network=False)
    assert len(rules(text)) == len(rules(profile(readable=["/data/x"], writable=[], hidden=[], network=False)))


def test_mounts_are_taken_at_their_sources_and_the_command_keeps_its_words():
    mounts = (
        Mount(target="/elsewhere", source="/data"),
        Mount(target="/scratch", source="/scratch", kind="write"),
        Mount(target="/data/answers", kind="tmpfs"),
    )
    box = Box(command=("judge", "a b"), cwd="/", mounts=mounts, limits=Limits(wall=1))
    assert "/elsewhere" not in profile_of(box)
    program, flag, text, *rest = command(box)
    assert (program, flag, text) == ("/usr/bin/sandbox-exec", "-p", profile_of(box))
    assert rest[-2:] == ["judge", "a b"]


def test_it_claims_neither_a_tree_nor_hard_limits_nor_that_it_was_ever_run():
    coverage = Seatbelt().covers()
    assert (coverage.tier, coverage.limits, coverage.mounts) == (Tier.fs_net, "soft", False)
    lacks = " ".join(coverage.lacks)
    assert "never been run" in lacks
    assert "outlive" in lacks


def test_elsewhere_it_says_that_it_needs_macos(monkeypatch):
    monkeypatch.setattr(seatbelt, "MAC", False)
    with pytest.raises(NotHereError, match="needs macOS"):
        Seatbelt().identity()
