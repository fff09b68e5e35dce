"""The one filter over audit entries, for the API and the page alike."""

from __future__ import annotations

from datetime import datetime, timedelta

import django_filters

from audit.models import Action, AuditLog
from audit.querysets import AuditLogQuerySet
from common.api.filters import UtcDateTimeFilter

#: Entries are in the order of their sequence, and by time only as far as the hosts' clocks agree.
_SKEW = timedelta(hours=1)


class AuditFilter(django_filters.FilterSet):  # type: ignore[misc]
    """`action`, `actor`, `target` (an id), `since` and `until` (ISO 8601 date-times, until excluded)."""

    action = django_filters.ChoiceFilter(choices=Action.choices)
    actor = django_filters.CharFilter()
    target = django_filters.CharFilter(field_name="target_id")
    since = UtcDateTimeFilter(method="from_moment", label="Since")
    until = UtcDateTimeFilter(method="before_moment", label="Until")

    class Meta:
        model = AuditLog
        fields = ["action", "actor", "target", "since", "until"]

    def from_moment(self, entries: AuditLogQuerySet, name: str, at: datetime) -> AuditLogQuerySet:
        return entries.filter(timestamp__gte=at, sequence__gt=_last_before(at - _SKEW))

    def before_moment(self, entries: AuditLogQuerySet, name: str, at: datetime) -> AuditLogQuerySet:
        return entries.filter(timestamp__lt=at, sequence__lte=_last_before(at + _SKEW))


def _last_before(at: datetime) -> int:
    """The place of a moment in the log: pages are in the order of the sequence, which no index on times gives."""
    try:
        entry = AuditLog.objects.filter(timestamp__lt=at).order_by("-timestamp").first()
    except OverflowError:
        entry = None
    return entry.sequence if entry else 0
