import subprocess

import pytest

from overnight.errors import UsageError
from overnight.wiring import find_site, scratch_folder


@pytest.fixture
def site(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
    return find_site(tmp_path / "repo")


def test_scratch_lies_in_the_cache_and_is_not_made(site, tmp_path):
    folder = scratch_folder(site, {"HOME": "/nowhere", "XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert folder.parent == tmp_path / "cache" / "overnight"
    assert not folder.exists()


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"XDG_CACHE_HOME": "/proc/x", "HOME": "/tmp"}, "it follows from XDG_CACHE_HOME"),
        ({"HOME": "/proc/1/nohome"}, "it follows from HOME"),
    ],
)
def test_a_cache_that_cannot_be_written_names_the_variable_that_leads_there(site, environment, variable):
    with pytest.raises(UsageError, match=variable):
        scratch_folder(site, environment)


def test_a_file_in_place_of_the_cache_is_said(site, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="Not a directory"):
        scratch_folder(site, {"XDG_CACHE_HOME": str(tmp_path / "file")})
