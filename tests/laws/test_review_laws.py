"""Whatever a change holds, its review ends, is short, safe to show, and speaks only of what was added."""

from hypothesis import given
from hypothesis import strategies as st
from nights import contract

from overnight.model.experiment import Edit
from overnight.rules.review import RULES, review
from overnight.rules.review.change import MOST
from overnight.rules.words import hidden, one_line, spelled

TERMS = contract(score="python judge.py", hide=("answers/**",))
LINES = (
    "import ctypes", "import os, sys", "os._exit(0)", "sys._getframe(1).f_locals", "x = 1", "SEED = 4", "SEED = 5", "",
    "try:\n    x()\nexcept Exception:\n    pass", "assert x < 1", "open('/proc/self')", "print('METRIC m=1')", "if x:",
    "    pass", "def f(:", "é = '\u202e'", "T = [" + "1, " * 250 + "]", "'''", "(", "\t", "\x00", "\ud800",
    "import judge",
)  # fmt: skip
texts = st.lists(st.sampled_from(LINES) | st.text(max_size=30), max_size=12).map("\n".join)
contents = st.none() | texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60)
paths = st.sampled_from(["a.py", "b.js", "c.md", "sitecustomize.py", "d", "\u202ex.py"])
edits = st.lists(st.builds(Edit, path=paths, before=contents, after=contents), max_size=4)


@given(edits)
def test_a_review_is_bounded_and_safe_to_show(changes):
    flags = review(TERMS, changes)
    assert len(flags) <= MOST
    for flag in flags:
        assert flag.rule in RULES
        assert len(flag.detail) < 300
        assert not any(map(hidden, flag.detail))
        assert flag.line >= 0


@given(edits)
def test_it_depends_on_nothing_but_the_texts(changes):
    assert review(TERMS, changes) == review(TERMS, changes)


same = st.builds(lambda path, text: Edit(path=path, before=text, after=text), paths, st.binary(max_size=60) | contents)


@given(st.lists(same, max_size=4))
def test_what_did_not_change_has_no_flag(changes):
    assert [flag for flag in review(TERMS, changes) if flag.rule != "binary"] == []


@given(st.text(), st.integers(1, 300))
def test_words_are_one_short_line_of_visible_characters(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert not any(map(hidden, line))
    assert line.strip() == line
    assert one_line(line, limit) == line


@given(st.text())
def test_spelled_words_hide_nothing_and_lose_nothing_that_was_visible(text):
    shown = spelled(text)
    assert not any(map(hidden, shown))
    assert len(shown) >= len(text)
    assert spelled(shown) == shown
