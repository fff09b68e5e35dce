"""The first rows of a report, through POST /api/v1/reports/{key}/validate and from every kind of source."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from audit.models import Action, AuditLog
from reports.dry_run.row_preview import PreviewColumn, preview_rows
from reports.dry_run.target import DryRunTarget
from reports.parameters.declarations import Parameter
from reports.sources.base import SourceSpec
from tests.reports.definitions_sample import applied, sample, with_flights
from tests.reports.test_reports_api import client

URL = "/api/v1/reports/carrier-delays/validate"


@pytest.fixture
def _reports(tmp_path):
    with_flights(tmp_path, (n / 2 for n in range(80)))
    applied(tmp_path)


def asked(username: str = "alice", **body: Any) -> dict[str, Any]:
    answer = client(username).post(URL, {"preview": True, **body}, format="json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


@pytest.mark.django_db(databases="__all__")
@pytest.mark.usefixtures("_reports")
def test_the_first_rows_of_a_draft_are_shown_and_the_look_is_audited():
    query = "select carrier, delay, null as absent from flights where flight_date between :start and :end"
    shown = asked(definition=sample()["reports"][0] | {"query": query}, parameters={"start": "2013-01-01"})["preview"]
    assert shown["columns"] == [
        {"name": "carrier", "type": "string", "isNumber": False},
        {"name": "delay", "type": "double", "isNumber": True},
        {"name": "absent", "type": "string", "isNumber": False},
    ]
    assert len(shown["rows"]) == 50
    assert shown["rows"][:2] == [["UA", "0", None], ["UA", "0.5", None]]
    assert (shown["truncated"], shown["fault"]) == (True, "")
    entry = AuditLog.objects.get(action=Action.REPORT_PREVIEW)
    assert (entry.actor, entry.details) == ("alice", {"report": "carrier-delays", "query": query})


@pytest.mark.django_db(databases="__all__")
@pytest.mark.usefixtures("_reports")
def test_a_query_with_a_fault_is_not_run():
    found = asked(definition=sample()["reports"][0] | {"query": "select nonsense, :start, :end from flights"})
    assert found["faults"]
    assert found["preview"] is None
    assert not AuditLog.objects.filter(action=Action.REPORT_PREVIEW).exists()


@pytest.mark.django_db(databases="__all__")
@pytest.mark.usefixtures("_reports")
def test_others_get_no_rows():
    assert client("bob").post(URL, {"preview": True}, format="json").status_code == 403


# ---- every kind of source


def subject(kind: str, location: object, query: str, *parameters: Parameter) -> DryRunTarget:
    source = SourceSpec(kind=kind, location=str(location))
    return DryRunTarget(source=source, query=query, parameters=list(parameters), formats=["csv"], max_rows=None)


def test_files_are_shown_as_people_read_them(tmp_path):
    values = (
        "12345678901234567890.50::decimal(22, 2) d, timestamp '2024-02-29 10:00:00.5' t, [1, 2] l, repeat('ä', 1500)"
    )
    duckdb.sql(f"copy (select {values}) to '{tmp_path}/t.parquet'")
    found = preview_rows(subject("files", tmp_path / "t.parquet", "from t"), {})
    assert found.rows == [["12345678901234567890.50", "2024-02-29 10:00:00.500000", "[1,2]", "ä" * 1000 + " …"]]
    assert not found.truncated
    assert found.columns[0] == PreviewColumn("d", "decimal128(22, 2)", True)


def test_nothing_is_shown_with_its_columns(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    found = preview_rows(subject("files", tmp_path / "t.csv", "select a from t where a > 1"), {})
    assert ([column.name for column in found.columns], found.rows, found.truncated) == (["a"], [], False)


@pytest.mark.parametrize("rows", [50, 51])
def test_fifty_rows_are_all_and_one_more_is_not(tmp_path, rows):
    duckdb.sql(f"copy (select * from range({rows}) as r(n)) to '{tmp_path}/t.parquet'")
    found = preview_rows(subject("files", tmp_path / "t.parquet", "from t order by n"), {})
    assert [row[0] for row in found.rows] == [str(n) for n in range(50)]
    assert found.truncated == (rows > 50)


def test_rows_so_long_that_few_are_read_at_once_are_shown_too(tmp_path):
    """SQLite's rows come in lists by their size, and a later list may widen a type that the first one showed."""
    with closing(sqlite3.connect(tmp_path / "t.db")) as database, database:
        database.execute("create table t (value, long text)")
        database.executemany(
            "insert into t values (?, zeroblob(1000000))", [(n if n < 45 else "x",) for n in range(60)]
        )
    found = preview_rows(subject("sqlite", tmp_path / "t.db", "select value, length(long) as n from t"), {})
    assert [row[0] for row in found.rows[44:46]] == ["44", "x"]


def test_postgresql_shows_and_lets_go(postgres_url):
    when = Parameter(name="when", type="datetime", required=True)
    query = "select n, n / 4.0 as q, :when as w from (select generate_series(1, 50000000) as n) s"
    start = time.monotonic()
    found = preview_rows(subject("postgresql", postgres_url, query, when), {"when": "2024-01-01T10:00:00Z"})
    assert time.monotonic() - start < 5
    assert found.error == ""
    assert found.rows[49] == ["50", "12.50000000000000000000", "2024-01-01 10:00:00.000000Z"]


def test_mariadb_shows(mariadb_url):
    found = preview_rows(subject("sql", mariadb_url, "select seq, seq * 1.5 as m from seq_1_to_1000000"), {})
    assert found.rows[:2] == [["1", "1.5"], ["2", "3.0"]]
    assert found.truncated


def test_what_takes_long_is_given_up_with_a_sentence(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    query = "select count(*) from range(100000000) a, range(1000000) b where a.range + b.range = 7"
    start = time.monotonic()
    found = preview_rows(subject("files", tmp_path / "t.csv", query), {})
    assert time.monotonic() - start < 8
    assert (found.rows, found.columns) == ([], [])
    assert "longer than" in found.error


def test_a_preview_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert preview_rows(subject("files", tmp_path / "t.csv", "from t"), {}).rows == [["1"]]
    assert not [path for path in Path(tmp_path).iterdir() if path.name.startswith("reportserver-")]
