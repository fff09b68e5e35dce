"""Reports that limit how many of them run at once: the limit holds, and nobody else notices it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from jobs import actions, failures
from jobs.execution import transitions
from jobs.models import JobExecutionLog
from jobs.queue import next_job
from reports.models import DeliveryTarget, ReportConfiguration, ReportVersion

Ask = Callable[[ReportConfiguration], JobExecutionLog]


@pytest.fixture
def ask(person: User) -> Ask:
    return lambda report: actions.submit(report=report, actor=person, parameters={})


@pytest.fixture
def other(report: ReportConfiguration) -> ReportConfiguration:
    """A report without a limit."""
    other = ReportConfiguration.objects.create(tenant=report.tenant, slug="other")
    limit(other, None, like=report)
    return other


def limit(report: ReportConfiguration, most: int | None, like: ReportConfiguration | None = None) -> None:
    """Give the report a new version with this limit."""
    version = ReportVersion.objects.get(pk=(like or report).version.pk)
    version.pk, version.report, version.number, version.max_running = None, report, version.number + 1, most
    version.save()
    DeliveryTarget.objects.create(version=version, kind="api_response", mode="asynchronous")
    report.current = version
    report.save()


def claim() -> JobExecutionLog | None:
    return transitions.claim(owner="w", host="h", pid=1)


def ready() -> bool:
    return any(part.exists() for part in next_job.claimable_jobs())


def test_no_more_than_the_limit_run_at_once(report: ReportConfiguration, ask: Ask) -> None:
    limit(report, 2)
    jobs = [ask(report) for _ in range(4)]
    assert ready()
    first, second = claim(), claim()
    assert [first and first.pk, second and second.pk] == [jobs[0].pk, jobs[1].pk]
    assert claim() is None and not ready()
    assert first and transitions.fail(first, failures.CANCELLED)
    assert ready()
    third = claim()
    assert (third and third.pk, claim()) == (jobs[2].pk, None)


def test_jobs_that_must_wait_do_not_stand_before_others(
    report: ReportConfiguration, other: ReportConfiguration, ask: Ask
) -> None:
    limit(report, 1)
    for _ in range(20):
        ask(report)
    later = ask(other)
    assert claim()
    found = claim()
    assert found and found.pk == later.pk


def test_a_limit_counts_at_once_for_jobs_that_are_queued(
    report: ReportConfiguration, other: ReportConfiguration, ask: Ask
) -> None:
    for _ in range(3):
        ask(report)
    ask(other)
    limit(report, 1)
    found = [claim() for _ in range(3)]
    assert sorted(job.report_slug for job in found if job) == ["one", "other"]


def test_without_the_limit_the_jobs_run_again(report: ReportConfiguration, ask: Ask) -> None:
    limit(report, 1)
    for _ in range(3):
        ask(report)
    assert claim() and claim() is None
    limit(report, None)
    assert next_job.release_unlimited() == 2
    assert claim() and claim()


def test_jobs_of_a_report_that_was_deleted_are_let_out(report: ReportConfiguration, ask: Ask) -> None:
    limit(report, 1)
    ask(report)
    report.delete()
    assert claim() is None
    assert next_job.release_unlimited() == 1
    assert claim()


def test_in_a_lane_people_take_turns_too(report: ReportConfiguration, ask: Ask, person: User) -> None:
    limit(report, 1)
    for _ in range(30):
        ask(report)
    for _ in range(5):
        job = claim()
        assert job and transitions.fail(job, failures.CANCELLED)
    bob = User.objects.create_user("bob", tenant=person.tenant)
    bobs = [actions.submit(report=report, actor=bob, parameters={}) for _ in range(10)]
    turns = []
    for _ in range(10):
        job = claim()
        assert job and transitions.fail(job, failures.CANCELLED)
        turns.append(job.requested_by_name)
    assert 3 <= turns.count("bob") <= 7, turns
    assert bobs


def test_the_first_of_a_lane_is_found_by_an_index(report: ReportConfiguration, ask: Ask) -> None:
    limit(report, 1)
    ask(report)
    plan = JobExecutionLog.objects.claimable(report.pk)[:1].explain()
    assert "job_claimable_limited" in plan and "TEMP B-TREE" not in plan, plan
