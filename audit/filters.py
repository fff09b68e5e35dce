"""The one filter over audit entries, for the API and the page alike."""

from __future__ import annotations

import django_filters

from accounts.filters import MomentFilter
from audit.models import Action, AuditLog


class AuditFilter(django_filters.FilterSet):  # type: ignore[misc]
    """`action`, `actor`, `target` (an id), `since` and `until` (ISO 8601 date-times, until excluded)."""

    action = django_filters.ChoiceFilter(choices=Action.choices)
    actor = django_filters.CharFilter()
    target = django_filters.CharFilter(field_name="target_id")
    since = MomentFilter(field_name="timestamp", lookup_expr="gte")
    until = MomentFilter(field_name="timestamp", lookup_expr="lt")

    class Meta:
        model = AuditLog
        fields = ["action", "actor", "target", "since", "until"]
