"""Resending failed deliveries: under the same id, once, and without a deliverer that held the lease before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from audit.models import AuditLog
from jobs import exceptions
from jobs.delivery import outbox, outgoing
from jobs.models import Artifact, Delivery, JobExecutionLog
from tests.jobs.delivery.helpers import AddTarget, Succeed, event_kinds, make_due, send_next
from tests.sinks import Calls, Mails


def exhaust_attempts() -> Delivery:
    """Send the only delivery until its last attempt has failed."""
    while (delivery := send_next()).state == "pending":
        make_due()
    return delivery


@pytest.fixture
def undeliverable(add_target: AddTarget, succeed: Succeed, settings: Any) -> JobExecutionLog:
    """A job with a delivery by e-mail, on a server without a mail server."""
    settings.EMAIL_CONFIGURED = False
    add_target("email", to=["a@example.com"])
    return JobExecutionLog.objects.get(pk=succeed().pk)


def test_a_failed_mail_is_sent_once_the_mail_server_is_back(
    add_target: AddTarget, succeed: Succeed, mails: Mails, settings: Any, user: User
) -> None:
    settings.EMAIL_CONFIGURED = False
    add_target("email", to=["a@example.com"])
    job = succeed()
    failed = exhaust_attempts()
    assert (failed.state, mails.received) == ("failed", [])
    settings.EMAIL_CONFIGURED = True
    assert outbox.resend(job=JobExecutionLog.objects.get(pk=job.pk), actor=user) == 1
    sent = send_next()
    assert (sent.pk, sent.state, sent.attempt) == (failed.pk, "sent", 1)
    ((_, message),) = mails.received
    assert message["Message-ID"] == f"<{failed.pk}@testserver>"
    assert event_kinds(job)[-3:] == ["delivery_given_up", "delivery_retried", "delivered"]
    entry = AuditLog.objects.get(action="Delivery Retry")
    assert (entry.actor, entry.target_id, entry.tenant) == ("alice", str(job.pk), job.tenant)
    assert entry.details == {"delivery": str(failed.pk), "kind": "email", "target": "a@example.com"}
    assert job.events.get(kind="delivery_retried").details["actor"] == "alice"
    assert "a@example.com" not in str(list(job.events.values_list("details", flat=True))), "for administrators only"


def test_a_resent_webhook_has_the_same_id(add_target: AddTarget, succeed: Succeed, calls: Calls) -> None:
    calls.status = 500
    add_target("webhook", url=calls.url)
    job = succeed()
    exhaust_attempts()
    calls.status = 200
    outbox.resend(job=JobExecutionLog.objects.get(pk=job.pk), actor="alice")
    assert send_next().state == "sent"
    assert len(calls.received) == outgoing.MAX_ATTEMPTS + 1
    assert len({headers["webhook-id"] for headers, _ in calls.received}) == 1


def test_a_resent_delivery_has_as_many_attempts_as_at_first(undeliverable: JobExecutionLog) -> None:
    for rounds in (1, 2):
        assert exhaust_attempts().attempt == outgoing.MAX_ATTEMPTS
        assert event_kinds(undeliverable).count("delivery_failed") == rounds * (outgoing.MAX_ATTEMPTS - 1)
        assert event_kinds(undeliverable).count("delivery_given_up") == rounds
        outbox.resend(job=undeliverable, actor="alice")


def test_only_failed_deliveries_are_resent_and_only_once(add_target: AddTarget, succeed: Succeed, mails: Mails) -> None:
    add_target("email", to=["a@example.com", "b@example.com", "c@example.com"])
    job = JobExecutionLog.objects.get(pk=succeed().pk)
    mails.reply = "550 never"
    first = send_next()
    mails.reply = "250 OK"
    assert (first.state, send_next().state) == ("failed", "sent")
    assert outbox.resend(job=job, actor="alice") == 1
    with pytest.raises(exceptions.NoFailedDelivery):
        outbox.resend(job=job, actor="alice")
    assert AuditLog.objects.filter(action="Delivery Retry").count() == 1
    assert sorted(job.deliveries.values_list("state", "attempt")) == [("pending", 0), ("pending", 0), ("sent", 1)]


def test_a_deliverer_that_held_the_lease_before_records_nothing(
    add_target: AddTarget, succeed: Succeed, mails: Mails
) -> None:
    add_target("email", to=["a@example.com"])
    job = JobExecutionLog.objects.get(pk=succeed().pk)
    claimed = outbox.claim()
    assert claimed and outbox.mark_failed(claimed, "Refused.", permanent=True)
    outbox.resend(job=job, actor="alice")
    assert not outbox.mark_sent(claimed)
    assert not outbox.mark_failed(claimed, "Refused.", permanent=True)
    assert send_next().state == "sent"


def test_a_purged_result_is_not_resent(add_target: AddTarget, succeed: Succeed, mails: Mails) -> None:
    add_target("email", to=["a@example.com"])
    job = succeed()
    mails.reply = "550 never"
    send_next()
    Artifact.objects.update(purged_at=timezone.now())
    with pytest.raises(exceptions.ResultPurged):
        outbox.resend(job=JobExecutionLog.objects.get(pk=job.pk), actor="alice")
    assert Delivery.objects.get().state == "failed"


def test_a_resent_delivery_is_only_overdue_once_it_failed_again(undeliverable: JobExecutionLog) -> None:
    exhaust_attempts()
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=1))
    outbox.resend(job=undeliverable, actor="alice")
    assert outgoing.count_overdue(Delivery.objects.all()) == 0
    send_next()
    assert outgoing.count_overdue(Delivery.objects.all()) == 1
