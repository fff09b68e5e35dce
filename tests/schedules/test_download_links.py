"""Links in mails that download a result without an account."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import AuditLog
from jobs.models import Artifact, DownloadLink, JobExecutionLog
from reports.models import ReportConfiguration
from tests.jobs.delivery.helpers import send_next
from tests.reports.api.clients import client
from tests.schedules.sending import MAIL, URL, errors, run, save, schedule_with
from tests.sinks import Mails

# Calls are counted in a database of their own.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("mailable")]
LINKED: dict[str, Any] = MAIL | {"link": {"expires": "7d"}}
CONTENT = b"a,b\r\n1,2\r\n"


def send_link(mails: Mails) -> tuple[JobExecutionLog, str]:
    """Let a schedule send a link. Return the job and the link's path."""
    job = run(schedule_with(LINKED))
    delivery = send_next()
    assert delivery.state == "sent", delivery.error
    return job, link_in(mails)


def link_in(mails: Mails) -> str:
    message = mails.received[-1][1]
    assert not list(message.iter_attachments())
    body = message.get_body(("plain",))
    found = re.search(r"http://testserver(/d/[\w-]{43})", body.get_content() if body else "")
    assert found
    return found[1]


def test_opening_a_link_shows_the_file_and_posting_downloads_it(mails: Mails) -> None:
    job, path = send_link(mails)
    browser = Client(enforce_csrf_checks=True)
    page = browser.get(path)
    assert "Carrier delays" in page.content.decode() and page["Referrer-Policy"] == "no-referrer"
    assert "until" in page.content.decode() and DownloadLink.objects.get().downloads == 0
    answer = browser.post(path, {"format": "csv"})
    assert b"".join(answer.streaming_content) == CONTENT  # type: ignore[attr-defined]
    assert answer["Content-Disposition"].startswith("attachment") and "no-store" in answer["Cache-Control"]
    assert browser.post(path, {"format": "pdf"}).status_code == 400
    link = DownloadLink.objects.get()
    assert link.downloads == 1 and path[3:] not in str(vars(link)), "only a digest is stored"
    entry = AuditLog.objects.get(action="Link Download")
    assert (entry.target_id, entry.details["recipient"]) == (str(job.pk), "bob@example.com")
    assert path[3:] not in str(list(AuditLog.objects.values_list("details", flat=True)))


def test_a_resend_has_the_same_link(mails: Mails) -> None:
    job, path = send_link(mails)
    job.deliveries.update(state="pending", available_at=timezone.now() - timedelta(days=1))
    assert send_next().state == "sent" and link_in(mails) == path


@pytest.mark.parametrize("end", ["expired", "revoked", "purged", "owner", "discarded", "other token"])
def test_a_link_that_has_ended_is_not_found(mails: Mails, end: str) -> None:
    job, path = send_link(mails)
    match end:
        case "expired":
            DownloadLink.objects.update(expires_at=timezone.now())
        case "revoked":
            answer = client("bob").post(f"/api/v1/deliveries/{job.deliveries.get().pk}/revoke-link")
            assert answer.status_code == 200 and answer.json()["link"]["revokedAt"]
        case "purged":
            Artifact.objects.update(purged_at=timezone.now())
        case "owner":
            User.objects.filter(username="bob").update(is_active=False)
        case "discarded":
            job.deliveries.update(state="discarded")
        case "other token":
            path = f"{path[:-1]}{'A' if path[-1] != 'A' else 'B'}"
    for method in ("get", "post"):
        assert getattr(Client(), method)(path).status_code == 404, method


def test_links_are_listed_and_revoked_by_who_owns_the_job(mails: Mails, sales: ReportConfiguration) -> None:
    job, path = send_link(mails)
    delivery = job.deliveries.get()
    (listed,) = client("alice").get(f"/api/v1/jobs/{job.pk}/deliveries").json()["results"]
    assert listed["link"]["downloads"] == 0 and listed["link"]["revokedAt"] is None
    User.objects.create_user("carol", tenant=sales.tenant)
    revoke = f"/api/v1/deliveries/{delivery.pk}/revoke-link"
    assert client("carol").post(revoke).status_code == 403
    alice = Client()
    alice.force_login(User.objects.get(username="alice"), backend="django.contrib.auth.backends.ModelBackend")
    shown = alice.get(f"/jobs/{job.pk}").content.decode()
    assert "Revoke link" in shown and ", used 0 times" in shown
    DownloadLink.objects.update(expires_at=F("created_at") - timedelta(days=1))
    shown = alice.get(f"/jobs/{job.pk}").content.decode()
    assert "Its download link has expired." in shown and "Revoke link" not in shown
    DownloadLink.objects.update(expires_at=F("created_at") + timedelta(days=1))
    shown = alice.post(f"/deliveries/{delivery.pk}", {"do": "revoke"}, follow=True).content.decode()
    assert "Its download link was revoked." in shown and "Revoke link" not in shown
    assert client("alice").post(revoke).status_code == 200, "twice is the same"
    assert Client().get(path).status_code == 404
    assert AuditLog.objects.filter(action="Link Revoke").count() == 1
    delivery.link.delete()
    assert client("alice").post(revoke).json()["code"] == "link_not_found"


def test_only_an_administrator_sends_links_to_results_that_depend_on_who_runs_it(
    mails: Mails, sales: ReportConfiguration
) -> None:
    assert (
        "Must be a number of minutes"
        in errors(save("bob", LINKED | {"link": {"expires": "soon"}}))["deliveries[0].link.expires"][0]
    )
    assert "at most 90d" in str(errors(save("bob", LINKED | {"link": {"expires": "91d"}})))
    ReportConfiguration.objects.filter(pk=sales.pk).update(is_caller_bound=True)
    assert "Only an Administrator" in errors(save("bob", LINKED))["deliveries[0].link"][0]
    assert save("alice", LINKED, run_as="user:bob").status_code == 201
    assert client("bob").get(f"{URL}/hourly").json()["definition"]["deliveries"][0]["link"] == {"expires": "7d"}


def test_a_link_is_opened_only_so_often_from_one_address(mails: Mails, settings: Any) -> None:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"link": 2}
    _job, path = send_link(mails)
    assert [Client().get(path).status_code for _ in range(3)] == [200, 200, 429]
