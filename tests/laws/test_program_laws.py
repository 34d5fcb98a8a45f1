"""Laws of program.md: what is written reads back, and no text can do more than be refused."""

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.errors import ContractError, UsageError
from overnight.model.contract import (
    AgentSpec,
    Budget,
    Contract,
    Direction,
    Drive,
    Guard,
    Holdout,
    Isolation,
    Keep,
    Objective,
    Stop,
    Tier,
    Tradeoff,
)
from overnight.model.value import digest
from overnight.program import check_name, describe, parse, places, render, schema, slug, units

FINITE = st.floats(allow_nan=False, allow_infinity=False)
SECONDS = st.floats(min_value=1e-6, max_value=1e9) | st.integers(1, 10**6).map(float)
BYTES = st.integers(1024, 2**50) | st.integers(1, 2**20).map(lambda count: count * 1024)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_./-]{0,12}", fullmatch=True)
VARIABLES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not any(word in name for word in ("KEY", "TOKEN", "SECRET")) and not name.startswith("OVERNIGHT_")
)
VISIBLE = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\ufeff\ufffe\uffff")
TEXTS = st.text(VISIBLE, min_size=1, max_size=30).filter(lambda text: text.strip())
COMMANDS = TEXTS.map(str.strip).filter(
    lambda text: text and not any(w in text for w in ("{seed}", "{split}", "{python}"))
)
PATHS = st.lists(
    st.from_regex(r"[A-Za-z0-9_*\[\]#&:' -]{1,8}", fullmatch=True).filter(
        lambda part: part.strip() and ", " not in part
    ),
    min_size=1,
    max_size=3,
).map("/".join)
PROSE = st.text(VISIBLE | st.just("\n"), max_size=60).map(str.strip)


def tuples(items, least=0):
    return st.lists(items, min_size=least, max_size=3).map(tuple)


def pairs():
    return st.dictionaries(VARIABLES, st.text(VISIBLE | st.just("\n"), max_size=8), max_size=3).map(
        lambda words: tuple(sorted(words.items()))
    )


LIMITS = st.tuples(FINITE, FINITE).map(sorted)
GUARDS = st.one_of(
    st.builds(
        lambda metric, limits, regress, direction: Guard(
            metric=metric, min=limits[0], max=limits[1], max_regress=regress, direction=direction
        ),
        NAMES.map("g_{}".format),
        LIMITS,
        st.none() | st.floats(0, 10),
        st.sampled_from(Direction),
    ),
    st.builds(Guard, run=COMMANDS, min_tests=st.integers(0, 999)),
)
OBJECTIVES = st.builds(
    Objective,
    metric=NAMES,
    direction=st.sampled_from(Direction),
    unit=st.just("") | TEXTS,
    min_effect=st.floats(0, 1e9),
    bounds=st.none() | LIMITS.filter(lambda pair: pair[0] < pair[1]).map(tuple),
)
BUDGETS = st.builds(
    Budget,
    wall=SECONDS,
    cpu_seconds=st.none() | SECONDS,
    memory=BYTES,
    cpus=st.floats(0.01, 1e6),
    pids=st.integers(1, 10**6),
    disk=BYTES,
    output=BYTES,
    grace=st.just(0.0) | SECONDS,
    strict=st.booleans(),
)
ISOLATIONS = st.builds(
    Isolation, require=st.sampled_from(Tier), read=tuples(PATHS), env=pairs(), pass_env=tuples(VARIABLES)
)
AGENTS = st.builds(
    AgentSpec,
    use=st.sampled_from(["tuner", "claude", 'command sh -c "a: b # c"', "command ./x --y {z}"]),
    wall=SECONDS,
    network=st.sampled_from([None, ("shared",)]),
    pass_env=tuples(VARIABLES),
    read=tuples(PATHS),
)
COUNTS = st.none() | st.integers(1, 10**9)
STOPS = st.builds(
    Stop,
    experiments=COUNTS,
    wall=st.none() | SECONDS,
    usd=st.none() | st.floats(0.01, 1e6),
    no_gain=COUNTS,
    tampering=COUNTS,
)
JUDGES = st.one_of(
    st.fixed_dictionaries({"run": COMMANDS}),
    st.fixed_dictionaries({"run": COMMANDS, "score": COMMANDS, "artifacts": tuples(PATHS)}),
    st.fixed_dictionaries({"drive": st.builds(Drive, judge=COMMANDS, serve=COMMANDS)}),
)


@st.composite
def contracts(draw):
    return Contract(
        title=draw(TEXTS),
        prose=draw(PROSE),
        objective=draw(OBJECTIVES),
        edit=draw(tuples(PATHS | PATHS.map("!{}".format), 1).filter(lambda globs: not globs[0].startswith("!"))),
        data=draw(tuples(PATHS | PATHS.map("~/{}".format) | PATHS.map("/srv/{}".format))),
        hide=draw(tuples(PATHS)),
        budget=draw(BUDGETS),
        guards=draw(tuples(GUARDS)),
        tradeoffs=draw(
            tuples(
                st.builds(
                    Tradeoff,
                    metric=NAMES.map("t_{}".format),
                    rate=st.floats(0, 1e9),
                    amount=st.floats(1e-6, 1e9),
                )
            )
        ),
        holdout=draw(st.none() | st.builds(Holdout, certify=COMMANDS, queries=st.integers(1, 999))),
        keep=Keep(policy=draw(st.sampled_from(["auto", "default", "ratchet"]))),
        isolation=draw(ISOLATIONS),
        agent=draw(AGENTS),
        stop=draw(STOPS),
        metrics=draw(tuples(NAMES)),
        variables=draw(pairs()),
        env_dirs=draw(tuples(PATHS)),
        **draw(JUDGES),
    )


def unwritten(contract):
    return {name: getattr(contract, name) for name in contract.__struct_fields__ if name != "written"}


@given(contracts())
def test_the_described_contract_reads_back_as_itself(contract):
    again = parse(describe(contract) + contract.prose, file="program.md")
    assert unwritten(again) == unwritten(contract)


@given(contracts())
def test_a_study_is_the_same_whether_or_not_its_defaults_are_spelled_out(contract):
    short = parse(render(contract), file="program.md")
    long = parse(describe(contract) + contract.prose, file="program.md")
    assert digest(short.identity()) == digest(long.identity())


@given(contracts())
def test_the_rendered_file_reads_back_as_itself(contract):
    assert unwritten(parse(render(contract), file="program.md")) == unwritten(contract)


@given(contracts())
def test_what_is_rendered_satisfies_the_published_schema(contract):
    from ruamel.yaml import YAML

    front = render(contract).split("\n---\n")[0].removeprefix("---\n")
    jsonschema.Draft202012Validator(schema()).validate(YAML(typ="safe", pure=True).load(front))


LINES = st.sampled_from(
    ["metric: a", "edit: [*.py]", "run: a: b", "budget: {wall: 5m", "- x", "guards:", "  - {run: x}", "\tx", "a: &b",
     "drive: {judge: {a}}", "data: [a, !b]", "---", "stop: {wall: 1e999}", "hide: 'x", "? a", "{", "]", "unit: |"]
)  # fmt: skip


@given(st.lists(LINES | st.text(max_size=20), max_size=8).map("\n".join), st.booleans())
def test_any_text_is_a_contract_or_is_refused_with_places_inside_the_file(body, fenced):
    text = f"---\n{body}\n---\n" if fenced else body
    places(text)
    refused = refusal(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    assert refused is None or refused.problems
    assert all(0 <= problem.line <= lines for problem in (refused.problems if refused else ()))


def refusal(text):
    try:
        parse(text, file="program.md")
    except ContractError as error:
        return error
    return None


@given(SECONDS | st.just(0.0))
def test_durations_read_back(seconds):
    assert units.duration(units.duration_text(seconds)) == seconds


@given(st.integers(0, 2**62))
def test_sizes_read_back(count):
    assert units.size(units.size_text(count)) == count


@given(st.floats(0, 1e6))
def test_fractions_read_back(value):
    assert units.fraction(units.fraction_text(value)) == value


@given(st.floats(0, 1e300), st.floats(1e-300, 1e300))
def test_rates_read_back(price, amount):
    assert units.rate(units.rate_text(price, amount)) == (price, amount)


@given(st.text())
def test_every_slug_is_a_good_name_and_stays_itself(text):
    name = slug(text)
    check_name(name)
    assert slug(name) == name


@given(st.text().filter(lambda text: slug(text) != text))
def test_a_name_that_is_no_slug_is_refused_with_one(text):
    with pytest.raises(UsageError) as caught:
        check_name(text)
    assert slug(text) in str(caught.value)
