"""The parts of a job's page: attempts, retries, changes since the run, similar failures, the preview of the result."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from audit.models import AuditLog
from jobs.models import JobEvent, JobExecutionLog
from jobs.monitoring import job_detail
from jobs.results.stores.folder import file_stamp
from reports.models import ReportConfiguration, ReportVersion
from tests.jobs.helpers import result_path
from tests.pages.html import Page
from tests.pages.jobs import HTMX, Browse, MakeJob, job_ids, open_page


def add_event(job: JobExecutionLog, kind: str, seconds: float, attempt: int = 1) -> JobEvent:
    at = job.queued_at + timedelta(seconds=seconds)
    return JobEvent.objects.create(job=job, at=at, kind=kind, attempt=attempt, fence=attempt)


def write_result(job: JobExecutionLog, content: bytes) -> None:
    path = result_path(job, job.format, job.artifact.file_stem)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with path.open("rb") as file:
        job.artifact.stamp, job.artifact.size = file_stamp(file), len(content)
    job.artifact.save()


def test_each_attempt_has_its_wait_and_run_time(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Failed")
    add_event(job, "queued", 0, 0)
    events = [
        add_event(job, "claimed", 10),
        add_event(job, "requeued", 15),
        add_event(job, "claimed", 20, 2),
        add_event(job, "failed", 40, 2),
    ]
    first, second = job_detail.attempts(job, events)
    assert (first.number, first.waited, first.ran, first.outcome) == (1, 10, 5, "failed")
    assert (second.number, second.waited, second.ran) == (2, 5, 20)
    assert (first.wait_percent, second.start, second.run_percent) == (25, 37.5, 50)
    timeline = open_page(browse("bob"), f"/jobs/{job.pk}").get("region", "Timeline").text
    assert "Attempt 1 waited 10 s, ran 5.0 s Attempt 2 waited 5.0 s, ran 20 s" in timeline


def test_the_phases_of_the_attempt_that_succeeded_are_shown(browse: Browse, make_job: MakeJob) -> None:
    job = make_job()
    add_event(job, "claimed", 1)
    event = add_event(job, "succeeded", 80)
    path = f"/jobs/{job.pk}"
    assert "connecting" not in open_page(browse("bob"), path).get("region", "Timeline").text
    event.details = {"phases": {"wait": 1.0, "connect": 0.25, "firstRow": 3, "read": 75.5, "publish": 0}}
    event.save()
    timeline = open_page(browse("bob"), path).get("region", "Timeline").text
    assert "connecting 0.2 s · first row 3.0 s · reading 1 min 16 s · publishing 0.0 s" in timeline


def test_the_chain_of_retries_is_shown_for_each_of_its_jobs(browse: Browse, make_job: MakeJob) -> None:
    first = make_job("Failed")
    second = make_job("Failed", retry_of=first)
    third = make_job("Queued", retry_of=second)
    chain = [first.pk, second.pk, third.pk]
    for pk in chain:
        job = JobExecutionLog.objects.get(pk=pk)
        assert [each.pk for each in job_detail.retry_chain(job)] == chain
        page = open_page(browse("bob"), f"/jobs/{pk}")
        assert page.has("heading", "Retries")
        assert all(str(each)[:8] in page.get("region", "Status").text for each in chain)


def test_failures_with_the_same_error_are_counted_and_linked(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Failed", error_fingerprint="ab12ab12ab12ab12") for _ in range(3)]
    make_job("Failed", error_fingerprint="cd34cd34cd34cd34")
    make_job("Failed", by="erin", error_fingerprint="ab12ab12ab12ab12")
    page = open_page(browse("alice"), f"/jobs/{jobs[0].pk}")
    link = page.get("link", "4 jobs failed the same way")["href"]
    assert link == "/jobs?q=error:ab12ab12ab12ab12"
    assert len(job_ids(open_page(browse("alice"), link))) == 4


def test_changes_since_the_run_are_shown_and_the_query_to_administrators_only(
    browse: Browse, make_job: MakeJob, report: ReportConfiguration
) -> None:
    job = make_job("Failed")
    path, title = f"/jobs/{job.pk}", "Changed since this run"
    assert not open_page(browse("alice"), path).has("region", title)
    old = report.current
    assert old
    report.current = ReportVersion.objects.create(
        report=report, number=2, name=old.name, data_source=old.data_source, query="select 2 as <two>",
        parameters=old.parameters, formats=["csv"], created_by="alice",
    )  # fmt: skip
    report.save()
    page = open_page(browse("alice"), path)
    changes = page.get("region", title)
    assert "version 1 → 2" in changes.text and "Description, query, formats, delivery." in changes.text
    assert "select 1" in changes.text and "select 2 as <two>" in changes.text
    assert changes.get("link", "Compare versions")["href"] == "/reports/sales/versions?from=1&to=2"
    assert page.get("link", "version 1")["href"] == "/reports/sales/versions?to=1"
    bobs = open_page(browse("bob"), path)
    assert bobs.has("region", title)
    assert "/reports/sales/versions" not in bobs.source
    assert "select 2" not in bobs.source


def test_run_again_fills_the_form_with_the_jobs_parameters(browse: Browse, make_job: MakeJob) -> None:
    given = {"start": "2024-01-31", "only_new": False, "days": ["tue"], "codes": [1, 2], "share": 0.5, "region": None}
    job = make_job("Succeeded", parameters=given, format="json")
    assert dict(parse_qsl(job_detail.rerun_query(job)))["param.only_new"] == "false"
    link = open_page(browse("bob"), f"/jobs/{job.pk}").get("link", "Run again…")["href"]
    assert urlsplit(link).path == "/reports/sales"
    data = open_page(browse("bob"), link).by_id("run").form_data()
    assert (data["param.start"], data["param.share"]) == (["2024-01-31"], ["0.5"])
    assert (data["format"], data["param.days"]) == (["json"], ["tue"])
    assert data["param.codes"] == ["1\r\n2\r\n"]
    assert not open_page(browse("carol"), f"/jobs/{job.pk}").has("link", "Run again…"), "carol may not run it"


@pytest.mark.parametrize(
    ("format", "content", "rows"),
    [
        ("csv", 'a,b\r\n1,"x, <y>"\r\n', ["a b", "1 x, <y>"]),
        ("csv", "a;b\r\n1;2,5\r\n", ["a b", "1 2,5"]),
        ("ndjson", '{"a":1}\n{"a":2}\n', ["a", "1", "2"]),
        ("json", '[\n{"a":1,"b":null},\n{"a":2}\n]\n', ["a b", "1 None", "2"]),
        ("csv", "", None),
    ],
)
def test_the_first_rows_of_a_text_result_are_shown_and_audited(
    browse: Browse, make_job: MakeJob, format: str, content: str, rows: list[str] | None
) -> None:
    job = make_job("Succeeded", format=format)
    write_result(job, content.encode())
    page = open_page(browse("bob"), f"/jobs/{job.pk}/preview")
    if rows is None:
        assert "The file is empty." in page.text
    else:
        assert [row.text for row in page.get("table", "First rows of the result").all("row")] == rows
    assert AuditLog.objects.filter(action="Result Download", actor="bob", target_id=str(job.pk)).count() == 1
    assert "<html" not in open_page(browse("bob"), f"/jobs/{job.pk}/preview", headers=HTMX).source


def test_a_preview_reads_only_the_beginning_of_the_file(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    write_result(job, b"number\n" + b"1234567\n" * 1_000_000)
    page = open_page(browse("bob"), f"/jobs/{job.pk}/preview")
    assert len(page.get("table").all("row")) == 13
    assert len(page.source) < 10_000


@pytest.mark.parametrize(("name", "status"), [("bob", 404), ("erin", 403), ("gina", 404)])
def test_a_preview_depends_on_rights_and_format(browse: Browse, make_job: MakeJob, name: str, status: int) -> None:
    job = make_job("Succeeded", format="pdf")
    assert not Page(browse(name).get(f"/jobs/{job.pk}")).has("link", "Show first rows")
    assert browse(name).get(f"/jobs/{job.pk}/preview").status_code == status
    missing = make_job("Succeeded")
    assert browse("bob").get(f"/jobs/{missing.pk}/preview").status_code == 500
