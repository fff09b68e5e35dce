"""The admin's page of the audit log."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from audit.models import AuditLog
from common.admin import ReadOnlyAdmin, TenantScopedAdmin


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin, TenantScopedAdmin):
    list_display = ["sequence", "timestamp", "actor", "actor_note", "action", "target_type", "target_id"]
    list_filter = ["action"]
    # Makes Django show a search field; get_search_results does the search.
    search_fields = ["actor", "target_id"]
    ordering = ["-sequence"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditLog], search_term: str
    ) -> tuple[QuerySet[AuditLog], bool]:
        """Find entries whose actor or target is exactly the search term."""
        term = search_term.strip()
        if not term:
            return queryset, False
        # No index serves both conditions at once. So use only those that match anything, which is usually one.
        matching = [
            condition for condition in (Q(actor=term), Q(target_id=term)) if queryset.filter(condition).exists()
        ]
        return queryset.filter(Q(*matching, _connector=Q.OR)) if matching else queryset.none(), False
