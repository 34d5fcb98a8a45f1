import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from overnight.ledger import ResultsTable, render
from overnight.model.contract import Contract, Direction, Objective
from overnight.model.event import Asked, Judged, Opened
from overnight.model.experiment import Failure, Measurement, Outcome
from overnight.model.state import Experiment, State

CONTRACT = Contract(title="t", prose="p", objective=Objective(metric="val_bpb"), edit=("train.py",), run="x")


def run(value, megabytes=0.0):
    return Measurement(values=(("val_bpb", value), ("peak_memory_mb", megabytes)))


def one(number, outcome, value=None, **more):
    commit = more.pop("commit", f"{number:x}" * 40)
    return Experiment(number=number, parent=0, outcome=outcome, value=value, commit=commit, **more)


def state(*experiments, contract=CONTRACT):
    return State(study="s", contract=contract, base="b" * 40, experiments=experiments)


NIGHT = state(
    one(0, Outcome.baseline, 0.9979, readings=(run(0.9979, 45_363.2),)),
    one(
        1, Outcome.keep, 0.9932, summary="increase LR to 0.04", readings=(run(0.9932, 45_465.6), run(0.9932, 45_000.0))
    ),
    one(2, Outcome.discard, 1.005, summary="switch to GeLU", readings=(run(1.005, 45_056.0),)),
    one(3, Outcome.crash, reason="it ran out of memory", readings=(run(1.0, 99_999.0),)),
    one(4, Outcome.violation, reason="prepare.py may not be changed", summary="double model width"),
    one(5, Outcome.duplicate, 0.9932, summary="LR 0.04 again", same_as=1),
    one(6, Outcome.inconclusive, 0.9931, summary="noise", readings=(run(0.9931, 1024.0),)),
    one(7, None, summary="pending"),
)


def test_the_table_has_karpathy_s_columns_and_words():
    assert render(NIGHT) == (
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
        "0000000\t0.997900\t44.3\tkeep\tbaseline\n"
        "1111111\t0.993200\t44.4\tkeep\tincrease LR to 0.04\n"
        "2222222\t1.005000\t44.0\tdiscard\tswitch to GeLU\n"
        "3333333\t0.000000\t0.0\tcrash\tit ran out of memory\n"
        "4444444\t0.000000\t0.0\tcrash\tdouble model width\n"
        "5555555\t0.993200\t44.4\tdiscard\tLR 0.04 again\n"
        "6666666\t0.993100\t1.0\tdiscard\tnoise\n"
    )


def test_the_second_column_is_the_contract_s_metric():
    contract = Contract(
        title="t", prose="p", objective=Objective(metric="speed", direction=Direction.maximize), edit=("a",), run="x"
    )
    assert render(state(contract=contract)) == "commit\tspeed\tmemory_gb\tstatus\tdescription\n"


def test_a_small_value_keeps_its_digits():
    assert "\t1.25e-07\t" in render(state(one(0, Outcome.baseline, 1.25e-07)))


def test_a_crash_is_never_the_best_value_of_his_notebook():
    """As the notebook reads it: crashes are dropped, kept rows make the running minimum."""
    import pandas as pd

    table = pd.read_csv(io.StringIO(render(NIGHT)), sep="\t")
    table["val_bpb"] = pd.to_numeric(table["val_bpb"], errors="coerce")
    table["memory_gb"] = pd.to_numeric(table["memory_gb"], errors="coerce")
    table["status"] = table["status"].str.strip().str.upper()
    valid = table[table["status"] != "CRASH"]
    assert table["status"].value_counts().to_dict() == {"DISCARD": 3, "KEEP": 2, "CRASH": 2}
    assert valid["val_bpb"].min() == 0.9931
    assert valid[valid["status"] == "KEEP"]["val_bpb"].cummin().tolist() == [0.9979, 0.9932]


@given(
    st.lists(st.text() | st.sampled_from(["NA", "None", '"', '"a', "a\tb", "null", "\r", "1e5", "#N/A"]), max_size=6)
)
def test_any_description_is_one_row_for_pandas(descriptions):
    import pandas as pd

    rows = [one(number, Outcome.discard, 1.5, summary=text) for number, text in enumerate(descriptions)]
    table = pd.read_csv(io.StringIO(render(state(*rows))), sep="\t")
    assert list(table.columns) == ["commit", "val_bpb", "memory_gb", "status", "description"]
    assert len(table) == len(rows)
    assert not table["description"].isna().any()
    assert (table["val_bpb"] == 1.5).all()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "overnight" / "s" / "results.tsv"


def judged(number):
    experiment = NIGHT.experiments[number]
    return Judged(number=number, outcome=experiment.outcome, reason="r", value=experiment.value)


def upto(number):
    return state(*NIGHT.experiments[: number + 1])


def test_row_by_row_it_becomes_the_whole_table(path):
    table = ResultsTable(path)
    for number in range(7):
        table.emit(Asked(number=number, parent=0, agent="a"), upto(number))
        table.emit(judged(number), upto(number))
        assert path.read_text() == render(upto(number))
    assert [file.name for file in path.parent.iterdir()] == ["results.tsv"]


def test_only_verdicts_touch_the_file(path):
    ResultsTable(path).emit(Asked(number=1, parent=0, agent="a"), NIGHT)
    assert not path.exists()


@pytest.mark.parametrize("damage", ["delete", "tear", "foreign"])
def test_a_new_process_mends_whatever_happened_to_it(path, damage):
    table = ResultsTable(path)
    for number in range(4):
        table.emit(judged(number), upto(number))
    {
        "delete": path.unlink,
        "tear": lambda: path.write_text(path.read_text()[:-20]),
        "foreign": lambda: path.write_text("a,b\n1,2\n"),
    }[damage]()
    ResultsTable(path).emit(judged(4), upto(4))
    assert path.read_text() == render(upto(4))


def test_deleted_while_a_process_runs_it_comes_back_whole(path):
    table = ResultsTable(path)
    table.emit(judged(0), upto(0))
    path.unlink()
    table.emit(judged(1), upto(1))
    assert path.read_text() == render(upto(1))


def test_another_metric_begins_another_table(path):
    table = ResultsTable(path)
    table.emit(judged(0), upto(0))
    contract = Contract(title="t", prose="p", objective=Objective(metric="loss"), edit=("a",), run="x")
    other = state(one(0, Outcome.baseline, 3.0), contract=contract)
    table.emit(judged(0), other)
    assert path.read_text() == render(other)


def test_the_same_metric_in_a_new_segment_begins_another_table(path):
    table = ResultsTable(path)
    for number in range(3):
        table.emit(judged(number), replace(upto(number), segments=1))
    opening = Opened(study="s", digest="d", contract=CONTRACT, base="b" * 40, tree="t")
    table.emit(opening, replace(state(), segments=2))
    assert path.read_text() == render(state())
    second = replace(state(one(0, Outcome.baseline, 3.0)), segments=2)
    table.emit(judged(0), second)
    assert path.read_text() == render(second)


@pytest.mark.parametrize("code", ["guard", "bounds"])
def test_what_a_limit_broke_keeps_the_value_that_was_read(code):
    failure = Failure(code=code, detail="too big")
    discarded = one(1, Outcome.discard, failure=failure, summary="bigger", readings=(run(1.5, 2048.0), run(2.5)))
    again = one(2, Outcome.duplicate, same_as=1, summary="bigger again")
    unread = one(3, Outcome.discard, failure=failure, summary="tests fail")
    assert render(state(one(0, Outcome.baseline, 3.0), discarded, again, unread)).splitlines()[2:] == [
        "1111111\t2.000000\t2.0\tdiscard\tbigger",
        "2222222\t2.000000\t2.0\tdiscard\tbigger again",
        "3333333\t0.000000\t0.0\tcrash\ttests fail",
    ]
