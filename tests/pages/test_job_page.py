"""A job's page, its download and its deliveries."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import User
from jobs import exceptions
from jobs.models import Artifact, Delivery, JobEvent, JobExecutionLog, WorkerHost
from tests.pages.html import Page
from tests.pages.jobs import Browse, MakeJob, alert, job_rows, notice, open_page
from tests.server import UNKNOWN_ID


@pytest.mark.parametrize(
    ("name", "status"), [("alice", 200), ("bob", 200), ("carol", 200), ("erin", 403), ("dave", 403), ("gina", 404)]
)
def test_a_job_is_shown_by_the_current_rights(browse: Browse, make_job: MakeJob, name: str, status: int) -> None:
    job = make_job(by="bob")
    assert browse(name).get(f"/jobs/{job.pk}").status_code == status
    assert browse(name).get(f"/jobs/{job.pk}/result").status_code == (409 if status == 200 else status)


@pytest.mark.parametrize("key", [UNKNOWN_ID, "nonsense", "1"])
def test_an_unknown_or_malformed_id_is_not_found(browse: Browse, key: object) -> None:
    assert browse("alice").get(f"/jobs/{key}").status_code == 404


def test_a_failed_job_shows_its_error_and_the_stack_trace_to_administrators_only(
    browse: Browse, make_job: MakeJob
) -> None:
    job = make_job("Failed")
    for name in ("alice", "bob", "carol"):
        page = open_page(browse(name), f"/jobs/{job.pk}")
        assert "The query was &lt;refused&gt;." in page.source
        status = page.get("region", "Status").text
        assert "The query was <refused>. query_failed · 1 attempt" in status
        assert ("secret trace" in page.source) is (name == "alice")


def test_a_succeeded_job_shows_its_file_and_stops_reloading(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    page = open_page(browse("bob"), f"/jobs/{job.pk}")
    facts = page.get("region", "Status").definitions()
    assert (facts["File"], facts["Rows"]) == (f"CSV, 1.2 MB SHA-256 {'ab' * 32}", "1,500")
    assert page.get("link", "Download CSV")["href"] == f"/jobs/{job.pk}/result"
    assert "data-live" not in page.by_id("job")


def test_a_queued_job_shows_its_position_and_when_it_is_expected_to_start(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Queued") for _ in range(2)]
    client, path = browse("bob"), f"/jobs/{jobs[1].pk}"
    assert "Position 2 in the queue; no workers are running" in open_page(client, path).text
    now = timezone.now()
    WorkerHost.objects.create(instance="i", host="h", pid=1, slots=2, started_at=now, seen_at=now)
    cache.clear()
    assert "Position 2 in the queue, starts in a moment" in open_page(client, path).text
    second, first = job_rows(open_page(client, "/jobs"))
    assert "Position 2 in the queue" in second.text and "Position 1 in the queue" in first.text


def test_a_truncated_result_is_marked_as_incomplete(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    job.artifact.truncated = "The report is limited to 1,500 rows."
    job.artifact.save()
    page = open_page(browse("bob"), f"/jobs/{job.pk}")
    assert "Incomplete result. The report is limited to 1,500 rows." in page.text


def test_a_purged_result_has_no_download(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    job.artifact.purged_at = timezone.now()
    job.artifact.save()
    page = open_page(browse("bob"), f"/jobs/{job.pk}")
    assert "The result was deleted after its retention period." in page.text
    assert "Download" not in page.text
    assert browse("bob").get(f"/jobs/{job.pk}/result").status_code == 404


def test_an_unfinished_job_reloads_and_shows_its_timeline(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Running")
    JobEvent.objects.create(job=job, at=job.queued_at, kind="queued", attempt=0, fence=0, details={"actor": "bob"})
    JobEvent.objects.create(job=job, at=job.queued_at, kind="claimed", attempt=1, fence=1)
    page = open_page(browse("bob"), f"/jobs/{job.pk}")
    timeline = page.get("region", "Timeline").text
    assert "Queued by bob" in timeline and "Attempt 1 started" in timeline
    assert "40%" in page.get("region", "Status").text
    assert page.by_id("job")["hx-get"] == f"/jobs/{job.pk}"
    assert page.has("button", "Cancel job Sales <by> region")


def test_retries_are_linked_in_both_directions(browse: Browse, make_job: MakeJob) -> None:
    first = make_job("Failed")
    second = make_job("Queued", retry_of=first)
    assert open_page(browse("bob"), f"/jobs/{first.pk}").get("link", str(second.pk)[:8])["href"] == f"/jobs/{second.pk}"
    links = open_page(browse("bob"), f"/jobs/{second.pk}").all("link", str(first.pk)[:8])
    assert {link["href"] for link in links} == {f"/jobs/{first.pk}"}


def test_a_job_outlives_its_report(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Failed", report=None, version=None)
    page = open_page(browse("alice"), f"/jobs/{job.pk}")
    assert page.get("region", "Details").definitions()["Report"] == "sales (deleted), version 1"
    assert page.get("region", "Parameters").definitions() == {"start": "2024-01-01"}


def test_a_missing_file_is_an_error_page_without_its_path(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    response = browse("bob").get(f"/jobs/{job.pk}/result")
    assert response.status_code == 500
    assert "Result file for completed job is missing." in response.content.decode()
    assert str(Path("artifacts")) not in response.content.decode()


def test_the_result_of_a_failed_job_is_gone(browse: Browse, make_job: MakeJob) -> None:
    assert browse("bob").get(f"/jobs/{make_job('Failed').pk}/result").status_code == 410


def test_only_who_requested_a_job_and_administrators_see_to_whom_it_is_sent(browse: Browse, make_job: MakeJob) -> None:
    job, now = make_job("Succeeded"), timezone.now()
    Delivery.objects.create(
        job=job,
        kind="email",
        target="ann@example.com",
        target_digest="1",
        available_at=now,
        attempt=2,
        error="No answer.",
    )
    JobEvent.objects.create(
        job=job, at=now, kind="delivery_failed", attempt=1, fence=1,
        details={"kind": "email", "try": 2, "seconds": 5.5, "message": "No answer."},
    )  # fmt: skip
    for name in ("alice", "bob", "carol"):
        page = open_page(browse(name), f"/jobs/{job.pk}")
        delivery = page.get("region", "Delivery").definitions()["E-mail"]
        assert delivery.startswith("Pending, next attempt in")
        assert ("ann@example.com" in page.source) is (name != "carol")
        timeline = page.get("region", "Timeline").text
        assert "E-mail delivery failed, next attempt in 5.5 s: No answer." in timeline
        assert "data-live" in page.by_id("job"), "the page reloads until everything is delivered"


@pytest.fixture
def undelivered(make_job: MakeJob) -> JobExecutionLog:
    """A job with two failed e-mails and a delivered webhook."""
    job, now = make_job("Succeeded"), timezone.now()
    for number, (kind, state) in enumerate((("email", "failed"), ("email", "failed"), ("webhook", "sent"))):
        Delivery.objects.create(
            job=job, kind=kind, target=f"target {number}", target_digest=str(number), available_at=now, attempt=12,
            state=state, ended_at=now, error="The mail server is not responding." if state == "failed" else "",
        )  # fmt: skip
    return job


RESEND = "Resend Sales <by> region"


def test_an_administrator_resends_failed_deliveries(browse: Browse, undelivered: JobExecutionLog) -> None:
    client, path = browse("alice"), f"/jobs/{undelivered.pk}"
    assert open_page(client, path).has("button", RESEND)
    response = client.post(f"{path}/send-again", follow=True)
    assert response.redirect_chain == [(path, 302)]
    page = Page(response)
    assert notice(page) == "Resending 2 deliveries."
    assert page.get("region", "Timeline").text.count("E-mail delivery retried by alice") == 2
    assert not page.has("button", RESEND)
    assert "data-live" in page.by_id("job")
    second = Page(client.post(f"{path}/send-again", follow=True))
    assert alert(second) == exceptions.NoFailedDelivery().message
    assert undelivered.events.filter(kind="delivery_retried").count() == 2


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("dave", 403), ("gina", 404)])
def test_only_administrators_of_the_tenant_resend(
    browse: Browse, undelivered: JobExecutionLog, name: str, status: int
) -> None:
    assert browse(name).post(f"/jobs/{undelivered.pk}/send-again").status_code == status
    assert not Page(browse(name).get(f"/jobs/{undelivered.pk}")).has("button", RESEND)
    assert undelivered.deliveries.filter(state="failed").count() == 2


def test_resending_requires_a_post_with_the_csrf_token(people: dict[str, User], undelivered: JobExecutionLog) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["alice"])
    assert client.get(f"/jobs/{undelivered.pk}/send-again").status_code == 405
    assert client.post(f"/jobs/{undelivered.pk}/send-again").status_code == 403
    assert undelivered.deliveries.filter(state="failed").count() == 2


def test_a_deleted_result_is_not_resent(browse: Browse, undelivered: JobExecutionLog) -> None:
    Artifact.objects.update(purged_at=timezone.now())
    client = browse("alice")
    assert not open_page(client, f"/jobs/{undelivered.pk}").has("button", RESEND)
    page = Page(client.post(f"/jobs/{undelivered.pk}/send-again", follow=True))
    assert alert(page) == exceptions.ResultPurged().message
    assert undelivered.deliveries.filter(state="failed").count() == 2


def test_a_running_job_shows_when_its_worker_was_active(
    browse: Browse, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    job = make_job("Running", heartbeat_at=now - timedelta(seconds=12), lease_expires_at=now + timedelta(seconds=90))
    assert "Worker active 12 s ago" in open_page(browse("bob"), f"/jobs/{job.pk}").text
    text = open_page(browse("alice"), f"/jobs/{job.pk}").text
    assert "Worker active 12 s ago · lease expires in 1 min 30 s" in text
