"""The oracle of `make fidelity`, briefly, and the tables of docs/formats.md, which it proves."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reports.engine import RunSpec
from tests.fidelity import oracle
from tests.fidelity.expectations import expected, float_text, json_text, json_value, text
from tests.fidelity.matching import JsonText
from tests.fidelity.oracle import FORMATS, SOURCES, Difference, check
from tests.fidelity.promises import PAGE, PROMISES, Promise, page_with_tables
from tests.fidelity.search import search
from tests.fidelity.source_types import decimal, struct_of
from tests.fidelity.stores import Places
from tests.fidelity.tables import Kind, Table, Type

_CASES = 2
#: Notations that stand for no single value.
_NOTATIONS = {'""', "[key, value]", "+", "null", "TRUE", "FALSE", "25:30:15", "####", "infinity", "-infinity"}
every_promise = pytest.mark.parametrize(
    ("heading", "promise"),
    [pytest.param(h, p, id=f"{h}: {p.types}") for h, promises in PROMISES.items() for p in promises if p.examples],
)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("source", SOURCES)
def test_two_readers_find_random_tables(
    source: str, format: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    places = Places(tmp_path)
    if source == "postgresql":
        places.postgres_url = request.getfixturevalue("postgres_url")
    if source == "mariadb":
        places.mariadb_url = request.getfixturevalue("mariadb_url")
    result = search(source, format, places, cases=_CASES, number=2024, shrink=10)
    assert not result.failure, result.failure


def test_the_page_has_the_tables_of_the_promises() -> None:
    page = PAGE.read_text()
    assert page == page_with_tables(page), "Change tests/fidelity/promises.py and run python -m tests.fidelity.promises"


@every_promise
def test_the_examples_prove_the_promise(heading: str, promise: Promise, tmp_path: Path) -> None:
    types, values = [type for type, _ in promise.examples], [value for _, value in promise.examples]
    names = [f"c{number}" for number in range(len(types))]
    for format in heading.split(" and "):
        if format == "parquet" and promise.types.startswith("`infinity`"):
            # Each of them has to fail the job.
            for type, value in promise.examples:
                check("duckdb", format, Table([type], ["c0"], [[value]]), Places(tmp_path))
        else:
            check("duckdb", format, Table(types, names, [values, [None] * len(types)]), Places(tmp_path))


@every_promise
def test_texts_on_the_page_are_those_of_the_examples(heading: str, promise: Promise) -> None:
    shown = set(re.findall("`([^`]+)`", promise.says)) - _NOTATIONS
    assert shown <= {_spelled(heading, type, value) for type, value in promise.examples}


def _spelled(heading: str, type: Type, value: Any) -> str:
    if value is None:
        return ""
    if type.kind is Kind.INTERVAL:
        return str(expected(heading, type, value)) if heading == "xlsx" else str(text(type, value))
    if type.kind is Kind.FLOAT:
        return float_text(value, single=type.single)
    if heading == "json and ndjson":
        return json_text(json_value(type, value))
    plain = text(type, value)
    return json_text(plain.value) if isinstance(plain, JsonText) else str(plain)


@pytest.mark.parametrize("heading", PROMISES)
def test_each_kind_of_value_has_a_promise(heading: str) -> None:
    shown = {type.kind for promise in PROMISES[heading] for type, _ in promise.examples}
    # The others are kinds of other sources than DuckDB, whose values arrive as one of these.
    assert set(Kind) - shown == {Kind.NUMERIC, Kind.SERVER_TEXT, Kind.FILE_TEXT}


def test_json_in_a_cell_may_have_other_zeros_and_is_cut_where_it_has_to_be() -> None:
    struct = struct_of(("t", "n"), (Type(Kind.TEXT, "varchar"), decimal(18, 4)))
    wanted = expected("xlsx", struct, ("x" * 40_000, Decimal("0.1000")))
    start = '{"t":"' + "x" * (32_700 - 6)
    assert wanted == f"{start}… [cut: 40,017 characters]"
    for wrong in (start, f"{start[:-9]}… [cut: 40,017 characters]", f"{start}… [cut: 9 characters]", f"{start[:-1]}y…"):
        assert wanted != wrong
    assert expected("xlsx", struct, ("x" * 32_750, Decimal("0.1000"))) == '{"t":"' + "x" * 32_750 + '","n":0.1}'


def test_json_in_a_page_may_be_as_the_source_writes_it() -> None:
    pattern = expected("pdf", Type(Kind.JSON, "json"), '{"é": "\\u00e9"}')
    for shown in ('{"é":"\\u00e9"}', '{"é":"é"}'):
        assert re.fullmatch(pattern, shown)
    assert not re.fullmatch(pattern, '{"é":"e"}')


@pytest.mark.parametrize("format", FORMATS)
def test_the_oracle_notices_a_value_that_changed(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decimals = Type(Kind.DECIMAL, "decimal(18,2)", digits=18, scale=2)
    table = Table([decimals], ["c0"], [[Decimal("99.50")]])
    check("duckdb", format, table, Places(tmp_path))
    run = oracle.run

    def run_rounded(spec: RunSpec, *others: Any) -> Any:
        return run(replace(spec, query="select n, c0::integer as c0 from t"), *others)

    monkeypatch.setattr(oracle, "run", run_rounded)
    with pytest.raises(Difference):
        check("duckdb", format, table, Places(tmp_path))
