"""Which changes belong together, and what their branches are called."""

from hypothesis import given
from hypothesis import strategies as st

from overnight.rules.finish import named, themes


def test_changes_hang_together_through_others():
    touched = {0: {"a"}, 1: {"b"}, 2: {"c"}, 3: {"a", "b"}}
    assert themes(touched) == ((0, 1, 3), (2,))
    assert themes({}) == ()


@given(st.dictionaries(st.integers(0, 20), st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=12))
def test_no_file_is_in_two_themes_and_every_change_in_one(touched):
    found = themes(touched)
    assert sorted(key for group in found for key in group) == sorted(touched)
    files = [{path for key in group for path in touched[key]} for group in found]
    assert sum(map(len, files)) == len(set().union(*files))


def test_two_themes_never_have_one_name():
    assert named(["x--a", "x--a", "x--b", "x--a"]) == ("x--a", "x--a-2", "x--b", "x--a-3")
    assert named(["x-2", "x", "x"]) == ("x-2", "x", "x-3")
