"""Who is next: by priority, then people and tenants take turns, however many jobs one of them has queued."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from accounts.models import Tenant, User
from jobs import actions
from jobs.execution import transitions
from jobs.models import JobExecutionLog
from reports.models import ReportConfiguration

Ask = Callable[[User], JobExecutionLog]


@pytest.fixture
def ask(report: ReportConfiguration) -> Ask:
    """Queues a job of this person, in the person's tenant."""

    def queue(person: User) -> JobExecutionLog:
        job = actions._new_job(report.version, report, person)
        job.tenant_id, job.format = person.tenant_id, "csv"
        job.save(force_insert=True)
        return job

    return queue


def claims(count: int) -> list[JobExecutionLog]:
    found = [transitions.claim(owner="w", host="h", pid=1) for _ in range(count)]
    return [job for job in found if job]


def another(name: str, tenant: Tenant) -> User:
    return User.objects.create_user(name, tenant=tenant)


def test_somebody_with_one_job_does_not_wait_for_somebody_with_many(ask: Ask, person: User) -> None:
    for _ in range(30):
        ask(person)
    claims(5)
    ask(another("bob", person.tenant))
    assert "bob" in [job.requested_by_name for job in claims(4)]


def test_tenants_get_equal_shares_however_many_of_their_people_wait(ask: Ask, person: User) -> None:
    globex = Tenant.objects.create(slug="globex", name="Globex")
    many = [person, *(another(f"acme-{n}", person.tenant) for n in range(4))]
    single = another("gina", globex)
    for _ in range(10):
        for one in (*many, single):
            ask(one)
    shares = Counter(job.tenant_id for job in claims(20))
    assert 7 <= shares[globex.pk] <= 13, shares


def test_the_jobs_of_one_person_keep_their_order(ask: Ask, person: User) -> None:
    jobs = [ask(person) for _ in range(5)]
    assert [job.pk for job in claims(5)] == [job.pk for job in jobs]


def test_priority_goes_before_turns(ask: Ask, person: User) -> None:
    ask(person)
    urgent = [ask(person) for _ in range(3)]
    JobExecutionLog.objects.filter(pk__in=[job.pk for job in urgent]).update(priority=10)
    assert {job.pk for job in claims(3)} == {job.pk for job in urgent}


def test_the_next_job_is_found_by_an_index(ask: Ask, person: User) -> None:
    ask(person)
    plan = JobExecutionLog.objects.claimable()[:1].explain()
    assert "job_claimable" in plan and "TEMP B-TREE" not in plan, plan
