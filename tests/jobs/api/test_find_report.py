"""Finding the report to run while others change or delete it."""

from __future__ import annotations

import pytest

from accounts.models import User
from reports.exceptions import ReportNotFound
from reports.models import ReportConfiguration, ReportVersion


def test_the_current_version_is_found(report: ReportConfiguration, user: User) -> None:
    first = ReportConfiguration.objects.find_to_run(user, "one").version
    assert (first.number, first.modes) == (1, {"asynchronous"})
    second = ReportVersion.objects.create(
        report=report, number=2, name="Two", query="select 2", formats=["csv"], created_by="alice"
    )
    ReportConfiguration.objects.filter(pk=report.pk).update(current=second)
    current = ReportConfiguration.objects.find_to_run(user, "one").version
    assert (current.number, current.modes) == (2, set())


def test_a_report_that_is_deleted_in_the_meantime_is_not_found(report: ReportConfiguration, user: User) -> None:
    current_id = report.current_id
    ReportConfiguration.objects.filter(pk=report.pk).update(current_id=987_654)
    with pytest.raises(ReportNotFound):
        ReportConfiguration.objects.find_to_run(user, "one")
    ReportConfiguration.objects.filter(pk=report.pk).update(current_id=current_id)
