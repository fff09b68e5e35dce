"""A tenant with one user, one report and its jobs, created in the database directly."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import psutil
import pytest

from accounts.models import Tenant, User
from jobs import actions
from jobs.execution import child, processes, transitions
from jobs.models import JobExecutionLog
from jobs.results import publishing, storage
from reports.models import DataSource, DeliveryTarget, ReportConfiguration, ReportVersion
from tests.jobs.delivery.helpers import CONTENT, Succeed


@pytest.fixture
def user(db: None) -> User:
    tenant = Tenant.objects.create(slug="acme", name="Acme Inc.")
    return User.objects.create_user("alice", tenant=tenant)


@pytest.fixture
def report(user: User) -> ReportConfiguration:
    source = DataSource.objects.create(tenant=user.tenant, slug="nowhere", kind="sqlite", location="/nowhere.db")
    report = ReportConfiguration.objects.create(tenant=user.tenant, slug="one")
    version = ReportVersion.objects.create(
        report=report, number=1, name="One", data_source=source, query="select 1", formats=["csv"], created_by="alice"
    )
    DeliveryTarget.objects.create(version=version, kind="api_response", mode="asynchronous")
    report.current = version
    report.save()
    return report


@pytest.fixture
def queued(report: ReportConfiguration, user: User) -> Callable[[], JobExecutionLog]:
    """Queue a job."""
    return lambda: actions.submit(report=report, actor=user, parameters={})


@pytest.fixture
def claimed(queued: Callable[[], JobExecutionLog]) -> JobExecutionLog:
    """A job that a worker has claimed."""
    queued()
    job = transitions.claim(owner="w1", host="here", pid=1)
    assert job is not None
    return job


@pytest.fixture
def succeed(queued: Callable[[], JobExecutionLog]) -> Succeed:
    """Queue a job, and let it succeed with the result CONTENT."""

    def succeed() -> JobExecutionLog:
        queued()
        job = transitions.claim(owner="w", host="h", pid=1)
        assert job
        draft = storage.draft_path(job.pk, job.fence)
        draft.write_bytes(CONTENT)
        stamp = publishing.publish(draft, storage.result_path(job.pk, job.fence, "csv"))
        digest = hashlib.sha256(CONTENT).hexdigest()
        result = {"rows": 1, "size": len(CONTENT), "sha256": digest, "truncated": None, "stamp": stamp}
        assert transitions.succeed(job, result)
        return job

    return succeed


@pytest.fixture
def as_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """Meanwhile this process adopts and ends children as a worker does, but for those that it had before: the servers
    of other tests. Their ids."""
    others = {process.pid for process in psutil.Process().children()}
    monkeypatch.setattr(child, "kill_children", lambda *, but: processes.kill_children(but=[*but, *others]))
    yield others
    processes.kill_children(but=others)
    processes._libc.prctl(processes._PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    assert others <= {process.pid for process in psutil.Process().children()}, "a server of other tests was ended"
