from __future__ import annotations

from functools import reduce
from operator import or_

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from audit.models import AuditLog
from common.admin import ReadOnlyAdmin, TenantScopedAdmin


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin, TenantScopedAdmin):
    list_display = ["sequence", "timestamp", "actor", "action", "target_type", "target_id"]
    list_filter = ["action"]
    #: There is a search because this is not empty; what it finds, get_search_results says.
    search_fields = ["actor", "target_id"]
    ordering = ["-sequence"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditLog], search_term: str
    ) -> tuple[QuerySet[AuditLog], bool]:
        """Exactly, and by either alone where no entry has the other: one index can't answer for both."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = [one for one in (Q(actor=term), Q(target_id=term)) if queryset.filter(one).exists()]
        return queryset.filter(reduce(or_, found)) if found else queryset.none(), False
