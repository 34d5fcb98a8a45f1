"""Names of studies."""

import pytest

from overnight.errors import UsageError
from overnight.program import check_name, slug


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Project_2", "my-project-2"),
        ("Ärger über ß", "arger-uber"),
        ("", "study"),
        ("日本", "study"),
        ("--a--b--", "a-b"),
        ("x" * 50, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_any_text_becomes_a_name(text, name):
    assert slug(text) == name


@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "..", "a.lock", "-a", "a--b", "a" * 41, "a\n"])
def test_odd_names_are_refused_with_the_allowed_characters(name):
    with pytest.raises(UsageError, match="a-z, 0-9 and -"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "lm-2", "0", "a" * 40])
def test_good_names_pass(name):
    check_name(name)
