"""When the results of a report are sent, and what came of all deliveries of a job."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from jobs import actions, failures
from jobs.delivery import outbox
from jobs.delivery.states import summary
from jobs.execution import transitions
from jobs.models import Delivery, JobExecutionLog
from reports.exceptions import InvalidParameters
from reports.models import ReportConfiguration, ReportVersion, cached_version
from tests.jobs.delivery.helpers import CONTENT, AddTarget, Succeed, make_due, send_next
from tests.jobs.helpers import reload, succeed_with
from tests.sinks import Mails


@pytest.fixture
def on_request(report: ReportConfiguration, add_target: AddTarget) -> ReportConfiguration:
    add_target("email", to=["a@example.com", "b@example.com"])
    version = report.version
    version.pk, version.number, version.deliver = None, 2, "on_request"
    targets = list(ReportVersion.objects.get(report=report).delivery_targets.all())
    version.save()
    for target in targets:
        target.pk, target.version = None, version
        target.save()
    report.current = version
    report.save()
    cached_version.cache_clear()
    return ReportConfiguration.objects.get(pk=report.pk)


def run(report: ReportConfiguration, user: User, *, deliver: bool) -> JobExecutionLog:
    actions.submit(report=report, actor=user, parameters={}, deliver=deliver)
    return end()


def end() -> JobExecutionLog:
    job = transitions.claim(owner="w", host="h", pid=1)
    assert job
    succeed_with(job, CONTENT)
    return reload(job)


def test_results_are_sent_only_on_request(on_request: ReportConfiguration, user: User) -> None:
    job = run(on_request, user, deliver=False)
    assert (job.deliveries.count(), job.delivery_state) == (0, "")
    job = run(on_request, user, deliver=True)
    assert (job.deliveries.count(), job.delivery_state) == (2, "Pending")


def test_a_retry_sends_what_the_failed_job_would_have_sent(on_request: ReportConfiguration, user: User) -> None:
    for deliver in (True, False):
        actions.submit(report=on_request, actor=user, parameters={}, deliver=deliver)
        job = transitions.claim(owner="w", host="h", pid=1)
        assert job and transitions.fail(job, failures.CANCELLED)
        retry = actions.retry(job=reload(job), actor=user)
        assert (retry.deliver, end().deliveries.exists()) == (deliver, deliver)


def test_a_report_that_has_nobody_to_send_to_refuses(report: ReportConfiguration, user: User) -> None:
    with pytest.raises(InvalidParameters) as refused:
        actions.submit(report=report, actor=user, parameters={}, deliver=True)
    assert list(refused.value.fields) == ["deliver"]
    assert not JobExecutionLog.objects.exists()


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ("", None),
        ("held pending failed sent", "Held"),
        ("pending failed sent", "Pending"),
        ("failed sent skipped", "PartlyDelivered"),
        ("failed skipped", "Failed"),
        ("sent skipped discarded", "Delivered"),
        ("skipped", "Skipped"),
        ("discarded", "Skipped"),
    ],
)
def test_the_first_that_matches_is_the_state(states: str, expected: str | None) -> None:
    assert summary(set(states.split())) == expected


def test_the_state_follows_each_delivery(add_target: AddTarget, succeed: Succeed, mails: Mails) -> None:
    add_target("email", to=["a@example.com", "b@example.com"])
    job = succeed()
    mails.reply = "550 never"
    send_next()
    assert reload(job).delivery_state == "Pending"
    mails.reply = "250 OK"
    send_next()
    assert reload(job).delivery_state == "PartlyDelivered"
    outbox.resend(job=reload(job), actor="alice")
    assert reload(job).delivery_state == "Pending"
    make_due()
    send_next()
    assert reload(job).delivery_state == "Delivered"


def test_what_cannot_be_sent_at_all_is_not_delivered(
    add_target: AddTarget, succeed: Succeed, mails: Mails, queued: Callable[[], JobExecutionLog]
) -> None:
    add_target("email", to=["a@example.com"])
    mails.reply = "550 never"
    job = succeed()
    send_next()
    assert (reload(job).delivery_state, Delivery.objects.get().state) == ("Failed", "failed")


def test_a_conversion_sends_nothing(
    report: ReportConfiguration, user: User, add_target: AddTarget, queued: Callable[[], JobExecutionLog]
) -> None:
    add_target("email", to=["a@example.com"])
    original, conversion = queued(), queued()
    JobExecutionLog.objects.filter(pk=conversion.pk).update(converted_from=original.pk)
    jobs = {job.pk: job for job in (end(), end())}
    assert [jobs[job.pk].deliveries.count() for job in (original, conversion)] == [1, 0]
