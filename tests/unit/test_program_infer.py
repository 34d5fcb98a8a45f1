"""A file of prose only: a contract is inferred where the files beside it leave no doubt."""

import pytest

from overnight.errors import ContractError
from overnight.model.contract import Direction
from overnight.program import describe, parse

PROSE = "# autoresearch\n\nThe goal is simple: get the lowest val_bpb.\n\nRun: `uv run train.py > run.log 2>&1`\n"
STOCK = {
    "train.py": "from prepare import evaluate_bpb\nprint(f'val_bpb: {val_bpb:.6f}')\n",
    "prepare.py": "import os\nCACHE_DIR = os.path.join(os.path.expanduser('~'), '.cache', 'autoresearch')\n",
}


def infer(prose=PROSE, **sources):
    return parse(prose, file="program.md", sources={name.replace("_", "."): text for name, text in sources.items()})


def test_the_stock_layout_is_understood():
    contract = parse(PROSE, file="program.md", folder="lab", sources={**STOCK, "uv.lock": ""})
    assert contract.inferred
    assert (contract.title, contract.folder, contract.written) == ("autoresearch", "lab", ())
    assert (contract.objective.metric, contract.objective.direction) == ("val_bpb", Direction.minimize)
    assert contract.objective.bounds == (0.1, 20)
    assert (contract.edit, contract.run, contract.budget.wall) == (("train.py",), "uv run train.py", 600)
    assert contract.data == ("~/.cache/autoresearch/**",)
    assert contract.prose == PROSE.strip()


def test_without_a_lock_file_plain_python_runs_it():
    assert parse(PROSE, file="p", sources=STOCK).run == "python train.py"


def test_without_a_word_of_uv_plain_python_runs_it():
    assert parse("Lower val_bpb.", file="p", sources={**STOCK, "uv.lock": ""}).run == "python train.py"


def test_data_is_named_only_where_the_preparation_speaks_of_it():
    assert infer(train_py=STOCK["train.py"], prepare_py="TOKENS = 5\n").data == ()


def test_another_metric_comes_from_the_goal_in_the_prose():
    contract = infer("Get the highest `val_acc` you can.", train_py="print('val_acc:', x)", prepare_py="")
    assert (contract.objective.metric, contract.objective.direction) == ("val_acc", Direction.maximize)
    assert contract.objective.bounds is None


@pytest.mark.parametrize(
    "sources",
    [{}, {"train_py": "val_bpb"}, {"prepare_py": "val_bpb"}, {"train_py": "print(1)", "prepare_py": ""}],
)
def test_nothing_is_guessed_where_the_files_do_not_say_it(sources):
    with pytest.raises(ContractError) as caught:
        infer("Make it better.", **sources)
    assert "edit: [train.py]" in str(caught.value)


def test_an_inferred_contract_can_be_written_down():
    contract = parse(PROSE, file="program.md", sources=STOCK)
    again = parse(describe(contract) + contract.prose, file="program.md")
    assert (again.objective, again.edit, again.data, again.budget) == (
        contract.objective, contract.edit, contract.data, contract.budget,
    )  # fmt: skip
    assert not again.inferred
