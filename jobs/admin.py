"""Read-only admin pages for jobs and workers. The queue's own pages are removed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest

from common.admin import ReadOnlyAdmin, TenantScopedAdmin
from jobs.models import JobExecutionLog, WorkerHost
from jobs.monitoring.filters import JobFilter


@admin.register(JobExecutionLog)
class JobAdmin(ReadOnlyAdmin, TenantScopedAdmin):
    list_display = ["id", "report_name", "status", "requested_by_name", "queued_at", "ended_at", "error_code"]
    list_filter = ["status", "tenant"]
    #: Makes Django show the search bar; get_search_results does the search.
    search_fields = ["id"]
    ordering = ["-queued_at", "-id"]

    def get_queryset(self, request: HttpRequest) -> Any:
        jobs: Any = super().get_queryset(request)
        user: Any = request.user
        if user.is_superuser:
            return jobs.across_tenants()
        return jobs if user.is_administrator else jobs.filter(caller_values__isnull=True)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Search as the job list does: Django's search would scan the whole table. An invalid search finds nothing."""
        filters = JobFilter({"q": search_term}, queryset=queryset)
        return (filters.qs if filters.is_valid() else queryset.none()), False

    def get_exclude(self, request: HttpRequest, obj: JobExecutionLog | None = None) -> Any:
        user: Any = request.user
        return [] if user.is_administrator else ["error_trace", "caller_values"]


@admin.register(WorkerHost)
class WorkerHostAdmin(ReadOnlyAdmin):
    list_display = ["host", "pid", "slots", "started_at", "seen_at", "restarts"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


# The queue's own admin pages unpickle rows and can schedule any function of the server. They are imported here first
# because they would otherwise register themselves later.
import_module("django_q.admin")
for _model in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
