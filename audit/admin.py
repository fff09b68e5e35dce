from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnly, TenantScoped
from audit.models import AuditLog


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnly, TenantScoped):
    list_display = ["sequence", "timestamp", "actor", "action", "target_type", "target_id"]
    list_filter = ["action"]
    search_fields = ["=actor", "=target_id"]
    ordering = ["-sequence"]
