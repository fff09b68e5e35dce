"""A report that is deleted while somebody asks for it: after it was found, before the job is stored."""

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

# Whether a reference holds is seen when the transaction ends.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vanishing(report: ReportConfiguration, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on the report is deleted as soon as a job of it is made, before it is stored."""
    make = actions._new_job

    def make_and_delete(*args: Any) -> JobExecutionLog:
        job = make(*args)
        ReportConfiguration.objects.filter(pk=report.pk).delete()
        return job

    return lambda: monkeypatch.setattr(actions, "_new_job", make_and_delete)


def test_who_asks_for_it_is_told(report: ReportConfiguration, user: User, vanishing: Callable[[], None]) -> None:
    vanishing()
    with pytest.raises(ReportNotFound):
        actions.submit(report=report, actor=user, parameters={})
    assert not JobExecutionLog.objects.exists() and not JobEvent.objects.exists()


def test_so_is_who_asks_under_a_key(report: ReportConfiguration, user: User, vanishing: Callable[[], None]) -> None:
    vanishing()
    key = Idempotency.of("k", {})
    with pytest.raises(ReportNotFound):
        actions.submit_once(report=report, actor=user, parameters={}, format=None, idempotency=key)
    assert not JobExecutionLog.objects.exists()


def test_so_is_who_retries(report: ReportConfiguration, user: User, vanishing: Callable[[], None]) -> None:
    # Made by hand: the audit entry of one that was asked for could not be removed after the test.
    failed = actions._new_job(report.version, report, user)
    failed.queued_at = failed.available_at = failed.ended_at = timezone.now()
    failed.notified_at, failed.status, failed.error_code = None, "Failed", "query_failed"
    failed.save()
    vanishing()
    with pytest.raises(ReportConfigurationMissing):
        actions.retry(job=failed, actor=user)
    assert [job.pk for job in JobExecutionLog.objects.all()] == [failed.pk]
