"""A report is deleted during a request for it: after it was found, and before the job is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from jobs import actions
from jobs.actions import Idempotency
from jobs.exceptions import ReportConfigurationMissing
from jobs.models import JobEvent, JobExecutionLog
from reports.exceptions import ReportNotFound
from reports.models import ReportConfiguration

# The database checks references at the end of the transaction.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delete_during_request(report: ReportConfiguration, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on, delete the report as soon as a job of it is created, before it is stored."""
    new_job = actions.new_job_of

    def new_job_of_deleted_report(*args: Any) -> JobExecutionLog:
        job = new_job(*args)
        ReportConfiguration.objects.filter(pk=report.pk).delete()
        return job

    return lambda: monkeypatch.setattr(actions, "new_job_of", new_job_of_deleted_report)


def test_a_request_fails_as_if_the_report_had_never_existed(
    report: ReportConfiguration, user: User, delete_during_request: Callable[[], None]
) -> None:
    delete_during_request()
    with pytest.raises(ReportNotFound):
        actions.submit(report=report, actor=user, parameters={})
    assert not JobExecutionLog.objects.exists() and not JobEvent.objects.exists()


def test_so_does_a_request_with_an_idempotency_key(
    report: ReportConfiguration, user: User, delete_during_request: Callable[[], None]
) -> None:
    delete_during_request()
    key = Idempotency.of("k", {})
    with pytest.raises(ReportNotFound):
        actions.submit(report=report, actor=user, parameters={}, idempotency=key)
    assert not JobExecutionLog.objects.exists()


def test_a_retry_fails_because_the_report_is_missing(
    report: ReportConfiguration, user: User, delete_during_request: Callable[[], None]
) -> None:
    # Created without an action, because its audit entry could not be deleted after the test.
    failed = actions.new_job_of(report.version, report, user)
    failed.queued_at = failed.available_at = failed.ended_at = timezone.now()
    failed.notified_at, failed.status, failed.error_code = None, "Failed", "query_failed"
    failed.save()
    delete_during_request()
    with pytest.raises(ReportConfigurationMissing):
        actions.retry(job=failed, actor=user)
    assert [job.pk for job in JobExecutionLog.objects.all()] == [failed.pk]
