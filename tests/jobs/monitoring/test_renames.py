"""Jobs are found by the names that they show, after a user or a report was renamed, and by the new ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from jobs.models import JobExecutionLog
from jobs.monitoring.filters import JobFilter
from reports.models import ReportConfiguration


def found(**filters: str) -> list[JobExecutionLog]:
    job_filter = JobFilter(filters, queryset=JobExecutionLog.objects.order_by("-queued_at", "-id"))
    assert job_filter.is_valid()
    return list(job_filter.qs)


@pytest.mark.parametrize("name", ["alice", "alicia"])
@pytest.mark.parametrize(
    "search", [lambda name: {"requestedBy": name}, lambda name: {"q": name}, lambda name: {"q": f"user:{name}"}]
)
def test_a_renamed_user(
    queued: Callable[[], JobExecutionLog], user: User, search: Callable[[str], dict[str, str]], name: str
) -> None:
    job = queued()
    user.username = "alicia"
    user.save()
    assert found(**search(name)) == [job]
    assert found(**search("nobody")) == []


@pytest.mark.parametrize(
    "search", [lambda name: {"report": name}, lambda name: {"q": name}, lambda name: {"q": f"report:{name}"}]
)
def test_a_renamed_report(
    queued: Callable[[], JobExecutionLog], report: ReportConfiguration, search: Callable[[str], dict[str, str]]
) -> None:
    job = queued()
    report.slug = "renamed"
    report.save()
    assert found(**search("one")) == [job]
    assert found(**search("none")) == []
