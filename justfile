# The page of verbs. `just` lists them.

default:
    @just --list

# install everything into .venv and run every check and test
test *ARGS:
    ./tools/test {{ARGS}}

# the fast half: style, types, floors, sizes, laws
check:
    .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports
    .venv/bin/python tools/sizes.py
    .venv/bin/python -m pytest -q tests/laws

# put the code into the house style
format:
    .venv/bin/ruff format . && .venv/bin/ruff check --fix .

# the figures of benchmarks/, each as a table
bench:
    for script in benchmarks/*.py; do .venv/bin/python "$script"; done

# rebuild the shipped seccomp filters
filters:
    .venv/bin/python tools/seccomp.py
