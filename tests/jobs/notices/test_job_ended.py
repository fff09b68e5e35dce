"""“E-mail me when it's done”: one mail to who asked for it, however the job ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from guardian.shortcuts import assign_perm

from accounts.models import User
from jobs import actions, failures
from jobs.delivery.outgoing import MAX_ATTEMPTS, count_overdue
from jobs.execution import transitions
from jobs.models import JobExecutionLog, Notice
from jobs.notices import events, outbox
from reports.exceptions import InvalidParameters
from reports.models import ReportConfiguration, RoleGrant, UserGrant
from tests.jobs.delivery.helpers import CONTENT
from tests.jobs.helpers import reload, succeed_with
from tests.jobs.notices.sending import send_all, states, text
from tests.sinks import Mails


@pytest.fixture
def ann(report: ReportConfiguration, user: User) -> User:
    """A user with an address who may run the report."""
    ann = User.objects.create_user("ann", tenant=user.tenant, email="Ann@example.com")
    assign_perm("generate_reportconfiguration", ann, report)
    return ann


@pytest.fixture
def submit(report: ReportConfiguration, ann: User) -> Callable[[], JobExecutionLog]:
    return lambda: actions.submit(report=report, actor=ann, parameters={}, notify=True).job


def claim() -> JobExecutionLog:
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job
    return job


def test_who_asks_for_it_gets_one_mail_when_the_job_has_succeeded(
    submit: Callable[[], JobExecutionLog], mails: Mails
) -> None:
    job = submit()
    assert send_all(mails) == [], "it has not ended"
    succeed_with(claim(), CONTENT)
    ((address, message),) = send_all(mails)
    assert (address, message["Subject"]) == ("Ann@example.com", "One is ready")
    assert "It has 1 row." in text(message) and f"/jobs/{job.pk}" in text(message)
    assert message["Auto-Submitted"] == "auto-generated" and str(Notice.objects.get().pk) in message["Message-ID"]
    assert send_all(mails) == [] and states() == [("job_ended", "sent")]


def test_a_failed_job_is_told_after_its_last_attempt(submit: Callable[[], JobExecutionLog], mails: Mails) -> None:
    submit()
    job = claim()
    transitions.release(job, failures.DATABASE_LOST, seconds=0)
    assert send_all(mails) == []
    transitions.fail(claim(), failures.CANCELLED)
    ((_, message),) = send_all(mails)
    assert message["Subject"] == "One failed" and failures.CANCELLED.message in text(message)


def test_a_queued_job_that_is_cancelled_has_ended_too(submit: Callable[[], JobExecutionLog], mails: Mails) -> None:
    actions.cancel(job=submit(), actor="alice")
    ((_, message),) = send_all(mails)
    assert "cancelled by alice" in text(message)


def test_a_retry_tells_who_asked_for_the_first_run(
    submit: Callable[[], JobExecutionLog], user: User, mails: Mails
) -> None:
    submit()
    failed = claim()
    transitions.fail(failed, failures.CANCELLED)
    send_all(mails)
    retry = actions.retry(job=reload(failed), actor=user)
    succeed_with(claim(), CONTENT)
    ((address, message),) = send_all(mails)
    assert address == "Ann@example.com"
    assert f"/jobs/{retry.pk}" not in text(message), "ann can't see a job that alice requested"


def test_without_an_address_nobody_can_ask(report: ReportConfiguration, user: User) -> None:
    with pytest.raises(InvalidParameters) as refused:
        actions.submit(report=report, actor=user, parameters={}, notify=True)
    assert refused.value.fields == {"notify": ["Your account has no e-mail address."]}
    assert not JobExecutionLog.objects.exists()


def test_an_earlier_result_is_told_at_once(
    submit: Callable[[], JobExecutionLog], report: ReportConfiguration, ann: User, mails: Mails
) -> None:
    actions.submit(report=report, actor=ann, parameters={}, notify=True)
    succeed_with(claim(), CONTENT)
    assert len(send_all(mails)) == 1
    for _ in range(2):
        again = actions.submit(report=report, actor=ann, parameters={}, max_age=60, notify=True)
        assert again.is_reused and len(send_all(mails)) == 1


@pytest.mark.parametrize("change", ["deactivated", "another address", "no right"])
def test_who_may_not_have_it_any_more_gets_nothing(
    submit: Callable[[], JobExecutionLog], ann: User, mails: Mails, change: str
) -> None:
    submit()
    succeed_with(claim(), CONTENT)
    match change:
        case "deactivated":
            User.objects.filter(pk=ann.pk).update(is_active=False)
        case "another address":
            User.objects.filter(pk=ann.pk).update(email="new@example.com")
        case _:
            RoleGrant.objects.all().delete()
            UserGrant.objects.all().delete()
    assert send_all(mails) == [] and states() == [("job_ended", "skipped")]


def test_a_notice_is_retried_with_the_same_id_until_it_has_failed(
    submit: Callable[[], JobExecutionLog], mails: Mails
) -> None:
    mails.reply = "450 later"
    submit()
    succeed_with(claim(), CONTENT)
    for _ in range(MAX_ATTEMPTS):
        Notice.objects.update(available_at="2020-01-01T00:00Z")
        send_all(mails)
    assert states() == [("job_ended", "failed")]
    assert len({message["Message-ID"] for _, message in mails.received}) == 1
    assert len(mails.received) == MAX_ATTEMPTS


def test_a_lost_lease_records_nothing(submit: Callable[[], JobExecutionLog]) -> None:
    submit()
    succeed_with(claim(), CONTENT)
    notice = outbox.claim()
    assert notice and outbox.claim() is None
    Notice.objects.update(available_at="2020-01-01T00:00Z")
    assert outbox.claim() and not outbox.mark_sent(notice) and not outbox.mark_failed(notice, "late")
    Notice.objects.update(created_at="2020-01-01T00:00Z")
    assert count_overdue(Notice.objects.all()) == 1


@pytest.mark.parametrize("ends", ["succeeds", "fails"])
def test_a_notice_that_cannot_be_written_keeps_no_job_from_ending(
    submit: Callable[[], JobExecutionLog], monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    def broken(job: JobExecutionLog, *_: Any) -> None:
        Notice.objects.create(tenant=job.tenant, event=None, available_at=None)  # type: ignore[misc]

    monkeypatch.setattr(events, "WRITES", [broken])
    submit()
    job = claim()
    if ends == "succeeds":
        succeed_with(job, CONTENT)
    else:
        transitions.fail(job, failures.CANCELLED)
    ended = reload(job)
    assert (ended.status, ended.error_code) == (("Succeeded", "") if ends == "succeeds" else ("Failed", "cancelled"))
    assert not Notice.objects.exists()


def test_old_notices_are_deleted(submit: Callable[[], JobExecutionLog], mails: Mails) -> None:
    submit()
    succeed_with(claim(), CONTENT)
    assert outbox.delete_old() == 0
    send_all(mails)
    assert outbox.delete_old() == 0
    Notice.objects.update(ended_at="2020-01-01T00:00Z")
    assert outbox.delete_old() == 1
