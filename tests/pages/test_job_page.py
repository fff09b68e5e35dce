"""One job's page, its download, and the overview."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from jobs.models import Artifact, Delivery, JobEvent, JobExecutionLog, WorkerHost
from tests.pages.forms import text_of
from tests.server import UNKNOWN_ID

Browse = Callable[[str], Client]
MakeJob = Callable[..., JobExecutionLog]


@pytest.mark.parametrize(
    ("name", "status"), [("alice", 200), ("bob", 200), ("carol", 200), ("erin", 403), ("dave", 403), ("gina", 404)]
)
def test_a_job_is_shown_by_the_rights_of_now(browse: Browse, make_job: MakeJob, name: str, status: int) -> None:
    job = make_job(by="bob")
    assert browse(name).get(f"/jobs/{job.pk}").status_code == status
    assert browse(name).get(f"/jobs/{job.pk}/result").status_code == (409 if status == 200 else status)


@pytest.mark.parametrize("key", [UNKNOWN_ID, "nonsense", "1"])
def test_an_unknown_or_malformed_id_is_not_found(browse: Browse, key: object) -> None:
    assert browse("alice").get(f"/jobs/{key}").status_code == 404


def test_a_failed_job_tells_its_cause_and_the_trace_to_administrators_only(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Failed")
    for name in ("alice", "bob"):
        text = text_of(browse(name), f"/jobs/{job.pk}")
        assert "The query was &lt;refused&gt;." in text
        assert "query_failed" in text
        assert ("secret trace" in text) is (name == "alice")


def test_a_succeeded_job_shows_its_file_and_stops_asking(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    text = text_of(browse("bob"), f"/jobs/{job.pk}")
    for fact in ("1.2 MB", "1,500", "ab" * 32, "Download CSV", f'href="/jobs/{job.pk}/result"'):
        assert fact in text
    assert "data-live" not in text


def test_a_queued_job_says_where_it_stands_and_when_it_may_begin(browse: Browse, make_job: MakeJob) -> None:
    jobs = [make_job("Queued") for _ in range(2)]
    assert "Number 2 in the queue; no worker is alive" in text_of(browse("bob"), f"/jobs/{jobs[1].pk}")
    now = timezone.now()
    WorkerHost.objects.create(instance="i", host="h", pid=1, slots=2, started_at=now, seen_at=now)
    cache.clear()
    assert "Number 2 in the queue, begins in a moment" in text_of(browse("bob"), f"/jobs/{jobs[1].pk}")
    listed = text_of(browse("bob"), "/jobs")
    assert "Number 1 in the queue" in listed and "Number 2 in the queue" in listed


def test_a_truncated_result_is_pointed_out(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    job.artifact.truncated = "The report is limited to 1,500 rows."
    job.artifact.save()
    assert "Not all rows are in the file." in text_of(browse("bob"), f"/jobs/{job.pk}")


def test_a_purged_result_has_no_download(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    job.artifact.purged_at = timezone.now()
    job.artifact.save()
    assert "Download" not in text_of(browse("bob"), f"/jobs/{job.pk}")
    assert browse("bob").get(f"/jobs/{job.pk}/result").status_code == 404


def test_an_unfinished_job_is_followed_live_with_its_timeline(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Running")
    JobEvent.objects.create(job=job, at=job.queued_at, kind="queued", attempt=0, fence=0, details={"actor": "bob"})
    JobEvent.objects.create(job=job, at=job.queued_at, kind="claimed", attempt=1, fence=1)
    text = text_of(browse("bob"), f"/jobs/{job.pk}")
    for fact in ("Queued, by bob", "Attempt 1 started", "hx-get", "40 %", "Cancel job"):
        assert fact in text


def test_retries_are_linked_in_both_directions(browse: Browse, make_job: MakeJob) -> None:
    first = make_job("Failed")
    second = make_job("Queued", retry_of=first)
    assert f'href="/jobs/{second.pk}"' in text_of(browse("bob"), f"/jobs/{first.pk}")
    assert f'href="/jobs/{first.pk}"' in text_of(browse("bob"), f"/jobs/{second.pk}")


def test_a_job_outlives_its_report(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Failed", report=None, version=None)
    text = text_of(browse("alice"), f"/jobs/{job.pk}")
    assert "deleted" in text
    assert "2024-01-01" in text


def test_a_missing_file_is_an_error_page_without_its_place(browse: Browse, make_job: MakeJob) -> None:
    job = make_job("Succeeded")
    answer = browse("bob").get(f"/jobs/{job.pk}/result")
    assert answer.status_code == 500
    assert "Result file for completed job is missing." in answer.content.decode()
    assert str(Path("artifacts")) not in answer.content.decode()


def test_a_failed_jobs_result_is_gone(browse: Browse, make_job: MakeJob) -> None:
    assert browse("bob").get(f"/jobs/{make_job('Failed').pk}/result").status_code == 410


def test_the_overview_counts_what_the_user_may_see(browse: Browse, make_job: MakeJob) -> None:
    make_job("Failed")
    make_job("Failed", by="erin")
    assert "The query was" in text_of(browse("carol"), "/")
    assert "No job has failed." in text_of(browse("dave"), "/")


def test_the_overview_warns_when_no_worker_is_alive(browse: Browse, make_job: MakeJob) -> None:
    make_job("Queued")
    now = timezone.now()
    host = {"host": "machine-1", "pid": 1, "slots": 4, "started_at": now}
    WorkerHost.objects.create(instance="dead", seen_at=now - timedelta(minutes=5), **host)
    text = text_of(browse("alice"), "/")
    assert "No worker is alive" in text
    assert "1 job waits." in text
    assert "manage.py jobserver" in text
    WorkerHost.objects.create(instance="alive", seen_at=now, **host)
    text = text_of(browse("alice"), "/")
    assert "No worker is alive" not in text
    assert "machine-1" in text
    assert "machine-1" not in text_of(browse("bob"), "/"), "names of hosts are for Administrators"


@pytest.mark.parametrize("path", ["/", "/jobs/{job}", "/reports", "/audit", "/reports/sales"])
def test_no_page_takes_many_queries(browse: Browse, make_job: MakeJob, path: str) -> None:
    _, _, job = (make_job("Failed") for _ in range(3))
    client = browse("alice")
    with CaptureQueriesContext(connection) as queries:
        client.get(path.format(job=job.pk))
    assert len(queries) <= 14


def test_deliveries_are_shown_and_their_addresses_to_administrators_only(browse: Browse, make_job: MakeJob) -> None:
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
    for name in ("alice", "bob"):
        text = text_of(browse(name), f"/jobs/{job.pk}")
        assert "Pending, next try in" in text and "Delivery by e-mail failed, next try in 5.5 s: No answer." in text
        assert ("ann@example.com" in text) is (name == "alice")
        assert "data-live" in text, "the page goes on looking until all is delivered"


@pytest.fixture
def undelivered(make_job: MakeJob) -> JobExecutionLog:
    """A job of which both mails were given up and the webhook was delivered."""
    job, now = make_job("Succeeded"), timezone.now()
    for number, (kind, state) in enumerate((("email", "failed"), ("email", "failed"), ("webhook", "sent"))):
        Delivery.objects.create(
            job=job, kind=kind, target=f"target {number}", target_digest=str(number), available_at=now, attempt=12,
            state=state, ended_at=now, error="The mail server does not answer." if state == "failed" else "",
        )  # fmt: skip
    return job


def test_an_administrator_sends_again_what_was_given_up(browse: Browse, undelivered: JobExecutionLog) -> None:
    client, page = browse("alice"), f"/jobs/{undelivered.pk}"
    assert f'action="{page}/send-again"' in text_of(client, page)
    answer = client.post(f"{page}/send-again", follow=True)
    assert answer.redirect_chain == [(page, 302)]
    text = answer.content.decode()
    assert "2 deliveries are sent again." in text
    assert text.count("Delivery by e-mail is tried again, by alice") == 2
    assert "send-again" not in text and "data-live" in text, "followed live, and nothing is left to press"
    second = client.post(f"{page}/send-again", follow=True).content.decode()
    assert "No delivery of this job has failed, so there is nothing to send again." in second
    assert undelivered.events.filter(kind="delivery_retried").count() == 2


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("dave", 403), ("gina", 404)])
def test_only_administrators_of_the_tenant_send_again(
    browse: Browse, undelivered: JobExecutionLog, name: str, status: int
) -> None:
    assert browse(name).post(f"/jobs/{undelivered.pk}/send-again").status_code == status
    assert "send-again" not in browse(name).get(f"/jobs/{undelivered.pk}").content.decode()
    assert undelivered.deliveries.filter(state="failed").count() == 2


def test_sending_again_takes_a_post_with_the_pages_token(people: dict[str, User], undelivered: JobExecutionLog) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["alice"])
    assert client.get(f"/jobs/{undelivered.pk}/send-again").status_code == 405
    assert client.post(f"/jobs/{undelivered.pk}/send-again").status_code == 403
    assert undelivered.deliveries.filter(state="failed").count() == 2


def test_what_was_deleted_is_not_offered_to_be_sent_again(browse: Browse, undelivered: JobExecutionLog) -> None:
    Artifact.objects.update(purged_at=timezone.now())
    client = browse("alice")
    assert "send-again" not in text_of(client, f"/jobs/{undelivered.pk}")
    told = client.post(f"/jobs/{undelivered.pk}/send-again", follow=True).content.decode()
    assert "The result was deleted after its retention time" in told
    assert undelivered.deliveries.filter(state="failed").count() == 2
