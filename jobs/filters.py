"""The one filter over jobs: for the API's list, the page, its tab counts and its links."""

from __future__ import annotations

import django_filters
from django.db.models import Q

from accounts.filters import MomentFilter
from jobs.models import JobExecutionLog, Status
from jobs.querysets import JobQuerySet
from reports.querysets import as_uuid


class JobFilter(django_filters.FilterSet):  # type: ignore[misc]
    """`status`, `report` (id or slug), `requestedBy` (user name), `since`/`until` (ISO 8601, until excluded), `q`."""

    status = django_filters.ChoiceFilter(choices=Status.choices)
    report = django_filters.CharFilter(method="of_report", label="Report")
    requestedBy = django_filters.CharFilter(field_name="requested_by_name", label="Requested by")
    since = MomentFilter(field_name="queued_at", lookup_expr="gte")
    until = MomentFilter(field_name="queued_at", lookup_expr="lt")
    q = django_filters.CharFilter(method="search", label="Search")

    class Meta:
        model = JobExecutionLog
        fields = ["status", "report", "requestedBy", "since", "until", "q"]

    def of_report(self, jobs: JobQuerySet, name: str, value: str) -> JobQuerySet:
        """Jobs of one report, also of one that was deleted since."""
        uuid = as_uuid(value)
        return jobs.filter(report_uuid=uuid) if uuid else jobs.filter(report_slug=value)

    def search(self, jobs: JobQuerySet, name: str, value: str) -> JobQuerySet:
        """Jobs whose id is the text, or whose report, person or error contains it."""
        uuid = as_uuid(value)
        if uuid:
            return jobs.filter(pk=uuid)
        found = Q()
        for field in ("report_name", "report_slug", "requested_by_name", "error_message"):
            found |= Q(**{f"{field}__icontains": value})
        return jobs.filter(found)
