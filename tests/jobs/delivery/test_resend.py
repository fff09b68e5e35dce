"""What was given up is sent again by one press: under its old id, once, and by nobody who held it before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from audit.models import AuditLog
from jobs import exceptions
from jobs.delivery import outbox
from jobs.models import Artifact, Delivery, JobExecutionLog
from tests.jobs.delivery.helpers import Succeed, Target, kinds, make_due, send_next
from tests.sinks import Calls, Mails


def given_up() -> Delivery:
    """The only delivery there is, after all its tries."""
    while (found := send_next()).state == "pending":
        make_due()
    return found


@pytest.fixture
def unsendable(target: Target, succeeded: Succeed, settings: Any) -> JobExecutionLog:
    """A job whose result is to be mailed by a server that has no mail server."""
    settings.EMAIL_CONFIGURED = False
    target("email", to=["a@example.com"])
    return JobExecutionLog.objects.get(pk=succeeded().pk)


def test_a_mail_that_was_given_up_is_sent_when_the_mail_server_is_back(
    target: Target, succeeded: Succeed, mails: Mails, settings: Any, user: User
) -> None:
    settings.EMAIL_CONFIGURED = False
    target("email", to=["a@example.com"])
    job = succeeded()
    before = given_up()
    assert (before.state, mails.received) == ("failed", [])
    settings.EMAIL_CONFIGURED = True
    assert outbox.resend(job=JobExecutionLog.objects.get(pk=job.pk), actor=user) == 1
    again = send_next()
    assert (again.pk, again.state, again.attempt) == (before.pk, "sent", 1)
    ((_, message),) = mails.received
    assert message["Message-ID"] == f"<{before.pk}@testserver>"
    assert kinds(job)[-3:] == ["delivery_given_up", "delivery_retried", "delivered"]
    entry = AuditLog.objects.get(action="Delivery Retry")
    assert (entry.actor, entry.target_id, entry.tenant) == ("alice", str(job.pk), job.tenant)
    assert entry.details == {"delivery": str(before.pk), "kind": "email", "target": "a@example.com"}
    assert job.events.get(kind="delivery_retried").details["actor"] == "alice"
    assert "a@example.com" not in str(list(job.events.values_list("details", flat=True))), "for Administrators only"


def test_a_receiver_that_had_it_after_all_knows_it_by_its_id(target: Target, succeeded: Succeed, calls: Calls) -> None:
    calls.status = 500
    target("webhook", url=calls.url)
    job = succeeded()
    given_up()
    calls.status = 200
    outbox.resend(job=JobExecutionLog.objects.get(pk=job.pk), actor="alice")
    assert send_next().state == "sent"
    assert len(calls.received) == outbox.MAX_ATTEMPTS + 1
    assert len({headers["webhook-id"] for headers, _ in calls.received}) == 1


def test_it_may_fail_as_often_as_at_first_and_be_given_up_again(unsendable: JobExecutionLog) -> None:
    for rounds in (1, 2):
        assert given_up().attempt == outbox.MAX_ATTEMPTS
        assert kinds(unsendable).count("delivery_failed") == rounds * (outbox.MAX_ATTEMPTS - 1)
        assert kinds(unsendable).count("delivery_given_up") == rounds
        outbox.resend(job=unsendable, actor="alice")


def test_only_what_was_given_up_is_sent_again_and_only_once(target: Target, succeeded: Succeed, mails: Mails) -> None:
    target("email", to=["a@example.com", "b@example.com", "c@example.com"])
    job = JobExecutionLog.objects.get(pk=succeeded().pk)
    mails.reply = "550 never"
    first = send_next()
    mails.reply = "250 OK"
    assert (first.state, send_next().state) == ("failed", "sent")
    assert outbox.resend(job=job, actor="alice") == 1
    with pytest.raises(exceptions.NoFailedDelivery):
        outbox.resend(job=job, actor="alice")
    assert AuditLog.objects.filter(action="Delivery Retry").count() == 1
    assert sorted(job.deliveries.values_list("state", "attempt")) == [("pending", 0), ("pending", 0), ("sent", 1)]


def test_who_held_it_before_writes_nothing_more(target: Target, succeeded: Succeed, mails: Mails) -> None:
    target("email", to=["a@example.com"])
    job = JobExecutionLog.objects.get(pk=succeeded().pk)
    held = outbox.claim()
    assert held and outbox.mark_failed(held, "Refused.", permanent=True)
    outbox.resend(job=job, actor="alice")
    assert not outbox.mark_sent(held)
    assert not outbox.mark_failed(held, "Refused.", permanent=True)
    assert send_next().state == "sent"


def test_what_was_deleted_is_not_sent_again(target: Target, succeeded: Succeed, mails: Mails) -> None:
    target("email", to=["a@example.com"])
    job = succeeded()
    mails.reply = "550 never"
    send_next()
    Artifact.objects.update(purged_at=timezone.now())
    with pytest.raises(exceptions.ResultPurged):
        outbox.resend(job=JobExecutionLog.objects.get(pk=job.pk), actor="alice")
    assert Delivery.objects.get().state == "failed"


def test_what_is_sent_again_is_late_once_it_failed_again_and_not_before(unsendable: JobExecutionLog) -> None:
    given_up()
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=1))
    outbox.resend(job=unsendable, actor="alice")
    assert outbox.count_overdue() == 0
    send_next()
    assert outbox.count_overdue() == 1
