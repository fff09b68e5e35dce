"""The first rows of a report: through the API, and from every kind of data source."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from audit.models import Action, AuditLog
from reports.dry_run.results import PreviewColumn
from reports.parameters.declarations import Parameter
from tests.reports.api.clients import client
from tests.reports.definitions.sample_file import apply_definitions, create_flights
from tests.reports.dry_run.helpers import URL, definition, preview_rows, target, validate

with_databases = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def flights(tmp_path: Path) -> None:
    """The sample's reports, and 80 flights with the delays 0, 0.5, 1 …"""
    create_flights(tmp_path, (number / 2 for number in range(80)))
    apply_definitions(tmp_path)


@with_databases
def test_the_first_rows_of_a_definition_are_shown_and_audited(flights: None) -> None:
    query = "select carrier, delay, null as absent from flights where flight_date between :start and :end"
    parameters = {"start": "2013-01-01"}
    preview = validate(preview=True, definition=definition(query=query), parameters=parameters)["preview"]
    assert preview["columns"] == [
        {"name": "carrier", "type": "string", "isNumber": False},
        {"name": "delay", "type": "double", "isNumber": True},
        {"name": "absent", "type": "string", "isNumber": False},
    ]
    assert len(preview["rows"]) == 50
    assert preview["rows"][:2] == [["UA", "0", None], ["UA", "0.5", None]]
    assert (preview["truncated"], preview["fault"]) == (True, "")
    entry = AuditLog.objects.get(action=Action.REPORT_PREVIEW)
    assert (entry.actor, entry.details) == ("alice", {"report": "carrier-delays", "query": query})


@with_databases
def test_an_invalid_query_is_not_run(flights: None) -> None:
    result = validate(preview=True, definition=definition(query="select nonsense, :start, :end from flights"))
    assert result["faults"]
    assert result["preview"] is None
    assert not AuditLog.objects.filter(action=Action.REPORT_PREVIEW).exists()


@with_databases
def test_only_administrators_get_rows(flights: None) -> None:
    assert client("bob").post(URL, {"preview": True}, format="json").status_code == 403


# --- Every kind of data source ----------------------------------------------------------------------------------------


def test_values_are_text_as_people_read_it(tmp_path):
    values = (
        "12345678901234567890.50::decimal(22, 2) d, timestamp '2024-02-29 10:00:00.5' t, [1, 2] l, repeat('ä', 1500)"
    )
    duckdb.sql(f"copy (select {values}) to '{tmp_path}/t.parquet'")
    preview = preview_rows(target("files", tmp_path / "t.parquet", "from t"), {})
    assert preview.rows == [["12345678901234567890.50", "2024-02-29 10:00:00.500000", "[1,2]", "ä" * 1000 + " …"]]
    assert not preview.truncated
    assert preview.columns[0] == PreviewColumn("d", "decimal128(22, 2)", True)


def test_an_empty_result_has_its_columns(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    preview = preview_rows(target("files", tmp_path / "t.csv", "select a from t where a > 1"), {})
    assert ([column.name for column in preview.columns], preview.rows, preview.truncated) == (["a"], [], False)


@pytest.mark.parametrize("rows", [50, 51])
def test_more_than_fifty_rows_are_truncated(tmp_path, rows):
    duckdb.sql(f"copy (select * from range({rows}) as r(n)) to '{tmp_path}/t.parquet'")
    preview = preview_rows(target("files", tmp_path / "t.parquet", "from t order by n"), {})
    assert [row[0] for row in preview.rows] == [str(n) for n in range(50)]
    assert preview.truncated == (rows > 50)


def test_rows_that_arrive_in_several_batches_are_shown(tmp_path):
    """SQLite's batches are limited by size, and a later batch may widen a column's type."""
    with closing(sqlite3.connect(tmp_path / "t.db")) as database, database:
        database.execute("create table t (value, long text)")
        database.executemany(
            "insert into t values (?, zeroblob(1000000))", [(n if n < 45 else "x",) for n in range(60)]
        )
    preview = preview_rows(target("sqlite", tmp_path / "t.db", "select value, length(long) as n from t"), {})
    assert [row[0] for row in preview.rows[44:46]] == ["44", "x"]


def test_postgresql_stops_reading_early(postgres_url):
    when = Parameter(name="when", type="datetime", required=True)
    query = "select n, n / 4.0 as q, :when as w from (select generate_series(1, 50000000) as n) s"
    start = time.monotonic()
    preview = preview_rows(
        target("postgresql", postgres_url, query, parameters=[when]), {"when": "2024-01-01T10:00:00Z"}
    )
    assert time.monotonic() - start < 5
    assert preview.error == ""
    assert preview.rows[49] == ["50", "12.50000000000000000000", "2024-01-01 10:00:00.000000Z"]


def test_mariadb_is_previewed(mariadb_url):
    preview = preview_rows(target("sql", mariadb_url, "select seq, seq * 1.5 as m from seq_1_to_1000000"), {})
    assert preview.rows[:2] == [["1", "1.5"], ["2", "3.0"]]
    assert preview.truncated


def test_a_slow_query_is_stopped_with_an_error(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    query = "select count(*) from range(100000000) a, range(1000000) b where a.range + b.range = 7"
    start = time.monotonic()
    preview = preview_rows(target("files", tmp_path / "t.csv", query), {})
    assert time.monotonic() - start < 8
    assert (preview.rows, preview.columns) == ([], [])
    assert "longer than" in preview.error


def test_a_preview_leaves_no_files_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert preview_rows(target("files", tmp_path / "t.csv", "from t"), {}).rows == [["1"]]
    assert not [path for path in Path(tmp_path).iterdir() if path.name.startswith("reportserver-")]
