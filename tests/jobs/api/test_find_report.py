"""Finding a report to run, while others change it."""

from __future__ import annotations

import pytest

from accounts.models import User
from reports.exceptions import ReportNotFound
from reports.models import ReportConfiguration, ReportVersion


def test_the_version_that_is_current_now_is_found(report: ReportConfiguration, user: User) -> None:
    found = ReportConfiguration.objects.find_to_run(user, "one")
    assert (found.version.number, found.version.modes) == (1, {"asynchronous"})
    second = ReportVersion.objects.create(
        report=report, number=2, name="Two", query="select 2", formats=["csv"], created_by="alice"
    )
    ReportConfiguration.objects.filter(pk=report.pk).update(current=second)
    found = ReportConfiguration.objects.find_to_run(user, "one")
    assert (found.version.number, found.version.modes) == (2, set())


def test_a_report_that_is_deleted_meanwhile_is_not_found(report: ReportConfiguration, user: User) -> None:
    current = report.current_id
    ReportConfiguration.objects.filter(pk=report.pk).update(current_id=987_654)
    with pytest.raises(ReportNotFound):
        ReportConfiguration.objects.find_to_run(user, "one")
    ReportConfiguration.objects.filter(pk=report.pk).update(current_id=current)
