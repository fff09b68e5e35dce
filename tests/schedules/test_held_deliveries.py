"""Deliveries that are held until an Administrator decides, and the receipts of what was sent."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from audit.models import AuditLog
from jobs.delivery import outbox
from jobs.models import Artifact, Delivery, JobExecutionLog
from jobs.results import retention
from tests.jobs.delivery.helpers import send_next
from tests.jobs.helpers import reload, result_path
from tests.pages.html import Page
from tests.reports.api.clients import client
from tests.schedules.sending import MAIL, alice, run, schedule_with
from tests.sinks import Mails

# Calls are counted in a database of their own.
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("mailable")]


# --- Held -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def held(mails: Mails) -> Delivery:
    return run(schedule_with(MAIL | {"held": True})).deliveries.get()


def decide(username: str, delivery: object, verb: str) -> Any:
    return client(username).post(f"/api/v1/deliveries/{delivery}/{verb}")


def test_an_administrator_releases_a_held_delivery(held: Delivery, mails: Mails) -> None:
    assert outbox.claim() is None
    for verb in ("release", "discard"):
        assert decide("bob", held.pk, verb).status_code == 403
        assert decide("alice", "00000000-0000-0000-0000-000000000000", verb).status_code == 404
        assert decide("alice", "x", verb).status_code == 404
        assert APIClient().post(f"/api/v1/deliveries/{held.pk}/{verb}").status_code == 401
    answer = decide("alice", held.pk, "release")
    assert (answer.status_code, answer.json()["state"]) == (200, "Pending"), answer.content
    assert decide("alice", held.pk, "release").json()["code"] == "delivery_not_held"
    assert decide("alice", held.pk, "discard").status_code == 409
    assert send_next().state == "sent" and len(mails.received) == 1
    assert reload(held.job).delivery_state == "Delivered"
    assert AuditLog.objects.get(action="Delivery Release").actor == "alice"


def test_an_administrator_discards_a_held_delivery(held: Delivery) -> None:
    answer = decide("alice", held.pk, "discard")
    assert (answer.status_code, answer.json()["state"]) == (200, "Discarded")
    assert reload(held.job).delivery_state == "Skipped"
    assert outbox.claim() is None and AuditLog.objects.filter(action="Delivery Discard").exists()


def test_what_changed_while_it_was_held_is_checked(held: Delivery, mails: Mails) -> None:
    User.objects.filter(username="bob").update(is_active=False)
    answer = decide("alice", held.pk, "release")
    assert (answer.status_code, answer.json()["code"]) == (409, "delivery_not_allowed")
    User.objects.filter(username="bob").update(is_active=True)
    decide("alice", held.pk, "release")
    artifact = Artifact.objects.get(job=held.job)
    path = result_path(held.job, stem=artifact.file_stem)
    path.chmod(0o600)
    path.write_bytes(b"a,b\r\n9,9\r\n")
    assert (send_next().state, mails.received) == ("failed", [])


def test_a_held_delivery_is_discarded_with_its_result(held: Delivery) -> None:
    retention.purge(Artifact.objects.get(job=held.job), actor="system")
    held.refresh_from_db()
    assert held.state == "discarded" and reload(held.job).delivery_state == "Skipped"


def test_people_decide_on_the_jobs_page(held: Delivery) -> None:
    admin, bob = Client(), Client()
    admin.force_login(alice())
    bob.force_login(User.objects.get(username="bob"))
    assert not Page(bob.get(f"/jobs/{held.job_id}").content.decode()).all("button", "Release mail to bob@example.com")
    page = Page(admin.get(f"/jobs/{held.job_id}").content.decode())
    assert page.get("button", "Discard mail to bob@example.com")
    assert bob.post(f"/deliveries/{held.pk}", {"do": "release"}).status_code == 403
    assert admin.post(f"/deliveries/{held.pk}").status_code == 302
    held.refresh_from_db()
    assert held.state == "held", "nothing was asked for"
    assert admin.post(f"/deliveries/{held.pk}", {"do": "release"}).status_code == 302
    held.refresh_from_db()
    assert held.state == "pending"


# --- Receipts ---------------------------------------------------------------------------------------------------------


def verify(*arguments: object) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify_delivery", *map(str, arguments), stdout=out, stderr=out)
    except SystemExit as error:
        return int(str(error.code)), out.getvalue()
    return 0, out.getvalue()


def test_a_receipt_binds_what_was_sent_to_whom(mails: Mails, tmp_path: Path) -> None:
    job = run(schedule_with(MAIL), rows=7)
    assert verify(job.pk)[0] == 1, "nothing was sent yet"
    delivery = send_next()
    details = AuditLog.objects.get(action="Delivery Sent").details
    assert (details["recipient"], details["rows"], details["version"]) == ("bob@example.com", 7, 1)
    assert details["messageId"] == mails.received[0][1]["Message-ID"]
    assert details["parameters"] == job.parameters and details["slot"] == job.slot.time.isoformat()
    assert details["sha256"] == details["files"]["csv"] == Artifact.objects.get(job=job).sha256
    code, text = verify(job.pk)
    assert code == 0 and "email to bob@example.com" in text and str(delivery.pk) in text
    received, other = tmp_path / "received.csv", tmp_path / "other.csv"
    (attachment,) = mails.received[0][1].iter_attachments()
    received.write_bytes(attachment.get_payload(decode=True))
    other.write_bytes(b"other")
    assert verify(job.pk, received)[0] == 0
    code, text = verify(job.pk, other)
    assert code == 1 and "another file was sent" in text
    JobExecutionLog.objects.filter(pk=job.pk).update(parameters={"start": "2020-01-01"})
    code, text = verify(job.pk)
    assert code == 1 and "other parameters" in text
