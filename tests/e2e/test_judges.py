"""Judges with a second process, as a person meets them."""

import json
import os
import venv

import pytest
from person import PROGRAM

pytestmark = pytest.mark.e2e

PORT = PROGRAM.replace(
    "run: python3 model.py\n", "drive: {judge: python3 judge.py, serve: python3 model.py, over: port}\n"
)
SERVER = """import http.server
import os

MILLISECONDS = 50  # range: 1..50


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * MILLISECONDS)

    def log_message(self, *words):
        pass


http.server.HTTPServer(("127.0.0.1", int(os.environ["OVERNIGHT_PORT"])), Page).serve_forever()
"""
ASKER = """import os
import urllib.request

print("loss:", len(urllib.request.urlopen(os.environ["OVERNIGHT_CANDIDATE_URL"]).read()))
"""


@pytest.fixture
def served(project):
    """A server whose answer is to become shorter, and a judge that fetches it."""
    project.write({"program.md": PORT, "model.py": SERVER, "judge.py": ASKER})
    project.commit("a server")
    return project


def test_a_night_on_a_server_behind_a_port(served):
    served.overnight("run", "--experiments", 3, "--seed", 1)
    rows = served.log()
    assert rows[0]["value"] == 50
    assert {row["trust"] for row in rows if row["outcome"] == "keep"} == {"scored"}
    assert any(row["outcome"] == "keep" and row["value"] < 50 for row in rows)


def test_a_box_without_a_network_of_its_own_is_refused_before_the_night(served):
    for command in (["run", "--experiments", 1], ["check"]):
        done = served.overnight(*command, "--isolation", "none", code=2)
        assert "drive.over: port needs a box with a network of its own" in done.stdout + done.stderr
        assert "over: stdio" in done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["pth", "direct_url"])
def test_without_a_box_an_environment_that_imports_the_original_is_refused(project, tmp_path, kind):
    home = tmp_path / "env"
    venv.create(home, symlinks=True)
    (site,) = home.glob("lib/python3*/site-packages")
    if kind == "pth":
        (site / "mine.pth").write_text(f"{project.root / 'src'}\n")
    else:
        (site / "mine-1.dist-info").mkdir()
        told = {"url": project.root.as_uri(), "dir_info": {"editable": True}}
        (site / "mine-1.dist-info" / "direct_url.json").write_text(json.dumps(told))
    project.environment["PATH"] = f"{home / 'bin'}{os.pathsep}{project.environment['PATH']}"
    for command in (["run", "--experiments", 1], ["check"]):
        done = project.overnight(*command, "--isolation", "none", code=2)
        assert "imports" in done.stdout + done.stderr
        assert "PYTHONPATH" in done.stdout + done.stderr
    project.overnight("check")


def test_answers_that_only_an_old_commit_holds_are_refused_and_the_commit_is_named(served):
    served.write({"answers/key.txt": "42\n"})
    served.commit("oops")
    oops = served.git("rev-parse", "HEAD")
    served.git("rm", "-rq", "answers")
    served.commit("gone")
    served.write({"answers/key.txt": "42\n", "program.md": PORT.replace("bounds:", "hide: [answers/**]\nbounds:")})
    done = served.overnight("run", "--experiments", 1, code=2)
    assert f"`answers/key.txt` (in commit {oops[:10]}) should be hidden" in done.stderr


def test_answers_in_a_folder_that_every_box_shows_are_refused(served):
    served.write({"program.md": PORT.replace("bounds:", "hide: [/usr/lib/os-release]\nbounds:")})
    done = served.overnight("run", "--experiments", 1, code=2)
    assert "hide: /usr/lib/os-release lies in /usr, which every box shows" in done.stderr


def test_a_candidate_that_opens_a_decoy_is_a_violation_and_nothing_of_it_is_kept(project):
    hiding = "run: python3 model.py\nscore: cat out/loss\nartifacts: [out/*]\nhide: [answers/**]\n"
    project.write({
        "program.md": PROGRAM.replace("run: python3 model.py\n", hiding),
        "model.py": "import os\nos.makedirs('out')\nprint('loss: 5', file=open('out/loss', 'w'))\n",
        ".gitignore": "answers/\n",
    })  # fmt: skip
    project.commit("predict")
    project.write({"answers/key.txt": "42\n"})
    cheat = project.root.parent / "cheat.sh"
    cheat.write_text("sed -i 's/5/1/' model.py; echo 'open(\"answers/answers.json\").read()' >> model.py\n")
    project.overnight("run", "--experiments", 1, "--agent", f"command sh {cheat}")
    row = project.log()[1]
    assert row["outcome"] == "violation"
    assert "decoy" in project.overnight("show", 1).stdout
