import subprocess
import sys
from pathlib import Path

import pytest
from cli_house import House, git

from overnight.ledger import Journal


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A repository with one commit and an empty ledger of a study `lm`."""
    root = tmp_path / "lm"
    root.mkdir()
    git(root, "init")
    (root / "train.py").write_text("order = 3\n")
    (root / "program.md").write_text("---\nmetric: val_bpb\nedit: train.py\nrun: python train.py\n---\n")
    git(root, "add", "-A")
    git(root, "commit", "-m", "first")
    return House(root, Journal(root / ".git", "lm"))


HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom overnight.ledger import StudyLock\n"
    "with StudyLock(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
)


@pytest.fixture
def holder(house):
    lock = house.root / ".git/overnight/lm/lock"
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
