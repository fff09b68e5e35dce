"""Reports that limit how many of their jobs run at once: the limit holds, and other jobs are not delayed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from jobs import actions, failures
from jobs.execution import transitions
from jobs.models import JobExecutionLog
from jobs.queue import next_job
from reports.models import ReportConfiguration, ReportVersion
from reports.targets.models import DeliveryTarget
from tests.plans import plan_by_index

Submit = Callable[[ReportConfiguration], JobExecutionLog]


@pytest.fixture
def submit(user: User) -> Submit:
    return lambda report: actions.submit(report=report, actor=user, parameters={}).job


@pytest.fixture
def unlimited(report: ReportConfiguration) -> ReportConfiguration:
    """Another report, without a limit."""
    unlimited = ReportConfiguration.objects.create(tenant=report.tenant, slug="unlimited")
    set_limit(unlimited, None, template=report)
    return unlimited


def set_limit(report: ReportConfiguration, limit: int | None, template: ReportConfiguration | None = None) -> None:
    """Give the report a new version with this limit."""
    version = ReportVersion.objects.get(pk=(template or report).version.pk)
    version.pk, version.report, version.number, version.max_running = None, report, version.number + 1, limit
    version.save()
    DeliveryTarget.objects.create(version=version, kind="api_response", mode="asynchronous")
    report.current = version
    report.save()


def claim() -> JobExecutionLog | None:
    return transitions.claim(owner="w", host="h", pid=1)


def is_anything_claimable() -> bool:
    return any(jobs.exists() for jobs in next_job.claimable_jobs())


def test_no_more_jobs_than_the_limit_run_at_once(report: ReportConfiguration, submit: Submit) -> None:
    set_limit(report, 2)
    jobs = [submit(report) for _ in range(4)]
    assert is_anything_claimable()
    first, second = claim(), claim()
    assert [first and first.pk, second and second.pk] == [jobs[0].pk, jobs[1].pk]
    assert claim() is None and not is_anything_claimable()
    assert first and transitions.fail(first, failures.CANCELLED)
    assert is_anything_claimable()
    third = claim()
    assert (third and third.pk, claim()) == (jobs[2].pk, None)


def test_jobs_over_the_limit_do_not_block_other_jobs(
    report: ReportConfiguration, unlimited: ReportConfiguration, submit: Submit
) -> None:
    set_limit(report, 1)
    for _ in range(20):
        submit(report)
    last = submit(unlimited)
    assert claim()
    second = claim()
    assert second and second.pk == last.pk


def test_a_new_limit_applies_to_jobs_that_are_already_queued(
    report: ReportConfiguration, unlimited: ReportConfiguration, submit: Submit
) -> None:
    for _ in range(3):
        submit(report)
    submit(unlimited)
    set_limit(report, 1)
    jobs = [claim() for _ in range(3)]
    assert sorted(job.report_slug for job in jobs if job) == ["one", "unlimited"]


def test_jobs_are_released_when_the_limit_is_removed(report: ReportConfiguration, submit: Submit) -> None:
    set_limit(report, 1)
    for _ in range(3):
        submit(report)
    assert claim() and claim() is None
    set_limit(report, None)
    assert next_job.release_unlimited() == 2
    assert claim() and claim()


def test_jobs_of_a_deleted_report_are_released(report: ReportConfiguration, submit: Submit) -> None:
    set_limit(report, 1)
    submit(report)
    report.delete()
    assert claim() is None
    assert next_job.release_unlimited() == 1
    assert claim()


def test_users_take_turns_within_a_concurrency_key(report: ReportConfiguration, submit: Submit, user: User) -> None:
    set_limit(report, 1)
    for _ in range(30):
        submit(report)
    for _ in range(5):
        job = claim()
        assert job and transitions.fail(job, failures.CANCELLED)
    bob = User.objects.create_user("bob", tenant=user.tenant)
    jobs_of_bob = [actions.submit(report=report, actor=bob, parameters={}).job for _ in range(10)]
    requesters = []
    for _ in range(10):
        job = claim()
        assert job and transitions.fail(job, failures.CANCELLED)
        requesters.append(job.requested_by_name)
    assert 3 <= requesters.count("bob") <= 7, requesters
    assert jobs_of_bob


def test_the_first_job_of_a_concurrency_key_is_found_by_an_index(report: ReportConfiguration, submit: Submit) -> None:
    set_limit(report, 1)
    submit(report)
    plan = plan_by_index(JobExecutionLog.objects.claimable(report.pk)[:1])
    assert "job_claimable_limited" in plan and "TEMP B-TREE" not in plan, plan
