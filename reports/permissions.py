"""Who may change a report, at the time of the call."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from accounts.models import User
from reports.models import ReportConfiguration


def administered_report(user: User, key: str) -> ReportConfiguration:
    """The report, for an Administrator of its tenant. ReportNotFound or PermissionDenied for others."""
    report = ReportConfiguration.objects.find_complete(user, key)
    if not user.administers(report.tenant_id):
        raise PermissionDenied("Only an Administrator may do this.")
    return report
