"""A look at reports before they are run: POST /api/v1/reports/{key}/validate and manage.py check_reports."""

from __future__ import annotations

import time
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Tenant, User
from audit.models import Action, AuditLog
from jobs.actions import submit
from jobs.models import JobExecutionLog
from jobs.status import Status
from reports.dry_run.check import Fits, check
from reports.dry_run.run_time_estimate import run_seconds
from reports.dry_run.target import Column, DryRunTarget
from reports.exceptions import InvalidParameters
from reports.models import ReportConfiguration, ReportVersion
from reports.parameters.declarations import Parameter
from reports.runner import PastRun, Throughput
from reports.sources.base import SourceSpec
from tests.reports.definitions_sample import applied, sample, with_flights
from tests.reports.test_reports_api import client

pytestmark = pytest.mark.django_db(databases="__all__")

URL = "/api/v1/reports/carrier-delays/validate"


@pytest.fixture(autouse=True)
def _people(tmp_path):
    with_flights(tmp_path)
    applied(tmp_path)
    other = Tenant.objects.create(slug="other", name="Other")
    User.objects.create_user("erin", tenant=other).groups.add(Group.objects.get(name="Administrator"))


def validated(body: dict[str, Any] | None = None, username: str = "alice") -> dict[str, Any]:
    answer = client(username).post(URL, body or {}, format="json")
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def definition(**changes: Any) -> dict[str, Any]:
    return sample()["reports"][0] | changes


def test_a_right_report_is_told_with_its_columns_and_formats():
    assert validated() == {
        "valid": True, "faults": [], "columns": [{"name": "carrier", "type": "string"}],
        "typesAreCertain": False, "estimatedRows": None,
        "formats": [
            {"format": "pdf", "fits": None,
             "message": "A pdf file holds at most 100,000 rows. How many rows there are isn't known before the run.",
             "seconds": None, "secondsFrom": None},
            {"format": "csv", "fits": True, "message": "", "seconds": None, "secondsFrom": None},
        ],
        "templateFaults": [],
        "preview": None, "past": None,
    }  # fmt: skip


def succeeded(slug: str, seconds: float, rows: int, format: str = "csv") -> None:
    """A run of that report that took so long."""
    values = {"start": "2013-01-01", "end": "2013-12-31"}
    report, actor = ReportConfiguration.objects.get(slug=slug), User.objects.get(username="alice")
    job = submit(report=report, actor=actor, parameters=values, format=format)
    now = timezone.now()
    ended = {"status": Status.SUCCEEDED, "started_at": now, "ended_at": now + timedelta(seconds=seconds)}
    JobExecutionLog.objects.filter(pk=job.pk).update(rows=rows, attempt=1, fence=1, **ended)


def test_past_runs_are_told_by_call_and_command():
    for seconds, rows in ((1, 10), (2, 30), (60, 20)):
        succeeded("carrier-delays", seconds, rows)
    assert validated()["past"] == {"runs": 3, "rows": 20, "seconds": 2.0, "mostSeconds": 60.0}
    assert "Usually takes 2.0 s (95% within 60.0 s), about 20 rows." in run_command()[1]


_MANY = (
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000 and :start < :end) select i from n"
)


def timed(format: str = "csv") -> tuple[float | None, str | None]:
    body = {"definition": definition(query=_MANY), "parameters": {"start": "2013-01-01", "end": "2013-12-31"}}
    found = validated(body)
    assert found["estimatedRows"] == 5_000
    (fit,) = [one for one in found["formats"] if one["format"] == format]
    return fit["seconds"], fit["secondsFrom"]


def test_the_time_is_guessed_from_the_runs_that_are_most_alike(tmp_path):
    changed = sample()
    changed["data_sources"].append(changed["data_sources"][0] | {"slug": "twin"})
    changed["reports"] += [definition(slug="other"), definition(slug="twin", data_source="twin")]
    fixed = _MANY.replace(":start < :end", "true")
    changed["reports"].append(definition(slug="fixed", query=fixed, parameters=[]))
    applied(tmp_path, changed)
    assert timed() == (None, None)
    succeeded("twin", 4, 1_000)
    assert timed() == (20.0, "format")
    succeeded("other", 3, 1_000)
    assert timed() == (15.0, "source")
    assert "csv: about 15.0 s, by other runs on this data source." in run_command("fixed")[1]
    succeeded("carrier-delays", 2, 1_000)
    assert timed() == (10.0, "report")
    assert "csv: about" not in run_command("carrier-delays")[1]
    assert timed("pdf") == (None, None)


def test_the_speed_of_small_runs_is_no_estimate_for_large_ones():
    def throughput(*runs: tuple[int, float]) -> Throughput:
        return Throughput("report", tuple(PastRun(*run) for run in runs))

    assert run_seconds(throughput((10, 0.5), (20, 0.4)), 1_000_000) is None
    assert run_seconds(throughput((10, 0.5), (20, 0.4)), 100) == 0.4
    assert run_seconds(throughput((10, 0.5), (100_000, 2.0), (200_000, 2.0)), 1_000_000) == 20.0
    assert run_seconds(throughput((10, 0.5), (100_000, 2.0)), 1) == 0.5


def test_a_query_that_the_source_refuses_is_told_in_a_sentence_and_the_drivers_words_are_in_the_log(caplog):
    found = validated({"definition": definition(query="select nonsense, :start, :end from flights")})
    assert found["valid"] is False
    assert found["faults"] == ["The query names a table or column that does not exist."]
    assert "driver" not in found and "no such column" not in str(found)
    assert "no such column: nonsense" in caplog.text
    assert found["columns"] == found["formats"] == []


def test_a_definition_is_looked_at_and_not_stored():
    body = definition(query="select carrier, delay, 1 as one from flights where :start < :end", max_rows=50_000)
    found = validated({"definition": body, "parameters": {"start": "2013-01-01"}})
    assert [column["type"] for column in found["columns"]] == ["string", "double", "int64"]
    assert [fit["fits"] for fit in found["formats"]] == [True, True]
    assert ReportVersion.objects.count() == 2
    assert not AuditLog.objects.filter(action=Action.REPORT_UPDATE).exists()


def test_a_definition_that_could_not_be_stored_is_refused_by_field():
    answer = client("alice").post(URL, {"definition": definition(query="select :nobody")}, format="json")
    assert answer.status_code == 400
    assert "query" in answer.json()["fields"]


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
def test_a_body_that_is_not_right_is_refused(body):
    assert client("alice").post(URL, body, format="json").status_code == 400


@pytest.mark.parametrize(("username", "status"), [("bob", 403), ("erin", 404)])
def test_only_administrators_of_the_tenant_may_look(username, status):
    assert client(username).post(URL, {}, format="json").status_code == status


def test_a_source_that_is_gone_is_a_fault_of_the_report(tmp_path):
    (tmp_path / "data/flights.db").unlink()
    assert validated()["faults"] == ["The data source's file is not there."]
    ReportConfiguration.objects.get(slug="carrier-delays").version.data_source.delete()
    assert "data source was deleted" in validated()["faults"][0]


def test_a_query_that_runs_long_is_not_waited_for():
    forever = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as c from n"
    start = time.monotonic()
    found = validated({"definition": definition(query=forever, parameters=[])})
    assert time.monotonic() - start < 6
    assert (found["valid"], [column["name"] for column in found["columns"]]) == (True, ["c"])
    assert found["estimatedRows"] is None


def test_sqlites_rows_are_counted_where_the_values_are_known():
    assert validated({"parameters": {"start": "2013-01-01"}})["estimatedRows"] == 1
    assert validated({"parameters": {"start": "2014-01-01"}})["estimatedRows"] == 0


def run_command(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("check_reports", *arguments, stdout=out, stderr=out)
    except SystemExit as left:
        return int(left.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_looks_at_all_reports_and_fails_for_a_faulty_one():
    code, out = run_command()
    assert code == 1
    assert "acme/carrier-delays: 1 column." in out
    assert "acme/customers: The data source is not responding. Try again later." in out
    assert "hush" not in out
    assert out.endswith("2 reports checked, 1 with errors.\n")


def test_the_command_looks_at_the_reports_that_are_named():
    assert run_command("carrier-delays", "--tenant", "acme") == (
        0,
        "acme/carrier-delays: 1 column.\n1 report checked, no errors.\n",
    )
    assert run_command("nobody")[0] == 1


# ---- every kind of source


def subject(kind: str, location: object, query: str, **how: Any) -> DryRunTarget:
    source = SourceSpec(kind=kind, location=str(location))
    return DryRunTarget(source=source, query=query, **({"parameters": [], "formats": ["csv"], "max_rows": None} | how))


def test_files_tell_types_and_rows_and_which_formats_are_too_small(tmp_path):
    duckdb.sql(f"copy (select x, x / 2 as half from range(250000) as r(x)) to '{tmp_path}/many.parquet'")
    query, formats = "select *, :day as day from many", ["csv", "html", "pdf"]
    parameters = [Parameter(name="day", type="date", required=True)]
    found = check(subject("files", tmp_path / "many.parquet", query, parameters=parameters, formats=formats), {})
    assert found.columns == [Column("x", "int64"), Column("half", "double"), Column("day", "date32[day]")]
    assert (found.estimated_rows, found.types_are_certain) == (250_000, True)
    assert [(fit.format, fit.fits) for fit in found.formats] == [("csv", Fits.YES), ("html", Fits.NO), ("pdf", Fits.NO)]
    assert found.formats[1].message == "A html file holds at most 200,000 rows, and about 250,000 are expected."
    limited = check(subject("files", tmp_path / "many.parquet", "from many", formats=formats, max_rows=100_000), {})
    assert limited.estimated_rows == 100_000
    assert limited.all_fit


def test_more_columns_than_a_format_has_are_told(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    many = ", ".join(f"a as a{n}" for n in range(41))
    found = check(subject("files", tmp_path, f"select {many} from t", formats=["pdf", "xlsx"]), {})
    assert [(fit.format, fit.fits) for fit in found.formats] == [("pdf", Fits.NO), ("xlsx", Fits.YES)]
    assert "41 columns" in found.formats[0].message


def test_postgresql_prepares_and_does_not_run(postgres_url):
    query = "select 1.5::numeric(9,2) as d, :when as w, pg_sleep(20)::text as z from generate_series(1, 500)"
    parameters = [Parameter(name="when", type="datetime", required=True)]
    start = time.monotonic()
    found = check(subject("postgresql", postgres_url, query, parameters=parameters), {"when": "2024-01-01T10:00:00Z"})
    assert time.monotonic() - start < 3
    assert [column.type for column in found.columns] == ["decimal128(9, 2)", "timestamp[us, tz=UTC]", "string"]
    assert found.estimated_rows == 500
    assert check(subject("postgresql", postgres_url, "select nothing"), {}).errors
    with pytest.raises(InvalidParameters):
        check(subject("postgresql", postgres_url, query, parameters=parameters), {"when": "now"})


def test_mariadb_prepares_and_does_not_run(mariadb_url):
    start = time.monotonic()
    found = check(subject("sql", mariadb_url, "select cast(1.5 as decimal(9,2)) as d, sleep(20) as z"), {})
    assert time.monotonic() - start < 3
    assert found.columns[0] == Column("d", "decimal128(9, 2)")
    assert found.types_are_certain


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("select seq from seq_1_to_3000 where :least < 5", 3_000),
        ("select a.seq from seq_1_to_30 a cross join seq_1_to_20 b", 600),
        ("select seq from seq_1_to_30 union all select seq from seq_1_to_20", 50),
        ("select * from (select seq from seq_1_to_70) t", 70),
        ("select seq from seq_1_to_3000 limit 5, 10", 10),
        ("select seq from seq_1_to_3000 where 1 = 0", 0),
        ("select '%' as per_cent", 1),
    ],
)
def test_mariadb_tells_how_many_rows_it_expects(mariadb_url, query, rows):
    parameters = [Parameter(name="least", type="integer")]
    found = check(subject("sql", mariadb_url, query, parameters=parameters), {"least": 1})
    assert found.errors == []
    assert found.estimated_rows == rows


def test_a_server_that_does_not_answer_is_given_up_soon():
    start = time.monotonic()
    # An address of the documentation: nothing answers there.
    found = check(subject("sql", "mysql://u:hush@192.0.2.1/x", "select 1"), {})
    assert time.monotonic() - start < 8
    assert found.errors
    assert "hush" not in found.driver_message


def test_a_look_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "t.csv").write_text("a\n1\n")
    check(subject("files", tmp_path / "t.csv", "from t"), {})
    assert not [path for path in Path(tmp_path).iterdir() if path.name.startswith("reportserver-check")]
