"""What the page of a job tells: attempts, retries, what changed since, failures of the same kind, the first rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditLog
from jobs.models import JobEvent, JobExecutionLog
from jobs.monitoring import job_detail
from jobs.results import publishing, storage
from reports.models import ReportConfiguration, ReportVersion
from tests.pages.forms import text_of

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]


def add(job: JobExecutionLog, kind: str, seconds: float, attempt: int = 1) -> JobEvent:
    at = job.queued_at + timedelta(seconds=seconds)
    return JobEvent.objects.create(job=job, at=at, kind=kind, attempt=attempt, fence=attempt)


def with_result(job: JobExecutionLog, content: bytes) -> None:
    path = storage.result_path(job.pk, job.artifact.fence, job.format)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with path.open("rb") as file:
        job.artifact.stamp, job.artifact.size = publishing.file_stamp(file), len(content)
    job.artifact.save()


def test_each_attempt_is_told_with_its_wait_and_its_run(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Failed")
    add(job, "queued", 0, 0)
    events = [add(job, "claimed", 10), add(job, "requeued", 15), add(job, "claimed", 20, 2), add(job, "failed", 40, 2)]
    first, second = job_detail.attempts(job, events)
    assert (first.number, first.waited, first.ran, first.outcome) == (1, 10, 5, "failed")
    assert (second.number, second.waited, second.ran) == (2, 5, 20)
    assert (first.wait_share, second.start, second.run_share) == (25, 37.5, 50)
    text = text_of(browse("bob"), f"/jobs/{job.pk}")
    assert "waited 10 s, ran 5.0 s" in text and "waited 5.0 s, ran 20 s" in text


def test_a_running_job_tells_when_its_worker_was_heard_of(
    browse: Browse, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    job = make_job("Running", heartbeat_at=now - timedelta(seconds=12), lease_expires_at=now + timedelta(seconds=90))
    text = text_of(browse("bob"), f"/jobs/{job.pk}")
    assert "heard from 12 s ago" in text
    assert "loses the job in 1 min 30 s" in text


def test_the_chain_of_retries_is_shown_from_any_of_them(browse: Browse, make_job: MakeJob) -> None:
    first = make_job("Failed")
    second = make_job("Failed", retry_of=first)
    third = make_job("Queued", retry_of=second)
    for job in (first, second, third):
        assert [one.pk for one in job_detail.retry_chain(JobExecutionLog.objects.get(pk=job.pk))] == [
            first.pk,
            second.pk,
            third.pk,
        ]
        assert "Chain of retries" in text_of(browse("bob"), f"/jobs/{job.pk}")


def test_failures_of_the_same_kind_are_counted_and_linked(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Failed", error_fingerprint="ab12ab12ab12ab12") for _ in range(3)]
    make_job("Failed", error_fingerprint="cd34cd34cd34cd34")
    make_job("Failed", by="erin", error_fingerprint="ab12ab12ab12ab12")
    text = text_of(browse("alice"), f"/jobs/{jobs[0].pk}")
    assert '<a href="/jobs?q=error:ab12ab12ab12ab12">4 jobs failed the same way</a>' in text
    assert text_of(browse("alice"), "/jobs?q=error:ab12ab12ab12ab12").count('<tr id="job-') == 4


def test_what_changed_since_is_told_and_the_query_to_administrators_only(
    browse: Browse, make_job: MakeJob, report: ReportConfiguration
) -> None:
    job = make_job("Failed")
    assert "Changed since" not in text_of(browse("alice"), f"/jobs/{job.pk}")
    old = report.current
    assert old
    report.current = ReportVersion.objects.create(
        report=report, number=2, name=old.name, data_source=old.data_source, query="select 2 as <two>",
        parameters=old.parameters, formats=["csv"], created_by="alice",
    )  # fmt: skip
    report.save()
    text = text_of(browse("alice"), f"/jobs/{job.pk}")
    assert "version 1 → 2" in text and "Description, query, formats, delivery." in text
    assert "<code>select 1</code>" in text and "<code>select 2 as &lt;two&gt;</code>" in text
    assert 'href="/reports/sales/versions?from=1&amp;to=2"' in text
    assert '<a href="/reports/sales/versions?to=1">version 1</a>' in text
    assert "/reports/sales/versions" not in text_of(browse("bob"), f"/jobs/{job.pk}")
    assert "select 2" not in text_of(browse("bob"), f"/jobs/{job.pk}")


def test_run_again_fills_the_form_with_what_was_given(browse: Browse, make_job: MakeJob) -> None:
    given = {"start": "2024-01-31", "only_new": False, "days": ["tue"], "codes": [1, 2], "share": 0.5, "region": None}
    job = make_job("Succeeded", parameters=given, format="json")
    assert dict(parse_qsl(job_detail.rerun_query(job)))["param.only_new"] == "false"
    text = text_of(browse("bob"), f"/reports/sales?{job_detail.rerun_query(job)}")
    assert 'value="2024-01-31"' in text and 'value="0.5"' in text
    assert 'value="json" checked' in text and 'value="tue" checked' in text and 'value="mon" checked' not in text
    assert "1\n2\n" in text
    link = next(part for part in text_of(browse("bob"), f"/jobs/{job.pk}").split('href="') if "param.start" in part)
    assert urlsplit(link).path == "/reports/sales"
    assert "Run again" not in text_of(browse("carol"), f"/jobs/{job.pk}"), "carol may not run it"


@pytest.mark.parametrize(
    ("format", "content", "shown"),
    [
        ("csv", 'a,b\r\n1,"x, <y>"\r\n', ['<th scope="col">a</th>', "x, &lt;y&gt;"]),
        ("ndjson", '{"a":1}\n{"a":2}\n', ['<th scope="col">a</th>', '<td class="mono">2</td>']),
        ("json", '[\n{"a":1,"b":null},\n{"a":2}\n]\n', ['<th scope="col">b</th>', '<td class="mono">2</td>']),
        ("csv", "", ["The file is empty."]),
    ],
)
def test_the_first_rows_of_a_text_result_are_shown_and_audited(
    browse: Browse, make_job: MakeJob, format: str, content: str, shown: list[str]
) -> None:
    job = make_job("Succeeded", format=format)
    with_result(job, content.encode())
    text = text_of(browse("bob"), f"/jobs/{job.pk}/preview")
    for part in shown:
        assert part in text
    assert AuditLog.objects.filter(action="Result Download", actor="bob", target_id=str(job.pk)).count() == 1
    assert "<html" not in browse("bob").get(f"/jobs/{job.pk}/preview", headers={"HX-Request": "true"}).content.decode()


def test_a_preview_reads_no_more_than_the_beginning(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    with_result(job, b"number\n" + b"1234567\n" * 1_000_000)
    text = text_of(browse("bob"), f"/jobs/{job.pk}/preview")
    assert text.count("<tr>") == 13
    assert len(text) < 10_000


@pytest.mark.parametrize(("name", "status"), [("bob", 404), ("erin", 403), ("gina", 404)])
def test_a_preview_follows_rights_and_formats(browse: Browse, make_job: MakeJob, name: str, status: int) -> None:
    job = make_job("Succeeded", format="pdf")
    assert browse(name).get(f"/jobs/{job.pk}/preview").status_code == status
    missing = make_job("Succeeded")
    assert browse("bob").get(f"/jobs/{missing.pk}/preview").status_code == 500
