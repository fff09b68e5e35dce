"""Who may see, run or change a report, at the time of the call."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from accounts.models import User
from reports.models import ReportConfiguration
from reports.querysets import Right, rights_on


def visible_report(user: User, key: str) -> ReportConfiguration:
    """Return the report, for a user who may see it; raise ReportNotFound or PermissionDenied for others."""
    report = ReportConfiguration.objects.find(user, key)
    if not rights_on(user, report.pk):
        raise PermissionDenied
    return report


def may_generate(user: User, report: ReportConfiguration) -> bool:
    return Right.GENERATE in rights_on(user, report.pk)


def administered_report(user: User, key: str) -> ReportConfiguration:
    """The report, for an Administrator of its tenant. ReportNotFound or PermissionDenied for others."""
    report = ReportConfiguration.objects.find_complete(user, key)
    if not user.administers(report.tenant_id):
        raise PermissionDenied("Only an Administrator may do this.")
    return report
