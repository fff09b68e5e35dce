"""A tenant with one user, one report and its jobs, created in the database directly."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import Tenant, User
from jobs import actions
from jobs.execution import transitions
from jobs.models import JobExecutionLog
from reports.models import DataSource, ReportConfiguration, ReportVersion
from reports.targets.models import DeliveryTarget
from tests.jobs.delivery.helpers import CONTENT, Succeed
from tests.jobs.helpers import succeed_with


@pytest.fixture
def user(db: None) -> User:
    tenant = Tenant.objects.create(slug="acme", name="Acme Inc.")
    return User.objects.create_user("alice", tenant=tenant)


@pytest.fixture
def report(user: User) -> ReportConfiguration:
    source = DataSource.objects.create(tenant=user.tenant, slug="nowhere", kind="sqlite", location="/nowhere.db")
    report = ReportConfiguration.objects.create(tenant=user.tenant, slug="one")
    version = ReportVersion.objects.create(
        report=report, number=1, name="One", data_source=source, query="select 1", formats=["csv"], created_by="alice",
        deliver="always",
    )  # fmt: skip
    DeliveryTarget.objects.create(version=version, kind="api_response", mode="asynchronous")
    report.current = version
    report.save()
    return report


@pytest.fixture
def queued(report: ReportConfiguration, user: User) -> Callable[[], JobExecutionLog]:
    """Queue a job."""
    return lambda: actions.submit(report=report, actor=user, parameters={}).job


@pytest.fixture
def claimed(queued: Callable[[], JobExecutionLog]) -> JobExecutionLog:
    """A job that a worker has claimed."""
    queued()
    job = transitions.claim(owner="w1", host="here", pid=1)
    assert job is not None
    return job


@pytest.fixture
def succeed(queued: Callable[[], JobExecutionLog]) -> Succeed:
    """Return a function that queues a job and lets it succeed with the result CONTENT, also in further formats."""

    def succeed(*more: str) -> JobExecutionLog:
        queued()
        job = transitions.claim(owner="w", host="h", pid=1)
        assert job
        succeed_with(job, CONTENT, *more)
        return job

    return succeed
