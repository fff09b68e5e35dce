"""Users and tenants leave a slot to others, however many jobs they queue."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts.models import Tenant, User
from jobs import actions, failures
from jobs.execution import transitions
from jobs.models import JobExecutionLog, WorkerHost
from jobs.queue import next_job, running_caps
from reports.models import ReportConfiguration
from tests.jobs.queue.test_next_job import set_limit
from tests.plans import only_on_sqlite, plan_of

Submit = Callable[[User], JobExecutionLog]
SetSlots = Callable[..., None]


@pytest.fixture
def submit(report: ReportConfiguration) -> Submit:
    """Queue a job of this user, in the user's tenant."""

    def submit(user: User) -> JobExecutionLog:
        job = actions.new_job_of(report.version, report, user)
        job.tenant_id, job.format = user.tenant_id, "csv"
        job.save(force_insert=True)
        return job

    return submit


@pytest.fixture
def set_slots(settings: Any) -> Iterator[SetSlots]:
    """Have this many slots on one host, and set the caps; None: not set."""

    def set_slots(slots: int, *, user: int | None = None, tenant: int | None = None) -> None:
        settings.MAX_RUNNING_PER_USER, settings.MAX_RUNNING_PER_TENANT = user, tenant
        now = timezone.now()
        WorkerHost.objects.create(instance=uuid.uuid4().hex, host="h", pid=1, slots=slots, started_at=now, seen_at=now)
        cache.clear()

    yield set_slots
    cache.clear()


@pytest.fixture
def bob(user: User) -> User:
    return User.objects.create_user("bob", tenant=user.tenant)


@pytest.fixture
def gina(db: None) -> User:
    return User.objects.create_user("gina", tenant=Tenant.objects.create(slug="globex", name="Globex"))


def claim() -> str | None:
    """Claim a job. Return whose it is."""
    job = transitions.claim(owner="w", host="h", pid=1)
    return job.requested_by_name if job else None


def is_anything_claimable() -> bool:
    return any(jobs.exists() for jobs in next_job.claimable_jobs())


def test_by_default_a_user_leaves_one_slot_to_other_users(
    submit: Submit, set_slots: SetSlots, user: User, bob: User
) -> None:
    set_slots(3)
    for _ in range(5):
        submit(user)
    assert [claim() for _ in range(3)] == ["alice", "alice", None]
    assert not is_anything_claimable(), "the cluster would be taken for stuck"
    submit(bob)
    assert is_anything_claimable()
    assert claim() == "bob"
    ended = JobExecutionLog.objects.filter(status="Running", requested_by=user).first()
    assert ended and transitions.fail(ended, failures.CANCELLED)
    assert claim() == "alice"


def test_by_default_a_tenant_leaves_one_slot_to_other_tenants(
    submit: Submit, set_slots: SetSlots, user: User, bob: User, gina: User
) -> None:
    set_slots(3)
    for each in (user, bob, user, bob):
        submit(each)
    assert sorted(filter(None, [claim() for _ in range(4)])) == ["alice", "bob"]
    submit(gina)
    assert claim() == "gina"


def test_the_slots_of_all_hosts_count(submit: Submit, set_slots: SetSlots, user: User, bob: User) -> None:
    for slots in (1, 2):
        set_slots(slots)
    for _ in range(4):
        submit(user)
    assert [claim() for _ in range(3)] == ["alice", "alice", None]


def test_the_slots_of_a_host_that_is_paused_do_not_count(
    submit: Submit, set_slots: SetSlots, user: User, bob: User
) -> None:
    set_slots(5)
    WorkerHost.objects.update(paused_until=timezone.now() + timedelta(minutes=5))
    set_slots(2)
    for _ in range(3):
        submit(user)
    assert [claim() for _ in range(2)] == ["alice", None]
    WorkerHost.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
    cache.clear()
    assert claim() == "alice"


@pytest.mark.parametrize("slots", [0, 1])
def test_a_single_slot_is_for_everybody(submit: Submit, set_slots: SetSlots, user: User, bob: User, slots: int) -> None:
    """And a claim made by hand needs no host."""
    set_slots(slots)
    submit(user)
    assert claim() == "alice"


def test_a_user_without_others_has_all_slots(submit: Submit, set_slots: SetSlots, user: User) -> None:
    set_slots(2)
    for _ in range(2):
        submit(user)
    assert [claim(), claim()] == ["alice", "alice"]


@pytest.mark.parametrize(("setting", "claims"), [("user", ["alice", "bob", None]), ("tenant", ["alice", None, None])])
def test_a_cap_can_be_set(
    submit: Submit, set_slots: SetSlots, user: User, bob: User, setting: str, claims: list[str | None]
) -> None:
    set_slots(8, **{setting: 1})
    for each in (user, user, bob):
        submit(each)
    assert [claim() for _ in range(3)] == claims


def test_jobs_of_a_limited_report_are_passed_over_too(
    report: ReportConfiguration, submit: Submit, set_slots: SetSlots, user: User, bob: User
) -> None:
    set_limit(report, 5)
    set_slots(8, user=1)
    for each in (user, user, bob, bob):
        submit(each)
    assert sorted(filter(None, [claim() for _ in range(3)])) == ["alice", "bob"]


@only_on_sqlite
def test_running_jobs_are_found_by_their_own_index(db: None) -> None:
    plan = plan_of(
        "select report_id from jobs_jobexecutionlog where status = 'Running' and lease_expires_at is not null"
    )
    assert "job_leased" in plan, plan


def test_caps_are_read_once_in_a_while(
    set_slots: SetSlots, user: User, bob: User, django_assert_num_queries: Any
) -> None:
    set_slots(4)
    running_caps.current()
    with django_assert_num_queries(0):
        assert running_caps.current() == (3, None)
