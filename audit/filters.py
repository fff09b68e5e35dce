"""The filter over audit entries, for the API and the page alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import django_filters
from django.utils.translation import gettext_lazy as _

from audit.models import Action, AuditLog
from audit.querysets import AuditLogQuerySet
from common.api.filters import UtcDateTimeFilter

#: Hosts' clocks differ by less than this, so the order of sequence numbers agrees with that of times this far apart.
_MAX_CLOCK_SKEW = timedelta(hours=1)


class AuditFilter(django_filters.FilterSet):  # type: ignore[misc]
    """`action`, `actor`, `target` (an id), `since` and `until` (ISO 8601 date-times, `until` excluded)."""

    action = django_filters.ChoiceFilter(choices=Action.choices)
    actor = django_filters.CharFilter(label=_("Actor"))
    target = django_filters.CharFilter(field_name="target_id", label=_("Target ID"))
    since = UtcDateTimeFilter(method="filter_since", label=_("Since"))
    until = UtcDateTimeFilter(method="filter_until", label=_("Until"))

    class Meta:
        model = AuditLog
        fields = ["action", "actor", "target", "since", "until"]

    # Pages are sorted by sequence number, which the index on times doesn't help with. So times are also translated to
    # sequence numbers.

    def filter_since(self, entries: AuditLogQuerySet, name: str, at: datetime) -> AuditLogQuerySet:
        return entries.filter(timestamp__gte=at, sequence__gt=_last_sequence_before(_shift(at, -_MAX_CLOCK_SKEW)))

    def filter_until(self, entries: AuditLogQuerySet, name: str, at: datetime) -> AuditLogQuerySet:
        return entries.filter(timestamp__lt=at, sequence__lte=_last_sequence_before(_shift(at, _MAX_CLOCK_SKEW)))


def _last_sequence_before(at: datetime) -> int:
    """0 if there is no earlier entry."""
    entry = AuditLog.objects.filter(timestamp__lt=at).order_by("-timestamp").first()
    return entry.sequence if entry else 0


def _shift(at: datetime, by: timedelta) -> datetime:
    try:
        return at.astimezone(UTC) + by
    except OverflowError:  # in the first hour of year 1 or the last of year 9999
        return at
