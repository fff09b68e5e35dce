"""Fair queuing: jobs are claimed by priority; within a priority, users and tenants take turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Tenant, User
from jobs import actions
from jobs.exceptions import TooManyJobs
from jobs.execution import transitions
from jobs.models import JobExecutionLog
from reports.models import ReportConfiguration
from tests.plans import plan_by_index

Submit = Callable[[User], JobExecutionLog]


@pytest.fixture
def submit(report: ReportConfiguration) -> Submit:
    """Queue a job of this user, in the user's tenant."""

    def submit(user: User) -> JobExecutionLog:
        job = actions.new_job_of(report.version, report, user)
        job.tenant_id, job.format = user.tenant_id, "csv"
        job.save(force_insert=True)
        return job

    return submit


def claim(count: int) -> list[JobExecutionLog]:
    jobs = [transitions.claim(owner="w", host="h", pid=1) for _ in range(count)]
    return [job for job in jobs if job]


def create_user(name: str, tenant: Tenant) -> User:
    return User.objects.create_user(name, tenant=tenant)


def test_a_user_with_one_job_does_not_wait_for_a_user_with_many(submit: Submit, user: User) -> None:
    for _ in range(30):
        submit(user)
    claim(5)
    submit(create_user("bob", user.tenant))
    assert "bob" in [job.requested_by_name for job in claim(4)]


def test_tenants_get_equal_shares_however_many_of_their_users_wait(submit: Submit, user: User) -> None:
    globex = Tenant.objects.create(slug="globex", name="Globex")
    users_of_acme = [user, *(create_user(f"acme-{n}", user.tenant) for n in range(4))]
    user_of_globex = create_user("gina", globex)
    for _ in range(10):
        for requester in (*users_of_acme, user_of_globex):
            submit(requester)
    shares = Counter(job.tenant_id for job in claim(20))
    assert 7 <= shares[globex.pk] <= 13, shares


def test_the_jobs_of_one_user_are_claimed_in_the_order_they_were_queued(submit: Submit, user: User) -> None:
    jobs = [submit(user) for _ in range(5)]
    assert [job.pk for job in claim(5)] == [job.pk for job in jobs]


def test_priority_comes_before_turns(submit: Submit, user: User) -> None:
    submit(user)
    urgent = [submit(user) for _ in range(3)]
    JobExecutionLog.objects.filter(pk__in=[job.pk for job in urgent]).update(priority=10)
    assert {job.pk for job in claim(3)} == {job.pk for job in urgent}


def test_the_next_job_is_found_by_an_index(submit: Submit, user: User) -> None:
    submit(user)
    plan = plan_by_index(JobExecutionLog.objects.claimable()[:1])
    assert "job_claimable" in plan and "TEMP B-TREE" not in plan, plan


@pytest.mark.parametrize("setting", ["MAX_UNFINISHED_PER_USER", "MAX_UNFINISHED_PER_TENANT"])
def test_queued_and_running_jobs_count_against_the_limits(
    queued: Callable[[], JobExecutionLog], settings: Any, setting: str
) -> None:
    setattr(settings, setting, 2)
    queued()
    queued()
    assert claim(1)
    with pytest.raises(TooManyJobs):
        queued()
    assert JobExecutionLog.objects.count() == 2
