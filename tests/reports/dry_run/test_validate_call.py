"""POST /api/v1/reports/{key}/validate: checks a report, or a definition that isn't stored."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from audit.models import Action, AuditLog
from reports.models import ReportVersion
from tests.reports.api.clients import client
from tests.reports.deleted_sources import delete_source
from tests.reports.dry_run.helpers import URL, definition, validate

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("stored_reports")]


def test_a_valid_report_is_described_by_its_columns_and_formats() -> None:
    assert validate() == {
        "valid": True, "faults": [], "columns": [{"name": "carrier", "type": "string"}],
        "typesAreCertain": False, "estimatedRows": None,
        "formats": [
            {"format": "pdf", "fits": None,
             "message": "A pdf file can have at most 100,000 rows. How many rows there are isn't known before the run.",
             "seconds": None, "secondsFrom": None},
            {"format": "csv", "fits": True, "message": "", "seconds": None, "secondsFrom": None},
        ],
        "templateFaults": [],
        "preview": None, "past": None, "sections": [],
    }  # fmt: skip


def test_a_refused_query_is_a_sentence_and_the_drivers_message_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    result = validate(definition=definition(query="select nonsense, :start, :end from flights"))
    assert result["valid"] is False
    assert result["faults"] == ["The query names a table or column that does not exist."]
    assert "driver" not in result and "no such column" not in str(result)
    assert "no such column: nonsense" in caplog.text
    assert result["columns"] == result["formats"] == []


def test_a_definition_is_checked_and_not_stored() -> None:
    changed = definition(query="select carrier, delay, 1 as one from flights where :start < :end", max_rows=50_000)
    result = validate(definition=changed, parameters={"start": "2013-01-01"})
    assert [column["type"] for column in result["columns"]] == ["string", "double", "int64"]
    assert [fit["fits"] for fit in result["formats"]] == [True, True]
    assert ReportVersion.objects.count() == 2
    assert not AuditLog.objects.filter(action=Action.REPORT_UPDATE).exists()


def test_an_invalid_definition_is_refused_by_field() -> None:
    response = client("alice").post(URL, {"definition": definition(query="select :nobody")}, format="json")
    assert response.status_code == 400
    assert "query" in response.json()["fields"]


@pytest.mark.parametrize(
    "body",
    [
        {"parameters": {"start": "yesterday"}},
        {"parameters": {"nobody": 1}},
        {"parameters": []},
        {"formats": ["csv"]},
        {"definition": "select 1"},
        [],
    ],
)
def test_an_invalid_body_is_refused(body: object) -> None:
    assert client("alice").post(URL, body, format="json").status_code == 400


@pytest.mark.parametrize(("username", "status"), [("bob", 403), ("erin", 404)])
def test_only_administrators_of_the_tenant_can_check(username: str, status: int) -> None:
    assert client(username).post(URL, {}, format="json").status_code == status


def test_a_missing_data_source_is_an_error_of_the_report(tmp_path: Path) -> None:
    (tmp_path / "data/flights.db").unlink()
    assert validate()["faults"] == ["The data source's file does not exist."]
    delete_source("flights")
    assert "data source was deleted" in validate()["faults"][0]


def test_a_slow_query_does_not_delay_the_response() -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as c from n"
    start = time.monotonic()
    result = validate(definition=definition(query=endless, parameters=[]))
    assert time.monotonic() - start < 6
    assert (result["valid"], [column["name"] for column in result["columns"]]) == (True, ["c"])
    assert result["estimatedRows"] is None


def test_rows_of_sqlite_are_counted_if_the_values_are_known() -> None:
    assert validate(parameters={"start": "2013-01-01"})["estimatedRows"] == 1
    assert validate(parameters={"start": "2014-01-01"})["estimatedRows"] == 0
