import pytest
from person import MODEL, PROGRAM, Project


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    made = Project(root, tmp_path / "cache")
    made.git("init", "-q", "-b", "main")
    made.write({"program.md": PROGRAM, "model.py": MODEL, "README.md": "A project.\n"})
    made.commit("first")
    return made
