"""What must hold of the package as a whole."""

import json
import subprocess
import sys

import overnight

HEAVY = {"optuna", "libcst", "numpy", "rich", "typer", "pygit2", "psutil", "ruamel", "sqlalchemy", "asyncio"}
QUIET = (
    "import builtins, io, json, os, sys;"
    "seen = [];"
    "environ = os.environ.__class__.__getitem__;"
    "os.environ.__class__.__getitem__ = lambda self, key: (seen.append(key), environ(self, key))[1];"
    "os.mkdir = lambda *a, **k: seen.append('mkdir');"
    "{imports};"
    "print(json.dumps([sorted(m.partition('.')[0] for m in sys.modules), seen]))"
)


def imported(statement):
    line = [sys.executable, "-c", QUIET.format(imports=statement)]
    modules, seen = json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
    return set(modules), seen


def test_importing_overnight_loads_nothing_heavy_and_touches_nothing():
    modules, seen = imported("import overnight")
    assert not modules & HEAVY
    assert seen == []


def test_importing_the_whole_engine_loads_no_agent_library():
    modules, _ = imported("import overnight.wiring.night")
    assert not modules & (HEAVY - {"pygit2", "psutil", "ruamel"})


def test_the_public_names_are_sorted_and_all_there():
    assert overnight.__all__ == sorted(overnight.__all__)
    assert all(hasattr(overnight, name) for name in overnight.__all__)


def test_the_command_and_the_module_are_the_same():
    done = subprocess.run([sys.executable, "-m", "overnight", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"overnight {overnight.__version__}"
