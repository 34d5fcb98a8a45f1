"""A search policy that somebody else wrote."""

import json

import pytest
from person import MODEL, PROGRAM, Project

pytestmark = pytest.mark.e2e

POLICY = """from overnight import Ask

class Stubborn:
    "Builds on the unchanged code alone."
    def ask(self, state, rng):
        return Ask(parent=0)

class Silent:
    pass

class Broken:
    def __init__(self):
        raise RuntimeError("no licence")
"""


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path / "project", tmp_path / "cache")
    made.root.mkdir()
    made.git("init", "-q")
    made.write({"model.py": MODEL, "program.md": PROGRAM})
    made.commit()
    place = tmp_path / "packages"
    facts = place / "stubborn-1.0.dist-info"
    facts.mkdir(parents=True)
    (place / "stubborn.py").write_text(POLICY)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: stubborn\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[overnight.policies]\nstubborn = stubborn:Stubborn\n")
    made.environment["PYTHONPATH"] = str(place)
    return made


@pytest.mark.parametrize("name", ["stubborn", "stubborn:Stubborn"])
def test_it_is_found_by_its_entry_point_or_its_class_and_put_on_record(project, name):
    project.overnight("run", "--experiments", 4, "--seed", 1, "--policy", name)
    rows = project.log()[1:]
    assert len(rows) == 4
    assert {row["parent"] for row in rows} == {0}
    assert json.loads(project.overnight("show", 1, "--json").stdout)["policy"] == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("stuborn", "there is no policy 'stuborn'"),
        ("stubborn:Nobody", "there is no policy 'stubborn:Nobody'"),
        ("nowhere:Policy", "No module named 'nowhere'"),
        ("stubborn:Silent", "has no method `ask(state, rng)`"),
        ("stubborn:Broken", "could not be made: RuntimeError: no licence"),
    ],
)
def test_one_that_cannot_be_used_is_refused_in_one_message(project, name, says):
    assert says in project.overnight("run", "--policy", name, code=2).stderr
