"""Every type of every source in every format: whole runs, read back by other programs."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import openpyxl
import psycopg
import pymysql
import pytest

from reports.engine import RunSpec, run
from reports.rendering import Document
from reports.rendering.columns.views import humanized
from reports.sources.base import Limits, SourceSpec
from tests.fidelity.readers import html_rows
from tests.reports.rendering.pdf_reader import needs_poppler
from tests.reports.rendering.source_types import TYPES, Value, statements

#: So many columns fit on a page without line breaks in values.
_PDF_COLUMNS = 3
every_source = pytest.mark.parametrize("kind", TYPES)


@pytest.fixture(scope="module")
def sources() -> dict[str, SourceSpec]:
    """The sources created so far, by kind."""
    return {}


@pytest.fixture
def spec(
    kind: str, sources: dict[str, SourceSpec], request: pytest.FixtureRequest, tmp_path_factory: Any
) -> SourceSpec:
    if kind not in sources:
        base = request.getfixturevalue(_SERVERS[kind]) if kind in _SERVERS else str(tmp_path_factory.mktemp(kind))
        sources[kind] = SourceSpec(kind=kind, location=_CREATE[kind](base, statements(TYPES[kind])))
    return sources[kind]


def _sqlite(folder: str, sql: list[str]) -> str:
    with closing(sqlite3.connect(f"{folder}/t.db")) as database, database:
        for statement in sql:
            database.execute(statement)
    return f"{folder}/t.db"


def _duckdb(folder: str, sql: list[str]) -> str:
    with duckdb.connect(f"{folder}/t.duckdb") as database:
        database.execute("set timezone = 'UTC'")
        for statement in sql:
            database.execute(statement)
    return f"{folder}/t.duckdb"


def _files(folder: str, sql: list[str]) -> str:
    with duckdb.connect(_duckdb(folder, sql)) as database:
        database.execute(f"copy every_type to '{folder}/every_type.parquet'")
    return f"{folder}/every_type.parquet"


def _postgresql(url: str, sql: list[str]) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (*_POSTGRESQL_TYPES, *sql):
            connection.execute(statement)
    return url


_POSTGRESQL_TYPES = (
    "drop table if exists every_type",
    "drop type if exists mood, pair",
    "drop domain if exists posint",
    "create type mood as enum ('sad', 'glad')",
    "create type pair as (a integer, b text)",
    "create domain posint as integer check (value > 0)",
)


def _mariadb(url: str, sql: list[str]) -> str:
    server = {"host": "127.0.0.1", "port": urlsplit(url).port, "user": "root", "database": "reports"}
    with pymysql.connect(**server, autocommit=True) as connection:
        for statement in ("drop table if exists every_type", *sql):
            connection.cursor().execute(statement)
    return url


_CREATE = {"sqlite": _sqlite, "files": _files, "duckdb": _duckdb, "postgresql": _postgresql, "sql": _mariadb}
_SERVERS = {"postgresql": "postgres_url", "sql": "mariadb_url"}


def rendered(spec: SourceSpec, format: str, limits: Limits, document: Document, columns: str = "*") -> Path:
    """The file of a run from the source to the format."""
    path = limits.temp_dir.with_name(f"result.{format}")
    query = f"select {columns} from every_type order by n"
    run_spec = RunSpec(source=spec, query=query, values={}, formats=(format,), document=document, limits=limits)
    assert run(run_spec, path, lambda rows, size, total: None).rows == 2
    return path


def names(kind: str) -> list[str]:
    return ["n", *(f"c{number}" for number in range(len(TYPES[kind])))]


def differences(kind: str, read: list[Any], expected: list[Any]) -> dict[str, tuple[Any, Any]]:
    """Read and expected value of each type for which they differ."""
    assert len(read) == len(expected) == len(TYPES[kind])
    triples = zip(TYPES[kind], read, expected, strict=True)
    return {column.type: (value, wanted) for column, value, wanted in triples if value != wanted}


@every_source
def test_csv(kind: str, spec: SourceSpec, limits: Limits, document: Document) -> None:
    with rendered(spec, "csv", limits, document).open(newline="") as file:
        header, first, second = csv.reader(file)
    assert header == names(kind)
    assert differences(kind, first[1:], [column.csv for column in TYPES[kind]]) == {}
    assert second == ["2", *("" for _ in TYPES[kind])]


@every_source
@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_json(kind: str, format: str, spec: SourceSpec, limits: Limits, document: Document) -> None:
    text = rendered(spec, format, limits, document).read_text()
    text = text if format == "json" else f"[{','.join(text.splitlines())}]"
    first, second = json.loads(text, parse_float=Decimal)
    assert list(first) == names(kind)
    assert differences(kind, list(first.values())[1:], [column.json for column in TYPES[kind]]) == {}
    assert list(second.values()) == [2, *(None for _ in TYPES[kind])]


@every_source
def test_parquet(kind: str, spec: SourceSpec, limits: Limits, document: Document) -> None:
    path = rendered(spec, "parquet", limits, document)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        first, second = connection.read_parquet(str(path)).project("columns(*)::varchar").fetchall()
    assert differences(kind, list(first[1:]), [column.parquet_text for column in TYPES[kind]]) == {}
    assert second == ("2", *(None for _ in TYPES[kind]))


@every_source
def test_xlsx(kind: str, spec: SourceSpec, limits: Limits, document: Document) -> None:
    rows = openpyxl.load_workbook(rendered(spec, "xlsx", limits, document))["Data"].iter_rows(values_only=True)
    header, first, second = rows
    assert list(header) == [humanized(name) for name in names(kind)]
    assert differences(kind, list(first[1:]), [column.xlsx for column in TYPES[kind]]) == {}
    assert second == (2, *(None for _ in TYPES[kind]))


@every_source
def test_html(kind: str, spec: SourceSpec, limits: Limits, document: Document) -> None:
    header, first, second = html_rows(rendered(spec, "html", limits, document))
    assert header == [humanized(name) for name in names(kind)]
    assert differences(kind, first[1:], [column.html for column in TYPES[kind]]) == {}
    assert second == ["2", *(None for _ in TYPES[kind])]


@needs_poppler
@every_source
def test_pdf(kind: str, spec: SourceSpec, limits: Limits, document: Document) -> None:
    for start in range(0, len(TYPES[kind]), _PDF_COLUMNS):
        types = TYPES[kind][start : start + _PDF_COLUMNS]
        columns = ", ".join(["n", *names(kind)[1:][start : start + _PDF_COLUMNS]])
        assert pdf_words(rendered(spec, "pdf", limits, document, columns)) == expected_pdf_words(types)


def pdf_words(path: Path) -> list[str]:
    """The words of the row of values and of the row of NULLs."""
    text = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True, text=True)
    rows = [line.split() for line in text.stdout.splitlines() if line.split()[:1] in (["1"], ["2"])]
    return [word for row in rows if row[1:] != ["rows"] for word in row]


def expected_pdf_words(types: list[Value]) -> list[str]:
    return [*" ".join(["1", *(column.pdf for column in types), "2"]).split(), *("\u2013" for _ in types)]
